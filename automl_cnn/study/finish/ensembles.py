"""The end of a search: where several networks are better together than the best alone, they take its place, in one file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn import predictions
from automl_cnn.config import Metric
from automl_cnn.errors import TrialError
from automl_cnn.modelfile.file import read_card, unseal, write_card
from automl_cnn.ranking import incumbent
from automl_cnn.records import NetCost, Trial
from automl_cnn.space import Configuration
from automl_cnn.study.finish.combine import Combination, attempts, better, combine
from automl_cnn.study.model_files import ModelFiles
from automl_cnn.study.observer import Observer
from automl_cnn.study.plan.budget import FORWARD
from automl_cnn.study.plan.limits import Limits
from automl_cnn.study.plan.stages import kept
from automl_cnn.study.running.executors.protocol import Executor, Joint, Recipe
from automl_cnn.tasks import Task

MEMBERS = "members"  # in the card: each member's share, by trial
PART = ".ensemble.keras"
LOADED = 0.5  # of what building and compiling it for training takes, for loading and running it
READ = 2  # times that an ensemble is loaded: its members to make it, itself for all that is asked of it
LOOKED = 3  # times that it goes through a split of images: made, tested, and calibrated where some probability is too small for a logarithm


@dataclass(frozen=True)
class Ensembles:
    """What is needed to make one: the validation labels, the checkpoints, the user's limits, a worker. Trials are given as the record has them, all of them."""

    task: Task
    metric: Metric
    labels: np.ndarray
    model_files: ModelFiles
    limits: Limits
    cost: Callable[[Configuration], NetCost]
    executor: Executor
    observer: Observer
    groups: np.ndarray | None = None  # of the validation images: the same number for versions of one photo

    def put(self, trials: Sequence[Trial], seconds: float) -> None:
        """Put an ensemble in the best model's place, if one is better by more than chance, keeps the limits and can be made within `seconds`.

        Nothing happens where it stands there already.
        """
        best, probabilities = incumbent(tuple(trials)), self._probabilities(trials)
        combination = self._combination(trials, probabilities)
        if best is None or combination is None or members_of(self.model_files.best) == shares(combination):
            return
        members = [trials[number] for number in combination.picks]
        if price(members, len(self.labels)) > seconds:
            named = ", ".join(str(trial.number) for trial in members)
            self.observer.note(f"Trials {named} answer better together than the best alone, but no time was left to make one model of them: raise --budget.")
            return
        self.observer.finishing(f"making one model of {len(members)} networks that are better together")
        part = self.model_files.best.with_name(PART)
        try:
            self._make(best, combination, probabilities, part)
        except TrialError as error:
            self.observer.note(f"The best networks could not be made one model: {error}")
        finally:
            part.unlink(missing_ok=True)

    def foreseen(self, trials: Sequence[Trial]) -> float:
        """Seconds that the finish would take longer, were the search to end now: none where the best alone would stand."""
        combination = self._combination(trials, self._probabilities(trials))
        return 0.0 if combination is None else price([trials[number] for number in combination.picks], len(self.labels))

    def take_apart(self, trials: Sequence[Trial]) -> None:
        """Put the best network alone in its place again, where an ensemble stands and the network's checkpoint is still there."""
        best = incumbent(tuple(trials))
        if best is not None and members_of(self.model_files.best) and self.model_files.checkpoint(best.number).exists():
            self.model_files._promote(best)

    def _combination(self, trials: Sequence[Trial], probabilities: Mapping[int, np.ndarray]) -> Combination | None:
        best = incumbent(tuple(trials))
        if best is None:
            return None
        return combine(
            self.task, self.metric, self.labels, probabilities, best.number, allowed=lambda numbers: self._allowed([trials[number] for number in numbers])
        )

    def _probabilities(self, trials: Sequence[Trial]) -> dict[int, np.ndarray]:
        """The probabilities of the validation images, by trial, of the networks that are still there."""
        read = {number: predictions.recall(self.model_files.checkpoint(number)) for number in sorted(kept(trials))}
        return {
            number: probabilities
            for number, probabilities in read.items()
            if probabilities is not None and probabilities.shape == (len(self.labels), self.task.outputs)
        }

    def _allowed(self, members: Sequence[Trial]) -> bool:
        """Whether their sum keeps the limits."""
        limits = self.limits
        if limits.none:
            return True
        paid = together(self.cost(trial.configuration) for trial in members)
        if dataclasses.replace(limits, latency=None).broken({}, paid) is not None:
            return False
        return limits.latency is None or limits.measure is None or sum(limits.measure(trial.configuration) for trial in members) <= limits.latency

    def _make(self, best: Trial, combination: Combination, probabilities: Mapping[int, np.ndarray], part: Path) -> None:
        """What is made must keep what was promised: judged once more by its own answers, at its own size on disk."""
        files = {number: str(self.model_files.checkpoint(number)) for number in combination.picks}
        made = self.executor.ensemble(Recipe(files, combination.weights, str(part)))
        if not better(self.task, self.metric, self.labels, made.probabilities, probabilities[best.number], tries=attempts(len(probabilities))):
            return
        if self.limits.bytes is not None and part.stat().st_size > self.limits.bytes:
            return
        predictions.keep(part, made.probabilities)
        write_card(part, {**self.model_files.card(best), **self._card(combination, made)})
        unseal(self.model_files.best)
        part.replace(self.model_files.best)

    def _card(self, combination: Combination, made: Joint) -> dict[str, Any]:
        return {
            "size": made.size,
            "params": made.cost.params,
            "mult_adds": made.cost.mult_adds,
            "val_score": self.task.score(self.metric, self.labels, made.probabilities),
            "val_interval": self.task.interval(self.metric, self.labels, made.probabilities, groups=() if self.groups is None else self.groups),
            MEMBERS: shares(combination),
        }


def shares(combination: Combination) -> dict[str, float]:
    """Each trial's share, as the card keeps it."""
    return {str(number): round(share, 6) for number, share in combination.weights.items()}


def members_of(model: Path) -> dict[str, float]:
    """The shares of the trials that a model file is made of; none where it is one network."""
    return {str(number): float(share) for number, share in (read_card(model).get(MEMBERS) or {}).items()}


def standing(model: Path) -> dict[str, Any]:
    """What a study's result says of an ensemble in the best model's place, in place of what it says of the best trial; nothing where there is none."""
    card, members = read_card(model), members_of(model)
    if not members:
        return {}
    low, high = card["val_interval"]
    return {MEMBERS: members, "val_interval": (low, high), **{name: card[name] for name in ("params", "mult_adds", "val_score")}}


def together(costs: Any) -> NetCost:
    """The sum of several networks' costs."""
    return NetCost(*(sum(column) for column in zip(*(dataclasses.astuple(cost) for cost in costs), strict=True)))


def price(members: Sequence[Trial], images: int) -> float:
    """About how many seconds the finish takes longer by making and using one model of these trials; `images` is their number in a split."""
    return sum(READ * LOADED * (trial.setup or 0.0) + LOOKED * images / (FORWARD * (trial.images_per_second or 1e9)) for trial in members)
