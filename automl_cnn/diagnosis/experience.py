"""What actions did in earlier studies: where a new study begins to believe in them.

Every counterfactual trial that has ended is one effect: an action, a difference of scores with its standard deviation, and the number of training images.
Effects differ more between data sets than between two networks on one set, and more the more the sizes of the sets differ.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl_cnn.diagnosis.effects import UNKNOWN, Belief, belief, measured
from automl_cnn.records import Trial

BETWEEN_SETS = 0.03  # standard deviation of one action's effect from data set to data set
LEAST_SD = 0.01  # of a prior: a new data set may always differ


@dataclass(frozen=True)
class Effect:
    """What `action` did once: a difference of scores and its standard deviation, in a study on that many training images."""

    action: str
    images: int
    difference: float
    sd: float


@dataclass(frozen=True)
class Experience:
    """The effects of earlier studies, as seen from a study on that many training `images`."""

    effects: tuple[Effect, ...] = ()
    images: int = 0

    @classmethod
    def of(cls, studies: Sequence[tuple[int, Sequence[Trial]]], images: int) -> Experience:
        """From earlier studies: the number of training images and the trials of each."""
        effects = [Effect(action, count, *effect) for count, trials in studies for action, known in measured(trials).items() for effect in known]
        return cls(tuple(effects), images)

    def prior(self, action: str) -> Belief:
        """What to expect of an action before it was tried on these images."""
        known = [(effect.difference, math.hypot(effect.sd, BETWEEN_SETS * (1 + self._apart(effect)))) for effect in self.effects if effect.action == action]
        if not known:
            return UNKNOWN
        made = belief(known)
        return dataclasses.replace(made, sd=max(LEAST_SD, made.sd))

    def beliefs(self, trials: Sequence[Trial]) -> Callable[[str], Belief]:
        """What to expect of each action now: earlier studies, combined with what this study's trials measured."""
        here = measured(trials)
        return lambda action: belief(here.get(action, ()), self.prior(action))

    def _apart(self, effect: Effect) -> float:
        """The powers of ten between the sizes of the two data sets."""
        return abs(math.log10(max(1, effect.images) / max(1, self.images)))

    def as_list(self) -> list[dict[str, Any]]:
        """JSON-ready."""
        return [dataclasses.asdict(effect) for effect in self.effects]

    @classmethod
    def from_list(cls, kept: Sequence[Mapping[str, Any]], images: int) -> Experience:
        """The inverse of `as_list`."""
        return cls(tuple(Effect(**effect) for effect in kept), images)
