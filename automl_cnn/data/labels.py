"""Convert labels of any supported type to one hashable value for each image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from automl_cnn.errors import DataError


def labels_of(given: Any) -> list[Any]:
    """A list of labels: of an array (n,) or (n, 1), a Series, a table with one column or any sequence.

    Raises:
        DataError: there is more or less than one label for an image.
    """
    if hasattr(given, "to_numpy"):  # of pandas
        given = given.to_numpy()
    if isinstance(given, (str, bytes)) or not (isinstance(given, Iterable) or hasattr(given, "__array__")):
        raise DataError(f"The labels are of the type {type(given).__name__}: expected a sequence with one label for each image.")
    if not hasattr(given, "__array__"):
        listed = list(given)
        if not any(isinstance(label, (list, np.ndarray)) for label in listed):
            return listed
        try:
            given = np.asarray(listed)
        except ValueError:
            raise DataError("The labels are rows of different lengths: expected one label for each image.") from None
    array = np.asarray(given)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        hint = " If its rows are one-hot or probabilities, pass its argmax(axis=1)." if array.ndim == 2 else ""
        raise DataError(f"The labels have the shape {array.shape}, and rows are not hashable: expected (n,), one label for each image.{hint}")
    return list(array)


def in_order(labels: Sequence[Any]) -> list[Any]:
    """The different labels, in their own order where they have one.

    Raises:
        DataError: a label is not hashable, or missing (None, NaN, pandas' NA).
    """
    try:
        different = list(dict.fromkeys(labels))
    except TypeError:
        raise DataError("The labels are not hashable: expected one number, string or the like for each image.") from None
    missing = [label for label in different if _is_missing(label)]
    if missing:
        raise DataError(f"A label is missing ({missing[0]!r}). Give every image a label, or leave those images out.")
    try:
        return sorted(different)
    except TypeError:
        return sorted(different, key=str)


def as_array(different: Sequence[Any]) -> np.ndarray:
    """Labels in an array that keeps their types."""
    kinds = {type(label) for label in different}
    if len(kinds) == 1 and not isinstance(different[0], tuple):
        return np.asarray(different)
    column = np.empty(len(different), object)
    column[:] = different
    return column


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)  # noqa: PLR0124  # NaN, of any type
    except TypeError:  # pandas' NA is neither equal nor unequal to itself
        return True
