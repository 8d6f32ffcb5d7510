"""Prediction intervals of numbers: how far from an answer the truth lies, with a stated probability.

Split conformal prediction (Lei et al. 2018, https://doi.org/10.1080/01621459.2017.1307116): the errors on images that the network did not learn from say how
wide an interval has to be. It needs no assumption on the errors, only that new images are like these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

LEVEL = 0.9  # of the truths are to lie within


@dataclass(frozen=True)
class Widths:
    """Half the width of the interval around an answer, by number, in its unit; and the share of truths that are to lie within."""

    half: tuple[float, ...]
    level: float = LEVEL

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> Widths:
        """What `as_dict` gave."""
        return cls(tuple(float(width) for width in stated["half_widths"]), float(stated["level"]))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"level": self.level, "half_widths": list(self.half)}

    def covered(self, truth: np.ndarray, answers: np.ndarray) -> tuple[float, ...]:
        """The share of images (images, outputs) whose truth lies within the interval, by number."""
        inside = np.abs(np.asarray(answers, np.float64) - truth) <= np.asarray(self.half)
        return tuple(float(share) for share in inside.mean(axis=0))


def widths_of(truth: np.ndarray, answers: np.ndarray, level: float = LEVEL) -> Widths | None:
    """The intervals from `truth` and `answers` (images, outputs) of images that were not learned from; None of fewer images than any width would need."""
    images = len(truth)
    rank = math.ceil((images + 1) * level)
    if rank > images:
        return None
    off = np.sort(np.abs(np.asarray(answers, np.float64) - truth), axis=0)
    return Widths(tuple(float(width) for width in off[rank - 1]), level)
