"""Convert numbers for each image to an array (images, numbers), and to the form that a data set keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from automl_cnn.data.indicators import InMemory
from automl_cnn.data.numbers import SEPARATOR, numbers_of, written
from automl_cnn.errors import DataError

EXPECTED = "a number for each image, as an array (images,), or several, as an array (images, numbers)"

NO_NUMBERS = {"c": "complex", "M": "dates", "m": "durations"}  # by NumPy's kind: types whose conversion to float would change the numbers silently


def measurements_of(labels: Any) -> np.ndarray:
    """Numbers as float64 (images, numbers), from an array, a Series, a data frame, or a sequence of numbers or of rows of numbers.

    Raises:
        DataError: they are none of these, or one is missing or infinite.
    """
    given = labels.to_numpy() if hasattr(labels, "to_numpy") else labels
    if isinstance(given, (str, bytes)) or not (isinstance(given, Iterable) or hasattr(given, "__array__")):
        raise DataError(f"The numbers are of the type {type(given).__name__}: expected {EXPECTED}.")
    try:
        raw = np.asarray(given if hasattr(given, "__array__") else list(given))
        if raw.dtype.kind in NO_NUMBERS:
            raise DataError(f"The numbers are {NO_NUMBERS[raw.dtype.kind]}: expected {EXPECTED}. Make numbers of them first.")
        array = raw.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"The numbers hold something else, or their rows have different lengths: expected {EXPECTED}.") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1]:
        raise DataError(f"The numbers have the shape {array.shape}: expected {EXPECTED}.")
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise DataError(f"The number of image {row} is missing or infinite: expected {EXPECTED}. Leave out the images whose number is not known.")
    return array


def continuous(labels: Any) -> bool:
    """Whether labels are floating-point numbers, not all of them whole: such labels cannot be classes."""
    given = labels.to_numpy() if hasattr(labels, "to_numpy") else labels
    array = np.asarray(given) if hasattr(given, "__array__") else None
    return array is not None and array.dtype.kind == "f" and bool(np.isfinite(array).all() and np.any(array != np.round(array)))


def numbers_in(labels: Any, names: Sequence[str] | None = None) -> InMemory:
    """Numbers in memory; `names` are those of the columns, else the labels' own, else `number`, or `number 1` and so on.

    Raises:
        DataError: as `measurements_of`; all images have the same, or the names do not fit.
    """
    array = measurements_of(labels)
    heads = heads_of(labels, array.shape[1], names)
    cells = [SEPARATOR.join(map(written, row)) for row in array.tolist()]
    different = tuple(sorted(set(cells), key=lambda cell: [float(part) for part in cell.split(SEPARATOR)]))
    index: dict[Any, int] = {cell: number for number, cell in enumerate(different)}
    return InMemory(cells, (index, different), numbers_of(different, heads, "The list of numbers"))


def heads_of(labels: Any, columns: int, names: Sequence[str] | None = None) -> list[str]:
    """The heads of the columns of numbers: `names`, else the labels' own, else `number`, or `number 1` and so on.

    Raises:
        DataError: there are more or fewer names than columns, or two alike, or an empty one.
    """
    own = [str(name) for name in labels.columns] if hasattr(labels, "columns") else [str(labels.name)] if getattr(labels, "name", None) is not None else None
    heads = [str(name) for name in names] if names is not None else own or (["number"] if columns == 1 else [f"number {one + 1}" for one in range(columns)])
    if len(heads) != columns or len(set(heads)) < len(heads) or not all(head.strip() for head in heads):
        raise DataError(f"There are {columns} columns of numbers and {len(set(heads))} different names: expected a different name for each.")
    return heads
