"""Read pictures and labels from Python objects: arrays, data frames, `tf.data`, and data sets with a length and items, such as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.data import tables
from automl_cnn.data.labels import labels_of
from automl_cnn.data.pictures import COLUMN
from automl_cnn.data.rows import Reading, Rows
from automl_cnn.data.scan import Scan
from automl_cnn.errors import DataError
from automl_cnn.tasks import TaskName

EXPECTED = (
    "a folder, a table or an archive; (images, labels); a data frame with paths and labels; a tf.data.Dataset; or a data set with a length whose items are "
    "(image, label)"
)


def is_frame(data: Any) -> bool:
    """Whether `data` is a pandas data frame, or behaves like one."""
    return hasattr(data, "columns") and hasattr(data, "iloc")


def files_of(frame: Any, columns: str | None = None, task: TaskName | None = None) -> Scan | None:
    """The files that a data frame lists, relative to the current folder; None where it holds pictures and no paths.

    Raises:
        DataError, ConfigError: as `scan_table`.
    """
    heads = [str(name) for name in frame.columns]
    if COLUMN in heads and columns is None and len(frame) and not isinstance(frame[COLUMN].iloc[0], str):
        return None

    def rows(names: Collection[str]) -> Reading:
        return ((number, dict(zip(heads, row, strict=True))) for number, row in enumerate(frame.itertuples(index=False, name=None), 1))

    return tables.scan_rows(Path("the data frame"), Rows(tuple(heads), rows), columns=columns, base=Path.cwd(), task=task)


def pictures_of(data: Any, *, several: bool = False) -> tuple[Any, Any]:
    """Pictures, as `automl_cnn.data.prepare_arrays` takes them, and a label for each; where images have `several`, or
    numbers, what `indicators_of` and `numbers_in` take.

    Raises:
        DataError: `data` does not hold pictures and labels in a supported form.
    """
    if is_frame(data):
        label = next((name for name in data.columns if str(name).casefold() in tables.NAMES["label"]), None)
        if label is None:
            raise DataError(f"The data frame has no column of labels: expected one called {', '.join(tables.NAMES['label'][:4])} beside '{COLUMN}'.")
        return list(data[COLUMN]), list(data[label]) if several else labels_of(data[label])
    if isinstance(data, (tuple, list)) and len(data) == 2 and all(isinstance(part, Iterable) or hasattr(part, "__array__") for part in data):
        return data[0], data[1] if several else labels_of(data[1])
    if hasattr(data, "as_numpy_iterator"):
        return _batches(data.as_numpy_iterator(), _labels if several else _label)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (str, bytes, dict, np.ndarray)):
        return _items(data, _labels if several else _label)
    raise DataError(f"The images are of the type {type(data).__name__}: expected {EXPECTED}.")


def _batches(elements: Iterable[Any], read: Callable[[Any], Any]) -> tuple[list[np.ndarray], list[Any]]:
    """Of `tf.data`: single images or batches, with integer or one-hot labels, or rows of zeros and ones."""
    images: list[np.ndarray] = []
    labels: list[Any] = []
    for element in elements:
        if not isinstance(element, tuple) or len(element) < 2:
            raise DataError("The elements of the tf.data.Dataset are not pairs: expected (image, label), or batches of both.")
        image, label = np.asarray(element[0]), np.asarray(element[1])
        if image.ndim == 4:
            images += list(image)
            labels += [read(one) for one in label]
        else:
            images.append(image)
            labels.append(read(label))
    return images, labels


def _items(data: Sequence[Any], read: Callable[[Any], Any]) -> tuple[list[Any], list[Any]]:
    images, labels = [], []
    names = getattr(data, "classes", None)
    for number in range(len(data)):
        item = data[number]
        if not isinstance(item, (tuple, list)) or len(item) < 2:
            raise DataError(f"Item {number} of the {type(data).__name__} is not a pair: expected (image, label).")
        images.append(_last(item[0]))
        label = read(item[1])
        if isinstance(names, (list, tuple)) and isinstance(label, list) and len(label) == len(names) and set(label) <= {0, 1}:
            label = [str(name) for name, has in zip(names, label, strict=True) if has]
        labels.append(str(names[label]) if isinstance(names, (list, tuple)) and isinstance(label, int) and 0 <= label < len(names) else label)
    return images, labels


def _last(image: Any) -> Any:
    """A picture with its channels last, where it is a tensor with them first, as PyTorch has it."""
    if hasattr(image, "permute") and hasattr(image, "numpy"):
        array = np.asarray(image.numpy())
        return np.moveaxis(array, 0, -1) if array.ndim == 3 and array.shape[0] in (1, 3, 4) else array
    return image


def _labels(value: Any) -> Any:
    """Several labels as Python values: a list of texts, or a row of zeros and ones."""
    if isinstance(value, (str, list, tuple, set, frozenset)):
        return value
    return [one.decode() if isinstance(one, bytes) else one for one in np.asarray(value).tolist()]


def _label(value: Any) -> Any:
    """A label as a Python value: a number or a text; for a one-hot row, the index of the one."""
    array = np.asarray(value)
    if array.ndim == 1 and array.size > 1:
        return int(array.argmax())
    plain = array.reshape(-1)[0] if array.size == 1 else value
    plain = plain.item() if isinstance(plain, np.generic) else plain
    return plain.decode() if isinstance(plain, bytes) else plain
