"""The events of a study, as plain frozen data that crosses every layer.

A `Job` is a request of the planner, a `Trial` is its result. Between the two an executor
yields events: `Started`, `Progress`, `Epoch` and, last, `Finished`.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from automl_cnn.errors import Cause
from automl_cnn.growth import Growth
from automl_cnn.interventions import Interventions
from automl_cnn.space import Scalar
from automl_cnn.transfer import name_of
from automl_cnn.workers import Workers

MAJORITY = "majority"  # the stage of the one trial that is not a network, made where there was no time for any
MAJORITY_CLASS = "majority_class"  # what stands for its architecture


class State(StrEnum):
    """How a trial ended, or that it has not."""

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"  # stopped early because it was hopeless
    STOPPED = "stopped"  # stopped early by the budget or the user; its score counts
    FAILED = "failed"


@dataclass(frozen=True)
class Fidelity:
    """How much is spent on one trial: at most `epochs` epochs, and `seconds` of training if given.

    The seconds count from the end of the first step, since building and compiling teach the network nothing.
    `rung` says how often it was promoted before, `share` how much of the training split an epoch goes through.
    """

    epochs: int
    seconds: float | None = None
    rung: int = 0
    share: float = 1.0


@dataclass(frozen=True)
class Guide:
    """A counterfactual: one change of one trial, so that the difference of their scores is the change's effect.

    `finding` asked for it, `action` is the change in a few words, `parent` the trial it is compared with, and `seed` the trial whose random numbers both use.
    """

    finding: str
    action: str
    parent: int
    seed: int


@dataclass(frozen=True)
class Job:
    """One configuration to train, and why. `stage` is one word: again, defaults, portfolio, guided, scaling, search, promotion, retry, final,
    majority.

    It goes on from the best epoch of the trial `continue_from`, which has the same configuration but for the batch size.
    """

    configuration: Mapping[str, Scalar]
    fidelity: Fidelity
    reason: str
    stage: str = "search"
    proposal: int | None = None  # the engine's own number, if an engine proposed it
    continue_from: int | None = None
    guide: Guide | None = None  # where a diagnosis asked for it
    seed: int | None = None  # of its random numbers, where it is to share them with others; else they are its own
    refused: int = 0  # proposals of the engine that were refused before this one


@dataclass(frozen=True)
class NetCost:
    """What a network costs, known before it is trained; `kernels` counts its layers with kernels, `weights` all numbers in its file."""

    params: int
    mult_adds: int
    kernels: int
    weights: int = 0


@dataclass(frozen=True)
class Started:
    """The network is built; `epochs` is what the worker plans to train."""

    cost: NetCost
    epochs: int


@dataclass(frozen=True)
class Progress:
    """A sign of life within an epoch (both counted from 1)."""

    epoch: int
    epochs: int
    step: int
    steps: int


@dataclass(frozen=True)
class Epoch:
    """One epoch's curve points. `score` is the study's metric on the validation split, higher is better."""

    number: int
    epochs: int
    seconds: float  # since the trial began
    loss: float
    accuracy: float  # on the training batches as trained, augmentation and dropout included
    val_loss: float
    val_accuracy: float
    score: float
    learning_rate: float
    clean_loss: float | None = None  # on a sample of the training images as they are, without augmentation and dropout
    clean_accuracy: float | None = None

    @property
    def tenth(self) -> int:
        """How far the training has come, in tenths, 1 to 10: what trials of different lengths are compared at."""
        return min(10, max(1, round(10 * self.number / max(1, self.epochs))))


@dataclass(frozen=True)
class Finished:
    """The last event of a trial. `checkpoint` is the model file with the best epoch's weights."""

    state: State
    score: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    setup: float | None = None  # seconds until the first step was done: building and compiling
    steps_seconds: float | None = None  # seconds within training steps and scoring
    images_per_second: float | None = None
    checkpoint: str | None = None
    failure: str | None = None  # one sentence, where state is FAILED
    cause: Cause | None = None  # its kind, where state is FAILED
    interval: tuple[float, float] | None = None  # 95 % of the validation score
    averaged: int = 0  # epochs whose mean the weights are; 0: those of the best epoch alone
    right: str | None = None  # which validation images were answered rightly, as `automl_cnn.paired` packs them
    latency: float | None = None  # ms for one image on this machine, where an objective or a limit asks for it
    folds: int = 0  # of the cross-validation over training and validation images that gave the score; 0: it is that on the validation images
    val_score: float | None = None  # the score on the validation images alone, where `score` is cross-validated
    cross_right: str | None = None  # as `right`, of the training and validation images in the order of their rows, where the score is cross-validated
    strength: float | None = None  # of a readout's regression: the inverse of its penalty, as cross-validation chose it


Event = Started | Progress | Epoch | Finished


@dataclass(frozen=True)
class Trial:
    """One configuration trained, or still being trained."""

    number: int
    configuration: Mapping[str, Scalar]
    fidelity: Fidelity
    reason: str
    stage: str
    state: State = State.RUNNING
    score: float | None = None
    interval: tuple[float, float] | None = None
    epochs: tuple[Epoch, ...] = ()
    best_epoch: int | None = None
    params: int | None = None
    mult_adds: int | None = None
    kernels: int | None = None
    seconds: float = 0.0
    setup: float | None = None
    steps_seconds: float | None = None
    images_per_second: float | None = None
    failure: str | None = None
    started_at: float = 0.0  # seconds since 1970
    continue_from: int | None = None
    averaged: int = 0  # as in Finished
    guide: Guide | None = None
    right: str | None = None
    latency: float | None = None  # ms for one image, where it was measured
    bytes: int | None = None  # of the model file, about
    folds: int = 0  # as in Finished, like the next three
    val_score: float | None = None
    cross_right: str | None = None
    strength: float | None = None
    seed: int | None = None  # of its random numbers, where its job named one
    refused: int = 0  # as in Job
    cause: Cause | None = None  # as in Finished
    worker: int | None = None  # that trained it, counted from 1; None in studies of earlier versions, and where no worker was needed
    node: str | None = None  # of the worker; None: the machine of the search
    part: float = 1.0  # of the machine's cores, which the worker had
    interventions: Interventions | None = None  # where they were made
    absent: bool = False  # its model is on another machine: its score is known, but it cannot win

    @property
    def lost(self) -> bool:
        """Whether it failed through no fault of its own, so that it counts as never tried."""
        return self.state is State.FAILED and self.cause in (Cause.INTERRUPTED, Cause.NODE)

    @property
    def on_validation(self) -> float | None:
        """The score on the validation images alone."""
        return self.val_score if self.folds else self.score

    @property
    def judged(self) -> str:
        """How its score was measured, in one or two words."""
        return f"{self.folds}-fold" if self.folds else "validation"

    @property
    def architecture(self) -> str:
        return str(self.configuration["architecture"])

    @property
    def is_majority(self) -> bool:
        """Whether it is not a network but the same answer to every image."""
        return self.stage == MAJORITY

    def figures(self, *, winner: bool) -> dict[str, Any]:
        """A row of the Pareto front, JSON-ready."""
        low, high = self.interval or (None, None)
        return {
            "trial": self.number,
            "winner": winner,
            "network": name_of(self.configuration),
            "score": self.score,
            "low": low,
            "high": high,
            "latency_ms": self.latency,
            "mult_adds": self.mult_adds,
            "params": self.params,
            "bytes": self.bytes,
        }

    @property
    def scored(self) -> bool:
        """Whether its score may be compared with others' at full length, and its model is there to win."""
        return self.score is not None and self.state in (State.COMPLETE, State.STOPPED) and not self.absent


@dataclass(frozen=True)
class Finding:
    """One diagnosed fact about a training, with its evidence in numbers.

    `kind` is one word of `automl_cnn.diagnosis`, `severity` low, medium or high, `epoch` where on the curves it begins, `actions` what may help, the most
    promising first. `probability` says how certain it is that this explains the curves, and `others` which explanations remain, each with its probability;
    None and empty for what was counted or calculated, and for tasks without a calibrated diagnosis.
    """

    kind: str
    severity: str
    sentence: str
    evidence: Mapping[str, float]
    epoch: int | None = None
    actions: tuple[str, ...] = ()
    probability: float | None = None
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Calibration:
    """How far a model's probabilities can be trusted, on the validation images: mean negative log-likelihood and expected calibration error.

    `held_out_error` is the calibration error by cross-validation: each image is judged with a temperature that was fitted on others.
    A temperature of 1 means that the probabilities are as they were trained, because scaling them did not help there.
    """

    temperature: float
    loss: float
    loss_after: float
    error: float
    error_after: float
    held_out_error: float | None = None  # None in studies that were written before it was measured
    thresholds: tuple[float, ...] = ()  # of several labels: the probability from which each counts as answered
    f1: float | None = None  # with these thresholds, the macro F1 of validation images that they were not chosen on
    f1_at_half: float | None = None  # the same at one half
    widths: tuple[float, ...] = ()  # of numbers: half the width of the interval that nine in ten truths lie within, in its unit


@dataclass(frozen=True)
class Refit:
    """The winner's recipe trained once more, on `images` images; the scores belong to the same recipe trained on `scored_images` of them.

    `correct` and `correct_before` are the shares of `compared` images that it and the scored model answer correctly: images that only the refit has learned
    from. Where it was discarded or not made, `kept` says why the delivered model is the scored one.
    """

    images: int
    scored_images: int
    splits: tuple[str, ...] = ("train", "val", "test")
    compared: int = 0
    correct: float | None = None
    correct_before: float | None = None
    loss: float | None = None
    loss_before: float | None = None
    kept: str = ""

    @property
    def sentence(self) -> str:
        """What a reader of the scores has to know."""
        if self.kept:
            return f"The model is the one that was scored, trained on {self.scored_images:,} images: {self.kept}."
        return (
            f"The model was trained on {self.images:,} images ({words_of(self.splits)}); its scores belong to the same recipe trained on "
            f"{self.scored_images:,} of them."
        )


def words_of(splits: tuple[str, ...] | list[str]) -> str:
    """`training, validation and test`."""
    names = [{"train": "training", "val": "validation"}.get(split, split) for split in splits]
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


@dataclass(frozen=True)
class Folds:
    """The winner's recipe, cross-validated: `wanted` folds were asked for, `scores` are those of the folds that were answered.

    `score` and its 95 % `interval` are of the answers to all `images` together. Each was given by a network that had not seen the image, nor was it chosen by
    it; the configuration was, so that the score is a little too good. `note` says why there are fewer folds, or none.
    """

    wanted: int
    scores: tuple[float, ...] = ()
    images: int = 0
    score: float | None = None
    interval: tuple[float, float] | None = None
    note: str = ""

    @property
    def spread(self) -> float:
        """The standard deviation of the folds' scores; 0 of fewer than two."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else 0.0


@dataclass(frozen=True)
class StudyResult:
    """The result of a search; `automl-cnn search --json` prints it."""

    study: str
    metric: str
    configuration: Mapping[str, Scalar]
    params: int
    mult_adds: int
    val_score: float
    val_interval: tuple[float, float]
    test_score: float | None
    test_interval: tuple[float, float] | None
    trials: int
    seconds: float
    model_path: str
    trial: int
    stopped_by: str  # budget, trials, user, exhausted, disk
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()  # what to know before the scores are believed; they are among the notes too
    baseline: float | None = None  # the validation score of the same answer to every image: of classes, the most frequent one
    calibration: Calibration | None = None
    objectives: tuple[str, ...] = ()  # the metric, then costs, where there are several
    front: tuple[int, ...] = ()  # the trials that none beats in all objectives at once, the highest score first
    folds: int = 0  # of the cross-validation that gave `val_score`; 0: it is the score on the validation images
    cross_validation: Folds | None = None  # where `folds` were asked for
    refit: Refit | None = None  # how the delivered model was trained on more images than the scored one; None where that was switched off
    growth: Growth | None = None  # what more images would give, where that was measured
    tested: int = 1  # how many of the study's winners, this one included, were scored on the test images so far
    winner_found_at: float | None = None  # seconds from the beginning of the study until the winning trial was finished
    task: str = "multiclass"  # what was asked: one class for each image; multilabel, any number of labels; or regression, numbers
    targets: tuple[Mapping[str, Any], ...] = ()  # of numbers: the name, unit, mean and standard deviation of each
    thresholds: Mapping[str, float] = field(default_factory=dict)  # of several labels: by label, the probability from which it counts as answered
    per_label: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)  # on the test, else validation images; of numbers, their errors
    members: Mapping[str, float] = field(default_factory=dict)  # of an ensemble: each member's share, by trial; the first is `trial`
    workers: Workers | None = None  # how they were used; None in studies of earlier versions
    leaderboard: tuple[Trial, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; the leaderboard is left out, the front given in figures."""
        names = [name for name in self.__dataclass_fields__ if name != "leaderboard"]
        values = {name: getattr(self, name) for name in names}
        values["calibration"] = dataclasses.asdict(self.calibration) if self.calibration is not None else None
        values["refit"] = dataclasses.asdict(self.refit) if self.refit is not None else None
        values["cross_validation"] = dataclasses.asdict(self.cross_validation) if self.cross_validation is not None else None
        values["workers"] = self.workers.as_dict() if self.workers is not None else None
        values["growth"] = self.growth.as_dict() if self.growth is not None else None
        values["front"] = self.table
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}

    @property
    def table(self) -> list[dict[str, Any]]:
        """The front in figures, a row for each of its trials."""
        by_number = {trial.number: trial for trial in self.leaderboard}
        return [by_number[number].figures(winner=number == self.trial) for number in self.front if number in by_number]
