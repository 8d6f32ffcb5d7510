"""The results of a comparison: a row for each training, a score for each network, and a difference with its interval for each pair.

Two things are left to chance: the seed of a training, and which images are held out. An interval holds both.

- The seeds' standard deviation of a network is drawn toward that of the other networks on the same images, since three seeds say little about it
  (see `spreads`). It enters with Student's t.
- The images' part comes from the answers to the held-out images, averaged over the seeds. Differences are taken image by
  image, since most images are easy or hard for both networks: they are better known than either score.

With one seed, an interval covers the images alone, and `Score.seeds` says so.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.comparison.spreads import drawn_together, least
from automl_cnn.comparison.table import Comparison, ImageSet, Measure, Network
from automl_cnn.errors import ConfigError
from automl_cnn.paired import unpacked
from automl_cnn.store import atomic_write_text

FILE = "results.csv"
LEVEL = 0.95
BY_IMAGE: tuple[Measure, ...] = ("accuracy", "error")  # measures that are known for each held-out image
FIXED: tuple[Measure, ...] = ("params", "mult_adds")  # measures that are the same for all seeds
SHARES: tuple[Measure, ...] = ("accuracy", "error", "last_accuracy", "train_accuracy", "train_error", "gap")  # of images: they come in steps
LOWER: tuple[Measure, ...] = ("error", "train_error", "loss", "train_loss", "params", "mult_adds", "milliseconds", "seconds", "gap")  # where less is better


@dataclass(frozen=True)
class Row:
    """One training. Accuracies are shares, `seconds` and `milliseconds` are of this machine; `right` packs which held-out images were answered correctly.

    `accuracy` is that of the best epoch, `last_accuracy`, `train_accuracy` and the losses are those of the last one. Those of the training images are
    measured on the images as they are, without augmentation and dropout.
    """

    set: str
    train: int | None
    series: str
    point: str
    seed: int
    recipe: str
    accuracy: float | None = None
    last_accuracy: float | None = None
    train_accuracy: float | None = None
    loss: float | None = None
    train_loss: float | None = None
    params: int | None = None
    mult_adds: int | None = None
    milliseconds: float | None = None
    seconds: float | None = None
    epochs: int | None = None
    resolution: int | None = None
    width: float | None = None
    depth: float | None = None
    failure: str = ""
    right: str = ""

    @property
    def error(self) -> float | None:
        """The share of held-out images that were answered wrongly."""
        return None if self.accuracy is None else 1 - self.accuracy

    @property
    def train_error(self) -> float | None:
        """The same of the training images, at the last epoch."""
        return None if self.train_accuracy is None else 1 - self.train_accuracy

    @property
    def gap(self) -> float | None:
        """By how much the accuracy on the training images is higher than that on the held-out ones, at the last epoch."""
        return None if self.train_accuracy is None or self.last_accuracy is None else self.train_accuracy - self.last_accuracy

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What it is the result of."""
        return self.set, self.series, self.point, self.seed


@dataclass(frozen=True)
class Score:
    """The mean of one measure over the seeds, with half of its 95 % interval; None where that is not known. `seeds` is how many trainings it is of."""

    mean: float
    half: float | None
    seeds: int


@dataclass(frozen=True)
class Contrast:
    """By how much the measure of one network is above that of another on the same images, with half of its 95 % interval; None where that is not known."""

    difference: float
    half: float | None
    seeds: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.half is not None and abs(self.difference) > self.half


@dataclass(frozen=True)
class Results:
    """The rows of a comparison, and what follows from them. `missing` are the trainings that the table asks for and that have no row."""

    comparison: Comparison
    rows: tuple[Row, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)  # image sets, with the reason
    stale: int = 0  # rows of an earlier table, which are not kept

    @property
    def missing(self) -> int:
        """How many trainings there are still to do, on the image sets that are on this machine."""
        return sum(len(self.missing_on(asked)) for asked in self.comparison.sets if asked.name not in self.left_out)

    def missing_on(self, images: ImageSet) -> tuple[tuple[Network, int], ...]:
        """The networks, with their seeds, that have no row yet on an image set: the first seed of all networks first."""
        known = {row.key for row in self.rows}
        return tuple((network, seed) for seed in self.comparison.seeds for network in self.comparison.on(images) if (*network.key, seed) not in known)

    @property
    def seconds(self) -> float:
        """What all trainings took."""
        return sum(row.seconds or 0.0 for row in self.rows)

    def of(self, images: str, series: str, point: str = "") -> tuple[Row, ...]:
        """The trainings of one network on an image set that succeeded, by seed."""
        mine = [row for row in self.rows if (row.set, row.series, row.point) == (images, series, point)]
        return tuple(sorted((row for row in mine if not row.failure), key=lambda row: row.seed))

    def score(self, images: str, series: str, point: str = "", measure: Measure = "accuracy") -> Score | None:
        """One measure of a network on an image set; None where it was not trained."""
        rows = self.of(images, series, point)
        values = _values(rows, measure)
        if not values:
            return None
        answers = _by_image(rows) if measure in BY_IMAGE else None
        return Score(float(np.mean(values)), _half(measure, len(values), [self.spread(rows[0], measure)], answers), len(values))

    def contrast(self, images: str, series: str, other: str, point: str = "", measure: Measure = "accuracy") -> Contrast | None:
        """By how much a measure of `series` is above that of `other`, over the seeds that both have; None where there are none.

        The two may have learned from different numbers of images: all networks of an image set are judged by the same ones.
        """
        one, two = ({row.seed: row for row in self.of(images, name, point) if _value(row, measure) is not None} for name in (series, other))
        seeds = sorted(one.keys() & two.keys())
        if not seeds:
            return None
        first, second = [one[seed] for seed in seeds], [two[seed] for seed in seeds]
        rise = float(np.mean(_values(first, measure)) - np.mean(_values(second, measure)))
        answers = None
        if measure in BY_IMAGE:
            here, there = _by_image(first), _by_image(second)
            answers = None if here is None or there is None or len(here) != len(there) else here - there
        return Contrast(rise, _half(measure, len(seeds), [self.spread(rows[0], measure) for rows in (first, second)], answers), len(seeds))

    def spread(self, like: Row, measure: Measure) -> tuple[float, float]:
        """The standard deviation of a measure of the network of `like` from seed to seed, and its degrees of freedom.

        It is drawn toward that of the networks that learned from as many images of the same set (see `spreads`).
        """
        networks: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            if (row.set, row.train) == (like.set, like.train) and not row.failure:
                networks.setdefault((row.series, row.point), []).append(row)
        values = {key: _values(rows, measure) for key, rows in networks.items()}
        several = [key for key, known in values.items() if len(known) > 1]
        floor = least([value for known in values.values() for value in known]) if measure in SHARES else 0.0
        drawn = drawn_together([max(floor, float(np.var(values[key], ddof=1))) for key in several], [len(values[key]) - 1 for key in several])
        by_network = dict(zip(several, drawn, strict=True))
        if not drawn:
            return math.nan, 0.0
        variance, freedom = by_network.get((like.series, like.point), max(drawn))  # of one seed alone, as uncertain as any
        return math.sqrt(variance), freedom

    def table(self) -> list[dict[str, Any]]:
        """A row for each network on each image set, JSON-ready: every measure of the comparison, and the difference of the first one to the reference."""
        table, first = list[dict[str, Any]](), self.comparison.measures[0]
        for network in self.comparison.networks:
            where = (network.images.name, network.series, network.point)
            scores = {measure: self.score(*where, measure) for measure in self.comparison.measures}
            if all(score is None for score in scores.values()):
                continue
            reference = self.comparison.reference
            contrast = None if network.series == reference else self.contrast(*where[:2], reference, network.point, first)
            table.append(
                {
                    "set": network.images.name,
                    "train": network.images.train,
                    "series": network.series,
                    "point": network.point,
                    "seeds": max(score.seeds for score in scores.values() if score is not None),
                    **{str(measure): None if score is None else score.mean for measure, score in scores.items()},
                    "half": scores[first].half if scores[first] is not None else None,  # type: ignore[union-attr]  # not None, as just asked
                    "difference": None if contrast is None else contrast.difference,
                    "difference_half": None if contrast is None else contrast.half,
                    "clear": None if contrast is None else contrast.clear,
                }
            )
        return table

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        about = {name: getattr(self.comparison, name) for name in ("name", "title", "question", "claim", "source", "figure", "reference")}
        more = {"measures": list(self.comparison.measures), "seeds": list(self.comparison.seeds), "quick": self.comparison.quick}
        return {
            **about,
            **more,
            "results": self.table(),
            "missing": self.missing,
            "stale": self.stale,
            "left_out": dict(self.left_out),
            "seconds": self.seconds,
        }

    def write(self, file: Path) -> None:
        """The rows as CSV."""
        heads = [one.name for one in dataclasses.fields(Row)]
        out = io.StringIO()
        table = csv.DictWriter(out, heads, lineterminator="\n")
        table.writeheader()
        order = {network.key: number for number, network in enumerate(self.comparison.networks)}
        for row in sorted(self.rows, key=lambda row: (order.get(row.key[:3], len(order)), row.seed)):
            table.writerow({name: _cell(value) for name, value in dataclasses.asdict(row).items()})
        atomic_write_text(file, out.getvalue())


def _half(measure: Measure, seeds: int, spreads: Sequence[tuple[float, float]], answers: np.ndarray | None) -> float | None:
    """Half of the 95 % interval of a mean over `seeds` trainings, or of a difference of two: `spreads` has the spread of each.

    `answers` are the mean answers to each held-out image, or their differences.
    """
    from scipy import stats

    if measure in FIXED:
        return 0.0
    parts = [(spread**2 / seeds, freedom) for spread, freedom in spreads if freedom and spread]
    if answers is not None and len(answers) > 1:
        parts.append(((float(np.var(answers)) + 1 / len(answers) ** 2) / len(answers), len(answers) - 1))  # as if one more image had changed: none is not never
    total = sum(variance for variance, _ in parts)
    if not total:
        return None
    freedom = total**2 / sum(variance**2 / known for variance, known in parts)  # Satterthwaite 1946: the parts are not known equally well
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom) * math.sqrt(total))


def read(comparison: Comparison, file: Path) -> Results:
    """The rows of a CSV file that still belong to the table, whatever their seeds. The others are `stale`: network, images or epochs have changed since.

    Raises:
        ConfigError: the file is not such a table.
    """
    if not file.exists():
        return Results(comparison, ())
    recipes = {(network.key, network.recipe) for network in comparison.networks}
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            rows = [_row(cells) for cells in csv.DictReader(opened)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file} is not a table of results written by `automl-cnn study` ({error}). Move it away, and run the study again.") from None
    kept = tuple(row for row in rows if (row.key[:3], row.recipe) in recipes)
    return Results(comparison, kept, stale=len(rows) - len(kept))


def merged(old: Iterable[Row], new: Iterable[Row]) -> tuple[Row, ...]:
    """Both, where the new row of a training takes the place of the old one."""
    rows = {row.key: row for row in old}
    rows.update({row.key: row for row in new})
    return tuple(rows.values())


def _row(cells: Mapping[str, str]) -> Row:
    kinds = {one.name: str(one.type) for one in dataclasses.fields(Row)}
    return Row(**{name: _typed(cells[name], kind) for name, kind in kinds.items()})


def _typed(text: str, kind: str) -> Any:
    if not text and "None" in kind:
        return None
    return int(text) if kind.startswith("int") else float(text) if kind.startswith("float") else text


def _cell(value: Any) -> Any:
    return "" if value is None else round(value, 5) if isinstance(value, float) else value


def _value(row: Row, measure: Measure) -> float | None:
    value = getattr(row, measure)
    return None if value is None else float(value)


def _values(rows: Sequence[Row], measure: Measure) -> list[float]:
    return [value for row in rows if (value := _value(row, measure)) is not None]


def _by_image(rows: Sequence[Row]) -> np.ndarray | None:
    """For each held-out image, the share of the trainings that answered it correctly; None where that is not known."""
    answers = [unpacked(row.right) for row in rows if row.right]
    return np.mean(answers, axis=0) if answers and len({len(one) for one in answers}) == 1 else None
