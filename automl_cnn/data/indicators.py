"""Convert several labels for each image to an array of zeros and ones with named columns, as scikit-learn's `MultiLabelBinarizer` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.data.labels import in_order
from automl_cnn.data.labelsets import SEPARATOR, LabelSets, joined, parts_of
from automl_cnn.data.numbers import Numbers
from automl_cnn.errors import DataError
from automl_cnn.text import several

EXPECTED = "an array (images, labels) of zeros and ones, or a list or set of labels for each image"
FLAGS = (0, 1)


def indicators_of(labels: Any, known: Sequence[Any] | None = None) -> tuple[np.ndarray, list[Any]]:
    """Zeros and ones, int (images, labels), and the labels in the order of the columns: those `known`, or else the array's own, or all, in their own order.

    `labels` is an array, a sparse matrix or a data frame of zeros and ones, or a collection of labels for each image (texts as in a table, `cat|dog`, are
    such collections too). Rows of zeros and ones of one length are an array.

    Raises:
        DataError: they are none of these, or name a label that is not `known`.
    """
    heads = [name if isinstance(name, (str, int)) else str(name) for name in labels.columns] if hasattr(labels, "columns") else None
    array = _array(labels)
    if array is not None:
        return _checked(array), _columns(array, heads, known)
    sets = [_labels(one, row) for row, one in enumerate(_rows(labels))]
    order = in_order([label for one in sets for label in one]) if known is None else list(known)
    place = {label: column for column, label in enumerate(order)}
    if unknown := [str(label) for one in sets for label in one if label not in place]:
        raise DataError(f"The labels name {several(list(dict.fromkeys(unknown)))}, which the model does not know: it knows {several(list(map(str, order)))}.")
    out = np.zeros((len(sets), len(order)), np.int64)
    for row, one in enumerate(sets):
        out[row, [place[label] for label in one]] = 1
    return out, order


@dataclass(frozen=True)
class InMemory:
    """Labels in memory: the index of each image's cell, the different cells in order (as a table would have them), and their meaning."""

    cells: list[str]
    index: tuple[dict[Any, int], tuple[str, ...]]
    meaning: LabelSets | Numbers


def label_sets_in(labels: Any, names: Sequence[str] | None = None) -> InMemory:
    """Several labels for each image, in any of the kinds of `indicators_of`; `names` are those of the columns, else the labels' own.

    Raises:
        DataError: as `indicators_of`; all images have the same labels; the names do not fit, or a name cannot be in a table.
    """
    array, own = indicators_of(labels, None if names is None or _array(labels) is not None else names)
    named = [str(name) for name in (own if names is None else names)]
    if len(named) != array.shape[1] or len(set(named)) < len(named):
        raise DataError(f"There are {array.shape[1]} columns of labels and {len(set(named))} different names: expected a different name for each.")
    if bad := [name for name in named if SEPARATOR in name or not name.strip()]:
        raise DataError(f"There is a label {several(bad)}: expected names that are not empty and have no '{SEPARATOR}' in them.")
    rows = [tuple(np.flatnonzero(row).tolist()) for row in array]
    different = tuple(sorted(set(rows)))
    if len(different) < 2:
        raise DataError("The labels are the same for every image: expected at least two different sets of labels.")
    cells = {one: joined(named[label] for label in one) for one in different}
    index = {cell: number for number, cell in enumerate(cells.values())}
    return InMemory([cells[row] for row in rows], (index, tuple(cells.values())), LabelSets(tuple(named), different))


def _array(labels: Any) -> np.ndarray | None:
    """The labels as an array with a row for each image, where they are one."""
    if hasattr(labels, "toarray"):  # a sparse matrix of scipy
        return np.asarray(labels.toarray())
    given = labels.to_numpy() if hasattr(labels, "to_numpy") else labels
    if hasattr(given, "__array__"):
        array = np.asarray(given)
        if array.ndim == 1 and array.dtype.kind != "O":
            return None if array.dtype.kind in "US" else array
        return None if array.ndim == 1 else array
    listed = list(given) if isinstance(given, (list, tuple)) else []
    rows = [one for one in listed if isinstance(one, (list, np.ndarray)) and len(one)]
    alike = len(rows) == len(listed) > 0 and len({len(one) for one in rows}) == 1
    return np.asarray(listed) if alike and all(isinstance(cell, (int, float, np.number, np.bool_)) and cell in FLAGS for one in rows for cell in one) else None


def _checked(array: np.ndarray) -> np.ndarray:
    if array.ndim != 2 or not array.shape[1]:
        raise DataError(f"The labels have the shape {array.shape}: expected {EXPECTED}.")
    numbers = array.astype(object) if array.dtype.kind not in "biuf" else array
    odd = ~np.isin(numbers, FLAGS)
    if odd.any():
        raise DataError(f"The labels hold {np.asarray(numbers[odd]).tolist()[0]!r}: expected {EXPECTED}.")
    return np.asarray(array.astype(np.int64))


def _columns(array: np.ndarray, heads: list[Any] | None, known: Sequence[Any] | None) -> list[Any]:
    if known is None:
        return heads if heads is not None else list(range(array.shape[1]))
    if array.shape[1] != len(known) or (heads is not None and list(heads) != list(known)):
        what = f"the columns {several(list(map(str, heads)))}" if heads is not None else f"{array.shape[1]} columns"
        raise DataError(f"The labels have {what}: expected those that the model knows, {several(list(map(str, known)))}, in this order.")
    return list(known)


def _rows(labels: Any) -> Iterable[Any]:
    if labels is None or isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        raise DataError(f"The labels are of the type {type(labels).__name__}: expected {EXPECTED}.")
    return labels


def _labels(one: Any, row: int) -> list[Any]:
    if isinstance(one, str):
        return list(parts_of(one))
    if not isinstance(one, (list, tuple, set, frozenset, np.ndarray)):
        raise DataError(f"The labels of image {row} are of the type {type(one).__name__}: expected a list or a set of labels, empty where none applies.")
    return list(one)
