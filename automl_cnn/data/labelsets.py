"""Several labels for each image: their notation in tables, and the label sets that a data set keeps.

    path,label              path,cat,dog,night
    1.jpg,cat|night         1.jpg,1,0,1
    2.jpg,dog               2.jpg,0,1,0
    3.jpg,|                 3.jpg,0,0,0

`|` alone means that no label applies. An empty cell means that the labels are unknown: such images can only be predicted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.data.cells import text_of
from automl_cnn.data.order import natural
from automl_cnn.errors import DataError
from automl_cnn.paths import shortened
from automl_cnn.tasks import TaskName
from automl_cnn.text import several

NAME: TaskName = "multilabel"
SEPARATOR, NONE = "|", "(no label)"  # between the labels of an image, and what stands for an empty set of them
YES, NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})
PEEKED = 1000  # rows by which columns of zeros and ones are known
MOST_LABELS = 2000


@dataclass(frozen=True)
class LabelSets:
    """The names of the labels, and the different sets of them, each as places in `names`, ascending."""

    names: tuple[str, ...]
    sets: tuple[tuple[int, ...], ...]

    task = NAME

    def has(self, labels: np.ndarray) -> np.ndarray:
        """The labels of images whose sets are `labels` (images,), as bool (images, labels)."""
        return np.asarray(indicators(self.sets, len(self.names))[labels] > 0)

    def parts(self, labels: np.ndarray) -> tuple[str, ...]:
        """The names of these columns."""
        return self.names

    def line(self) -> tuple[Any, ...]:
        """A value for the fingerprint: the same sets of other labels are another data set."""
        return ("labels", *self.names, *self.sets)


def indicators(label_sets: tuple[tuple[int, ...], ...], labels: int) -> np.ndarray:
    """Sets of labels as rows of zeros and ones, uint8 (sets, labels)."""
    out = np.zeros((len(label_sets), labels), np.uint8)
    for row, members in enumerate(label_sets):
        out[row, list(members)] = 1
    return out


def parts_of(text: str) -> tuple[str, ...]:
    """The labels in a cell, each once, in natural order."""
    return tuple(sorted({part.strip() for part in text.split(SEPARATOR)} - {""}, key=natural))


def joined(labels: Iterable[str]) -> str:
    """Labels as a cell holds them, always in the same order; `|` for none."""
    return SEPARATOR.join(sorted(labels, key=natural)) or SEPARATOR


def several_labels(cells: Iterable[str], task: TaskName | None) -> bool:
    """Whether cells hold several labels each: by the task, or because one of them does."""
    return task == NAME or (task is None and any(SEPARATOR in cell for cell in cells))


def label_sets_of(cells: Sequence[str], where: str) -> LabelSets:
    """The label sets of the different cells, in their order.

    Raises:
        DataError: there are fewer than two labels, or far too many; `where` names their source in the message.
    """
    names = tuple(sorted({name for cell in cells for name in parts_of(cell)}, key=natural))
    if len(cells) < 2 and names:
        raise DataError(f"{where} gives every image the same labels, {several(names)}: expected at least two different sets of labels.")
    if not names:
        raise DataError(f"{where} names no label: expected at least one, as in cat|dog.")
    if len(names) > MOST_LABELS:
        raise DataError(f"{where} names {len(names):,} labels, such as {several(names)}: expected at most {MOST_LABELS:,}.")
    index = {name: number for number, name in enumerate(names)}
    return LabelSets(names, tuple(tuple(index[name] for name in parts_of(cell)) for cell in cells))


def label_of(cells: Mapping[str, Any], columns: Sequence[str]) -> str:
    """The labels of a row that has a column of zeros and ones for each label, as one cell; empty if all these columns are.

    Raises:
        DataError: a cell is neither; a clause.
    """
    labels, known = [], False
    for name in columns:
        text = text_of(cells.get(name), "label").casefold()
        if text in YES:
            labels.append(name.strip())
        elif text not in NO and text:
            raise DataError(f"the column '{shortened(name)}' has '{shortened(text)}', expected 0 or 1")
        known = known or bool(text)
    return joined(labels) if known else ""


def columns_of_zeros_and_ones(rows: Iterable[tuple[int, Mapping[str, Any]]], heads: Sequence[str]) -> list[str]:
    """The columns that hold only zeros and ones in the first rows, and each of the two at least once."""
    seen: dict[str, set[str]] = {name: set() for name in heads}
    for _, cells in itertools.islice(rows, PEEKED):
        for name in heads:
            try:
                seen[name].add(text_of(cells.get(name), "label").casefold())
            except DataError:
                seen[name].add("something else")
    flags = [name for name in heads if seen[name] and seen[name] <= {"0", "1", "true", "false", ""} and seen[name] - {""}]
    return flags if any(seen[name] & YES for name in flags) else []
