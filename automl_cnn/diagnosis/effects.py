"""What an action did on this data set, out of its counterfactual trials, and what to expect of it next.

An effect is the difference of two validation scores of trials that differ in the action alone. Effects of one action differ
from network to network, by `BETWEEN`; what an action does on average has a normal prior around 0, of width `PRIOR`. Both
being normal, so is what is known after some trials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from automl_cnn.paired import difference
from automl_cnn.records import Trial

PRIOR = 0.03  # before anything was tried: few changes of one thing move a score by more
BETWEEN = 0.02  # of one action's effects on different networks
HOPE = 1.0  # standard deviations above the mean at which an action is judged (upper confidence bound, Auer et al. 2002)
Z95 = 1.96


@dataclass(frozen=True)
class Helped:
    """What an action did: so often tried, by how much the validation score rose on average, and the 95 % interval of that."""

    action: str
    tried: int
    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Belief:
    """What is to be expected of an action: a normal distribution."""

    mean: float = 0.0
    sd: float = PRIOR

    @property
    def hope(self) -> float:
        """What it may well bring: where this is not above 0, it is not proposed any more."""
        return self.mean + HOPE * self.sd


def measured(trials: Sequence[Trial]) -> dict[str, list[tuple[float, float]]]:
    """By action, the effects (difference, standard deviation) of the counterfactual trials that have ended."""
    known = {trial.number: trial for trial in trials}
    found: dict[str, list[tuple[float, float]]] = {}
    for trial in trials:
        parent = known.get(trial.guide.parent) if trial.guide else None
        if trial.guide is None or parent is None or not trial.scored:
            continue
        effect = difference(parent, trial)
        if effect is not None:
            found.setdefault(trial.guide.action, []).append(effect)
    return found


def belief(effects: Sequence[tuple[float, float]]) -> Belief:
    """The prior, brought together with what was measured, each by its precision."""
    weights = [1 / (sd**2 + BETWEEN**2) for _, sd in effects]
    precision = 1 / PRIOR**2 + sum(weights)
    return Belief(sum(weight * value for weight, (value, _) in zip(weights, effects, strict=True)) / precision, math.sqrt(1 / precision))


def helped(trials: Sequence[Trial]) -> tuple[Helped, ...]:
    """What helped on this data set, the most helpful first: plain means, each effect weighed by how well it is known, without the prior."""
    found = []
    for action, effects in measured(trials).items():
        weights = [1 / (sd**2 + BETWEEN**2) for _, sd in effects]
        mean = sum(weight * value for weight, (value, _) in zip(weights, effects, strict=True)) / sum(weights)
        half = Z95 / math.sqrt(sum(weights))
        found.append(Helped(action, len(effects), mean, (mean - half, mean + half)))
    return tuple(sorted(found, key=lambda entry: -entry.mean))
