"""Numbers for each image: their notation in tables, and the form that a data set keeps.

    path,age (years)        path,x [mm],y [mm]
    1.jpg,34                1.jpg,12.5,3
    2.jpg,61.5              2.jpg,-4,7.25

The unit is in brackets in the head of a column.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.data.cells import text_of
from automl_cnn.errors import DataError
from automl_cnn.paths import shortened
from automl_cnn.tasks import TaskName
from automl_cnn.tasks.regression import STRATA, Regression, quantiles
from automl_cnn.tasks.targets import Target

NAME: TaskName = "regression"
SEPARATOR = "|"
SPLITTABLE = 3  # images with one value, without which these values cannot be classes
LONGEST_UNIT = 24  # characters
_UNIT = re.compile(rf"(?P<name>.*\S)\s*[(\[](?P<unit>[^()\[\]]{{1,{LONGEST_UNIT}}})[)\]]\s*")
_LARGEST = 1e30
PEEKED = 1000  # rows by which columns of numbers are known


@dataclass(frozen=True)
class Numbers:
    """The names and units of the numbers, and the different rows of them that images have."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]

    task = NAME

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of columns with these numbers."""
        return tuple(f"{name} ({unit})" if unit else name for name, unit in zip(self.names, self.units, strict=True))

    @property
    def values(self) -> np.ndarray:
        """float64 (rows, numbers)."""
        return np.array(self.rows, np.float64).reshape(len(self.rows), len(self.names))

    def has(self, labels: np.ndarray, most: int = STRATA) -> np.ndarray:
        """The part, from low to high numbers, of images whose rows are `labels` (images,), as bool (images, at most `most` parts)."""
        part = quantiles(self.values[labels], most)
        return np.asarray(part[:, None] == np.arange(int(part.max(initial=0)) + 1))

    def line(self) -> tuple[Any, ...]:
        """A value for the fingerprint."""
        return ("numbers", *self.names, *self.units, *self.rows)

    def targets(self, learned: np.ndarray) -> tuple[Target, ...]:
        """The numbers with the mean and standard deviation of training images, whose rows are `learned` (images,).

        Raises:
            DataError: one of them is the same for all.
        """
        values = self.values[learned]
        means, sds = values.mean(axis=0), values.std(axis=0)
        if constant := [name for name, mean, sd in zip(self.names, means, sds, strict=True) if sd <= 1e-12 * max(1.0, abs(mean))]:
            raise DataError(f"The number '{shortened(constant[0])}' is the same for all training images: expected different ones. Leave it out.")
        return tuple(Target(name, unit, float(mean), float(sd)) for name, unit, mean, sd in zip(self.names, self.units, means, sds, strict=True))


def task_of(targets: Sequence[Target]) -> Regression:
    """The regression task of these numbers."""
    return Regression(len(targets), tuple(targets))


def named(head: str) -> tuple[str, str]:
    """The name and the unit in the head of a column: `age (years)` is `age`, in `years`."""
    match = _UNIT.fullmatch(head.strip())
    return (match["name"], match["unit"].strip()) if match else (head.strip(), "")


def number_of(text: str) -> float | None:
    """The number in a cell; None if it holds anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= _LARGEST else None


def written(value: float) -> str:
    """A number as a cell holds it: `12.5`, `3`."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def all_numbers(cells: Sequence[str]) -> bool:
    """Whether all cells hold numbers, and there are some."""
    return bool(cells) and all(number_of(cell) is not None for cell in cells)


def are_numbers(cells: Sequence[str], task: TaskName | None) -> bool:
    """Whether the cells of images, one for each, are numbers to be predicted, rather than the names of classes.

    They are if the task is regression. Without a task, they are if all cells are numbers that cannot be classes: some are not whole numbers, or a
    number has on average fewer images than the three splits need.
    """
    if task is not None:
        return task == NAME
    different = set(cells)
    if len(different) < 2 or not all_numbers(sorted(different)):
        return False
    if any(not float(cell).is_integer() for cell in different):
        return True
    return len(cells) < SPLITTABLE * len(different)


def numbers_of(cells: Sequence[str], heads: Sequence[str], where: str) -> Numbers:
    """The numbers of the different cells, in their order; a cell holds a number for each of the `heads`, joined by `|`.

    Raises:
        DataError: a cell holds anything else, or all cells are equal; `where` names their source in the message.
    """
    rows = [row_of(cell, len(heads), where) for cell in cells]
    if len(set(rows)) < 2:
        raise DataError(f"{where} gives every image the same number: expected different ones.")
    names, units = zip(*map(named, heads), strict=True)
    if len(set(names)) < len(names):
        raise DataError(f"{where} has two numbers named '{shortened(names[0])}': expected a different name for each.")
    return Numbers(tuple(names), tuple(units), tuple(rows))


def row_of(cell: str, numbers: int, where: str) -> tuple[float, ...]:
    """The numbers in a cell.

    Raises:
        DataError: the cell does not hold that many numbers; `where` names its source in the message.
    """
    values = [number_of(part.strip()) for part in cell.split(SEPARATOR)]
    if len(values) != numbers or None in values:
        expected = "a number, such as 12.5" if numbers == 1 else f"{numbers} numbers, such as {SEPARATOR.join(['12.5'] * numbers)}"
        raise DataError(f"{where} has '{shortened(cell)}' for an image: expected {expected}. Leave a cell empty where the number is not known.")
    return tuple(value for value in values if value is not None)


def cell_of(cells: Mapping[str, Any], columns: Sequence[str]) -> str:
    """The numbers of a row with a column for each, as one cell; empty where one of these is.

    Raises:
        DataError: a cell holds something else; a clause.
    """
    texts = [text_of(cells.get(name), "label") for name in columns]
    for name, text in zip(columns, texts, strict=True):
        if text and number_of(text) is None:
            raise DataError(f"the column '{shortened(name)}' has '{shortened(text)}', expected a number")
    return SEPARATOR.join(texts) if all(texts) else ""


def columns_of_numbers(rows: Iterable[tuple[int, Mapping[str, Any]]], heads: Sequence[str]) -> list[str]:
    """The columns that hold only numbers in the first rows, and not all the same."""
    seen: dict[str, set[str]] = {name: set() for name in heads}
    for _, cells in itertools.islice(rows, PEEKED):
        for name in heads:
            try:
                seen[name].add(text_of(cells.get(name), "label"))
            except DataError:
                seen[name].add("something else")
    return [name for name in heads if len(seen[name] - {""}) > 1 and all_numbers(sorted(seen[name] - {""}))]
