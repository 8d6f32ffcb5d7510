"""What an action did on this data set, out of its counterfactual trials, and what to expect of it next.

An effect is the difference of two validation scores of trials that differ in the action alone. Effects of one action differ from network to network.

What to expect next is a `belief`: a normal prior, updated by effects that differ by `BETWEEN`. The prior is around 0 and of width `PRIOR`, or what earlier
studies measured (`experience`). These are assumptions, which decide what is tried and nothing else. What is reported (`helped`) rests on the effects
themselves: the spread between networks is estimated from them, so that a single trial has no interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.paired import difference
from automl_cnn.records import Trial

PRIOR = 0.03  # before anything was tried: few changes of one thing move a score by more
BETWEEN = 0.02  # of one action's effects on different networks
HOPE = 1.0  # standard deviations above the mean at which an action is judged (upper confidence bound, Auer et al. 2002)
LEVEL = 0.95
LEAST_SD = 1e-4  # of an effect: two trials with the same answers


@dataclass(frozen=True)
class Helped:
    """What an action did: how often it was tried, by how much the validation score rose on average, and the 95 % interval of that mean.

    `interval` is None after a single trial: how much its effect differs between networks is not known then.
    """

    action: str
    tried: int
    mean: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Belief:
    """What is to be expected of an action: a normal distribution."""

    mean: float = 0.0
    sd: float = PRIOR

    @property
    def hope(self) -> float:
        """What it may well bring: where this is not above 0, it is not proposed any more."""
        return self.mean + HOPE * self.sd


UNKNOWN = Belief()


def measured(trials: Sequence[Trial]) -> dict[str, list[tuple[float, float]]]:
    """By action, the effects (difference, standard deviation) of the counterfactual trials that have ended."""
    known = {trial.number: trial for trial in trials}
    effects: dict[str, list[tuple[float, float]]] = {}
    for trial in trials:
        parent = known.get(trial.guide.parent) if trial.guide else None
        if trial.guide is None or parent is None or not trial.scored:
            continue
        effect = difference(parent, trial)
        if effect is not None:
            effects.setdefault(trial.guide.action, []).append(effect)
    return effects


def belief(effects: Sequence[tuple[float, float]], prior: Belief = UNKNOWN) -> Belief:
    """The prior, combined with the measured effects, each by its precision."""
    weights = [1 / (sd**2 + BETWEEN**2) for _, sd in effects]
    precision = 1 / prior.sd**2 + sum(weights)
    mean = (prior.mean / prior.sd**2 + sum(weight * value for weight, (value, _) in zip(weights, effects, strict=True))) / precision
    return Belief(mean, math.sqrt(1 / precision))


def helped(trials: Sequence[Trial]) -> tuple[Helped, ...]:
    """What helped on this data set, the most helpful first, without the prior."""
    rows = [Helped(action, len(effects), *pooled(effects)) for action, effects in measured(trials).items()]
    return tuple(sorted(rows, key=lambda row: -row.mean))


def pooled(effects: Sequence[tuple[float, float]]) -> tuple[float, tuple[float, float] | None]:
    """The mean of effects (difference, standard deviation) on different networks, and its 95 % interval; None of a single one.

    Random effects: the variance between networks by DerSimonian and Laird 1986 (https://doi.org/10.1016/0197-2456(86)90046-2), the interval by
    Student's t as of Hartung and Knapp 2001 (https://doi.org/10.1002/sim.791), never narrower than that of the effects' own deviations.
    """
    values, variances = np.array([value for value, _ in effects]), np.array([max(sd, LEAST_SD) ** 2 for _, sd in effects])
    if len(values) == 1:
        return float(values[0]), None
    from scipy import stats

    freedom, weights = len(values) - 1, 1 / variances
    middle = np.average(values, weights=weights)
    excess = float(weights @ (values - middle) ** 2) - freedom
    between = max(0.0, excess / (weights.sum() - (weights**2).sum() / weights.sum()))
    weights = 1 / (variances + between)
    mean = float(np.average(values, weights=weights))
    spread = float(weights @ (values - mean) ** 2) / freedom
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * math.sqrt(max(1.0, spread) / weights.sum())
    return mean, (mean - half, mean + half)
