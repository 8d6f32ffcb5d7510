"""How a recipe's score grows with the number of images it learns from: plain data, made by `automl_cnn.diagnosis.forecast`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

How = Literal["readout", "training"]
GROWTH = "growth"  # in a study's record: what was measured, by trial


@dataclass(frozen=True)
class Point:
    """The `score` of a recipe that learned from `images` images, and its 95 % `interval`."""

    images: int
    score: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Point:
        """The point from JSON."""
        low, high = kept["interval"]
        return cls(int(kept["images"]), float(kept["score"]), (float(low), float(high)))


@dataclass(frozen=True)
class Size:
    """The `scores` of readouts that learned from about `images` images, one for each draw of them; `deviation` is the standard deviation of a score from
    judging images to others."""

    images: int
    scores: tuple[float, ...]
    deviation: float


@dataclass(frozen=True)
class Sizes:
    """The fewest images first. `same` is the correlation of two sizes' scores, over other images to judge by."""

    sizes: tuple[Size, ...]
    same: float


@dataclass(frozen=True)
class Growth:
    """The scores of one recipe on growing parts of the images, the fewest first, and the forecast for `twice` the images of the last point.

    `gain` is the forecast rise of the score, with its 95 % interval `gain_interval`. It is known better than the score itself, since the same images judge
    all points. `how` says whether regressions on stored features were fitted, or networks were trained.
    """

    points: tuple[Point, ...]
    twice: Point
    gain: float
    gain_interval: tuple[float, float]
    how: How

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Growth | None:
        """What `as_dict` gave; None of None, and of what another version kept in another form."""
        if not kept:
            return None
        try:
            low, high = kept["gain_interval"]
            points = tuple(map(Point.of, kept["points"]))
            return cls(points, Point.of(kept["twice"]), float(kept["gain"]), (float(low), float(high)), "readout" if kept["how"] == "readout" else "training")
        except (KeyError, TypeError, ValueError):
            return None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dataclasses.asdict(self)
