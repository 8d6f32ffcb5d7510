"""Problems that the numbers of images show by themselves: some far from all others, one that very many images have, and few images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from automl_cnn.check.extremes import NORMAL, SURE
from automl_cnn.data import Dataset
from automl_cnn.problems import Case, Problem, many, verb
from automl_cnn.tasks import Target

FEW = 100  # images below which numbers are learned from little
APART = 2.0  # times as far from the median as the next value on its side, from which on a value stands alone
RARE = 0.02  # share of the images that may stand alone on one side: more are not mistakes but how the numbers are distributed
OFTEN, TIMES, LEAST = 0.1, 3.0, 10  # the share of images with one value, over the second most frequent one, and images with it, from which on it is odd
DIFFERENT = 10  # values below which numbers are steps of a scale, where one may well be frequent


@dataclass(frozen=True)
class Away:
    """Images in `rows` whose number lies apart from the others, which lie between `low` and `high`."""

    rows: tuple[int, ...]
    low: float
    high: float


def problems_of(dataset: Dataset) -> list[Problem]:
    """Numbers far from all others, one value very often, few images. Of images with classes or labels, none."""
    values = np.asarray(dataset.truth(np.arange(len(dataset))), np.float64).reshape(len(dataset), -1)
    problems = [_few(dataset)]
    for target, column in zip(dataset.targets, values.T, strict=True):
        problems += [_far(dataset, target, column), _often(dataset, target, column)]
    return [problem for problem in problems if problem is not None]


def away(values: np.ndarray) -> Away | None:
    """The values that lie more than `SURE` spreads from the median, and `APART` times as far as the next value on their side, the farthest first; None where
    none does.

    The spread is that of the values on the same side of the median, from their median distance. Long tails without a gap are not outliers.
    """
    middle = float(np.median(values))
    rows: list[int] = []
    for sign in (-1.0, 1.0):
        distance = sign * (values - middle)
        mine = np.sort(distance[distance > 0])
        if not len(mine):
            continue
        spread = NORMAL * float(np.median(mine))
        before = np.concatenate([mine[:1], mine[:-1]])
        alone = np.flatnonzero((mine > SURE * spread) & (mine > APART * before))
        if len(alone) and len(mine) - alone[0] <= max(1, RARE * len(values)):
            rows += np.flatnonzero(distance >= mine[alone[0]]).tolist()
    if not rows:
        return None
    others = np.delete(values, rows)
    order = sorted(rows, key=lambda row: -abs(values[row] - middle))
    return Away(tuple(order), float(others.min()), float(others.max()))


def _far(dataset: Dataset, target: Target, values: np.ndarray) -> Problem | None:
    apart = away(values)
    if apart is None:
        return None
    count = len(apart.rows)
    between = f"from {target.brief(apart.low)} to {target.brief(apart.high)}{f' {target.unit}' if target.unit else ''}"
    return Problem(
        "far_number",
        "warning",
        f"{many(count)} {verb(count, 'has', 'have')} a number far from all others: {target.title} of the other images lies {between}.",
        f"It learns {verb(count, 'it as it is', 'them as they are')}: one wrong number can count more than a hundred right ones.",
        f"Look at {verb(count, 'it', 'them')}. If {verb(count, 'it is', 'they are')} wrong, correct the table or leave the cell empty; `--loss huber` is less "
        "affected by such numbers.",
        count,
        tuple(Case(dataset.paths[row], f"{target.name} {target.brief(float(values[row]))}", row=row) for row in apart.rows),
    )


def _often(dataset: Dataset, target: Target, values: np.ndarray) -> Problem | None:
    different, counts = np.unique(values, return_counts=True)
    if len(different) < DIFFERENT:
        return None
    place = int(counts.argmax())
    count, second = int(counts[place]), int(np.sort(counts)[-2])
    if count < max(LEAST, OFTEN * len(values)) or count < TIMES * second:
        return None
    value = target.brief(float(different[place]))
    return Problem(
        "common_number",
        "warning",
        f"{many(count)} of {len(values):,} have exactly the same number: {target.title} {value}. The next most frequent is on {second:,}.",
        "It learns this number like any other.",
        f"If {value} stands for an unknown number, leave these cells empty: such images are then left out.",
        count,
        tuple(Case(dataset.paths[row], f"{target.name} {value}", row=int(row)) for row in np.flatnonzero(values == different[place])),
    )


def _few(dataset: Dataset) -> Problem | None:
    if len(dataset) >= FEW:
        return None
    words = dataset.task.words
    return Problem(
        "small_class",
        "warning",
        f"There are only {many(len(dataset))} to learn numbers from.",
        "It learns from the images there are; errors and intervals are known only roughly.",
        words.small,
        len(dataset),
        heading=words.small_title,
    )
