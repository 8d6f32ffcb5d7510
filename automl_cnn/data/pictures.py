"""Convert pictures in memory, of any supported type, to one array, or to a list of arrays if their sizes differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from automl_cnn.data.decode import as_uint8, resize_array
from automl_cnn.data.fit import Fit
from automl_cnn.data.levels import Levels
from automl_cnn.errors import DataError

GRAY = np.array([299, 587, 114]) / 1000  # ITU-R 601 luma, as Pillow's mode L
COLUMN = "image"  # where a table holds them
NUMBERS = "biuf"


def pictures(given: Any) -> np.ndarray | list[np.ndarray]:
    """One array (n, height, width[, channels]) of numbers, or an array for each picture.

    `given` may be an array or tensor of any library, nested lists, or a list, a Series or a table's column of arrays or PIL images.

    Raises:
        DataError: it holds no pictures; the message names what was received.
    """
    given = plain(given)
    if isinstance(given, np.ndarray):
        if given.ndim == 3 and given.shape[2] in (1, 3, 4):
            raise DataError(
                f"The images have the shape {given.shape}: a single picture, or {given.shape[0]:,} gray ones that are {given.shape[2]} px wide. "
                "Expected (n, height, width) with a width above 4 px, or (n, height, width, channels)."
            )
        return given
    arrays = [_array(item, number) for number, item in enumerate(given, 1)]
    if not arrays:
        raise DataError("There are no images: received an empty list.")
    alike = len({(array.shape, array.dtype) for array in arrays}) == 1
    return np.stack(arrays) if alike and arrays[0].ndim in (2, 3) else arrays


def plain(given: Any) -> Any:
    """An array of numbers, or a list of the items, without the containers of other libraries."""
    if hasattr(given, "columns") and hasattr(given, "iloc"):
        given = _column(given)
    if hasattr(given, "__array__") and not _is_pillow(given):
        given = np.asarray(given)  # pandas' Series, tensors of TensorFlow and PyTorch, np.matrix
    if isinstance(given, np.ndarray):
        return _of_array(given)
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes, bytearray, Mapping)):
        return list(given)
    raise DataError(f"The images are of the type {type(given).__name__}: expected an array (n, height, width[, channels]) or a list of arrays.")


def bytes_of(images: np.ndarray | Sequence[np.ndarray], levels: Levels) -> np.ndarray | list[np.ndarray]:
    """uint8 (n, height, width, 1 or 3), or a list of (height, width, 1 or 3) with one number of channels for all.

    Raises:
        DataError: a shape or value that `as_uint8` refuses; of a list, the picture is named by its place.
    """
    if isinstance(images, np.ndarray):
        return as_uint8(images, levels)
    made = [_named(array, number, levels) for number, array in enumerate(images, 1)]
    channels = max(array.shape[2] for array in made)
    return [in_channels(array[None], channels)[0] for array in made]


def in_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """uint8 (n, height, width, 1 or 3) with as many channels as asked for."""
    if images.shape[3] == channels:
        return images
    return np.repeat(images, 3, axis=3) if channels == 3 else np.rint(images @ GRAY).astype(np.uint8)[..., None]


def square(image: np.ndarray, size: int, fit: Fit = "squash") -> np.ndarray:
    """uint8 (height, width, channels) as (1, size, size, channels)."""
    return resize_array(image[None], size, fit)


def _named(array: np.ndarray, number: int, levels: Levels) -> np.ndarray:
    if array.ndim not in (2, 3):
        raise DataError(f"Image {number} has the shape {array.shape}: expected (height, width) or (height, width, channels).")
    try:
        return np.asarray(as_uint8(array[None], levels)[0])
    except DataError as error:
        raise DataError(f"Image {number}: {error}") from None


def _array(item: Any, number: int) -> np.ndarray:
    if isinstance(item, (str, bytes, bytearray)) or hasattr(item, "__fspath__"):
        raise DataError(
            f"Image {number} is a path or the bytes of a file: expected arrays of pixels. To learn from files, sort them into one folder for each "
            "class and pass that folder to automl_cnn.search."
        )
    try:
        array = np.asarray(_upright(item) if _is_pillow(item) else item)
        array = array if array.dtype.kind in NUMBERS else np.asarray(array.tolist(), float)
    except (TypeError, ValueError):
        array = np.empty(())
    if not array.ndim:
        raise DataError(f"Image {number} is not a picture: received {type(item).__name__}, expected an array (height, width[, channels]) of numbers.")
    return array


def _upright(image: Any) -> Image.Image:
    """A PIL image in a mode whose array holds gray or colors, turned as files are."""
    turned = ImageOps.exif_transpose(image)
    if turned.mode in ("1", "L", "RGB", "RGBA", "I", "F") or turned.mode.startswith("I;16"):
        return turned
    return turned.convert("RGBA" if turned.has_transparency_data else "RGB")


def _of_array(given: np.ndarray) -> Any:
    if given.dtype.kind != "O":
        return list(given) if given.dtype.kind in "US" and given.ndim == 1 else given
    if given.ndim > 1:  # numbers that were kept as objects
        try:
            return np.asarray(given.tolist()) if np.asarray(given.tolist()).dtype.kind in NUMBERS else list(given)
        except ValueError:
            return list(given)
    return list(given) if given.ndim else [given.item()]


def _column(table: Any) -> Any:
    names = list(table.columns)
    if COLUMN in names or len(names) == 1:
        return list(table[COLUMN if COLUMN in names else names[0]])
    return np.asarray(table)


def _is_pillow(image: Any) -> bool:
    return hasattr(image, "getbands")
