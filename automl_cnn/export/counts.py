"""Counts of right and wrong predictions in a model card: a row for each class or label, and the worst in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from automl_cnn.evidence import Matrix
from automl_cnn.metrics import wilson
from automl_cnn.tasks import Task

Cells = tuple[str, ...]
FEW = 2  # images below which a mistake is not named


def rows_of(task: Task, matrix: Matrix, names: Sequence[str], thresholds: Sequence[float] = ()) -> list[Cells]:
    """(name, images that have it, recall, its 95 % interval, precision) in the order of the outputs; for labels, also F1 and threshold."""
    cuts = [f"{cut:.2f}" for cut in thresholds] or ["-"] * len(names)
    rows: list[Cells] = []
    for tally, name, cut in zip(task.tallies(matrix), names, cuts, strict=True):
        low, high = wilson(tally.right, tally.images) if tally.images else (0.0, 1.0)
        more = () if task.exclusive else (_shown(tally.f1), cut)
        rows.append((name, str(tally.images), _shown(tally.recall), f"{low:.2f} to {high:.2f}" if tally.images else "", _shown(tally.precision), *more))
    return rows


def worst(task: Task, matrix: Matrix, names: Sequence[str]) -> str:
    """The most frequent errors, from the counts of `Task.confusion`."""
    return confused(matrix, names) if task.exclusive else missed_most(matrix, names)


def confused(matrix: Matrix, classes: Sequence[str]) -> str:
    """The pair of classes that is confused most often."""
    pairs = [(number, row, column) for row, line in enumerate(matrix) for column, number in enumerate(line) if row != column and number >= FEW]
    if not pairs:
        return ""
    number, row, column = max(pairs)
    return f"Its most frequent mistake is {classes[row]} predicted as {classes[column]}: {number} of {sum(matrix[row])}."


def missed_most(matrix: Matrix, labels: Sequence[str]) -> str:
    """The labels with the most false negatives and the most false positives."""
    missed, at = max((row[2], place) for place, row in enumerate(matrix))
    wrong, where = max((row[1], place) for place, row in enumerate(matrix))
    first = f"Its most frequent false negative is {labels[at]}: on {missed} of the {matrix[at][0] + missed} images with it." if missed >= FEW else ""
    second = f"Its most frequent false positive is {labels[where]}: on {wrong} of the {wrong + matrix[where][3]} images without it." if wrong >= FEW else ""
    return " ".join(filter(None, (first, second)))


def _shown(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"
