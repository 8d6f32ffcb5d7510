"""Ways to make images square, compared before a study begins, and which one it goes on with. Plain data and the sentence that states it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automl_cnn.data.fit import FITS, Fit
from automl_cnn.judged import metric_name
from automl_cnn.measure import Measure, span, spelled
from automl_cnn.paired import gap
from automl_cnn.space import Configuration

Z95 = 1.96
FALLBACK: Fit = "squash"  # where nothing could be compared


@dataclass(frozen=True)
class Candidates:
    """A frozen network's `configuration`, and the images to read with it: `rows` of the data set, in this order, of the files in `folder`.

    After `seconds`, no more images are read. `max_pixels` as in `guard.limit`.
    """

    configuration: Configuration
    folder: str
    rows: tuple[int, ...]
    seconds: float | None = None
    max_pixels: float | None = None


@dataclass(frozen=True)
class Score:
    """Of one way: the cross-validated `score`, its 95 % `interval`, and which images were answered rightly, packed."""

    score: float
    interval: tuple[float, float]
    right: str


@dataclass(frozen=True)
class Comparison:
    """The scores of all ways on the same `images`; none where there were too few of them for folds. Decoding one image once takes `decoding` seconds."""

    images: int
    decoding: float
    scores: Mapping[Fit, Score] = field(default_factory=dict)

    @property
    def best(self) -> Fit:
        """The way with the highest score, the first of equals."""
        return max(FITS, key=lambda fit: self.scores[fit].score)


@dataclass(frozen=True)
class Choice:
    """The `fit` that a study goes on with, and why: the images' `shapes` and the `comparison`, or `why` the best was not taken or nothing was compared.

    `metric` is what the scores are of, `network` what read the images, at `size` px.
    """

    fit: Fit
    shapes: str
    metric: str = ""
    network: str = ""
    size: int = 0
    comparison: Comparison | None = None
    why: str = ""
    scale: float | None = None  # how scores of the metric read, as in `automl_cnn.measure`
    unit: str = ""
    digits: int = 3

    @property
    def sentence(self) -> str:
        """All of it, for terminal, report and model card."""
        begin = f"The shapes are extreme: {self.shapes}."
        if self.comparison is None:
            return f"{begin} The images are squashed to a square: no other way could be compared, since {self.why}. --fit pad or --fit crop may be better."
        images, scores = self.comparison.images, self.comparison.scores
        metric = Measure.reading(self.metric, self.scale, self.unit, self.digits)
        read = ", ".join(
            f"{fit} {spelled(metric, scores[fit].score)} ({' to '.join(span(metric, scores[fit].interval))})"
            for fit in sorted(FITS, key=lambda fit: -scores[fit].score)
        )
        by = f"a readout of {self.network} at {self.size} px on {images:,} training and validation images, cross-validated"
        measure = f"{metric_name(metric)} with 95 % intervals"
        return f"{begin} Ways to make the images square, by {by} ({measure}): {read}. {self._taken(self.comparison)}"

    def _taken(self, comparison: Comparison) -> str:
        best = comparison.best
        if self.fit != best:
            return f"The images are squashed, although {best} is ahead, since {self.why}. --fit {best} uses it."
        if best == FALLBACK:
            return "The study goes on with squash: no other way is ahead."
        gain, error = gap(comparison.scores[FALLBACK].right, comparison.scores[best].right)
        surely = "more" if gain > Z95 * error else "no more"
        return f"The study goes on with {best}, ahead of squash by {surely} than chance explains."

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Choice:
        """What `as_dict` gave."""
        comparison = kept.get("comparison")
        if comparison is not None:
            scores = {fit: Score(one["score"], tuple(one["interval"]), one["right"]) for fit, one in comparison["scores"].items()}
            comparison = Comparison(comparison["images"], comparison["decoding"], scores)
        names = {one.name for one in dataclasses.fields(cls)}  # what a later version added is passed over
        return cls(**{**{name: value for name, value in kept.items() if name in names}, "comparison": comparison})
