"""Convert images in any form to batches like those that the network was trained on."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.data import tiff
from automl_cnn.data.decode import as_uint8, open_image, resize_array
from automl_cnn.data.fit import Fit
from automl_cnn.data.levels import CONVENTION, Levels
from automl_cnn.data.pictures import COLUMN, in_channels, plain
from automl_cnn.errors import DataError
from automl_cnn.export import limits
from automl_cnn.paths import address

Image = str | Path | bytes | np.ndarray | Any  # Any: a PIL image
Images = Image | Sequence[Image]
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"RIFF", *tiff.BEGINNINGS, b"P5\n", b"P6\n")  # the first bytes of files that can be decoded
DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of more than 8 bits


def as_batches(images: Images, size: int, channels: int, batch: int, *, stored: int, levels: Levels = CONVENTION, fit: Fit = "squash") -> Iterator[np.ndarray]:
    """uint8 arrays (at most `batch`, size, size, channels), decoded a batch at a time.

    `stored` is the side, in pixels, of the squares that training kept. Images are resized in the same steps
    here, from the file to `stored` to `size`: the network sees exactly the pixels that it would see in training.
    `levels` and `fit` are those of the training images. An array (height, width, 1, 3 or 4) is one picture.

    Raises:
        DataError: an image cannot be used; the message names it.
    """
    listed: Any = [images] if _is_one(images) else plain(images)
    if isinstance(listed, np.ndarray):
        if not listed.size:
            return
        stack = as_uint8(_stack(listed), levels)
        _warn_of_black(listed, stack, levels)
        for start in range(0, len(stack), batch):
            yield resize_array(_sized(stack[start : start + batch], stored, channels, fit), size)
        return
    read = partial(_pixels, size=stored, channels=channels, levels=levels, fit=fit)
    with ThreadPoolExecutor() as pool:
        ahead: list[Future[np.ndarray]] = []
        for start in range(0, len(listed) + batch, batch):  # one more round than there are batches: while one is predicted, the next is decoded
            ready, ahead = ahead, [pool.submit(read, image) for image in listed[start : start + batch]]
            if ready:
                yield resize_array(np.stack([image.result() for image in ready]), size)


def from_request(given: Any, *, paths: bool, served: bool | None = None) -> Images:
    """The images of a request, over HTTP or to an MLflow model, as `as_batches` takes them.

    The limits of `limits` hold if the model is `served`; by default, they hold if `paths` is false.

    Text is base64 of an image file, a data: URL or, with `paths`, a path. Nested lists are
    arrays. A mapping or a pandas table has the images in the column `image`, or in its only column.

    Raises:
        DataError: the request has another form or exceeds the limits; the message says what was received.
    """
    served = not paths if served is None else served
    if hasattr(given, "columns") and hasattr(given, "iloc"):
        given = {name: list(given[name]) for name in given.columns}
    if isinstance(given, Mapping):
        if COLUMN not in given and len(given) != 1:
            raise DataError(f"There is no column '{COLUMN}' among {', '.join(map(str, given)) or 'none'}: expected the images there.")
        given = given[COLUMN] if COLUMN in given else next(iter(given.values()))
    if isinstance(given, np.ndarray) and given.dtype.kind in "biuf":
        if served:
            limits.check_array(given)
        return given
    listed = [given] if _is_one(given) else list(given) if isinstance(given, (list, tuple, np.ndarray)) else None
    if not listed:
        raise DataError(f"There are no images in the request: received {'an empty list' if listed == [] else type(given).__name__}.")
    if served:
        limits.check_amount(listed)
    images = [_item(item, number, paths=paths) for number, item in enumerate(listed, 1)]
    if served:
        limits.check_pixels(images)
    return images


def _item(item: Any, number: int, *, paths: bool) -> Any:
    if isinstance(item, str):
        return _text(item, number, paths=paths)
    if isinstance(item, (list, tuple)):
        try:
            return np.asarray(item)
        except ValueError:
            raise DataError(f"Image {number} is a list with rows of unequal length: expected (height, width, channels).") from None
    return item


def _text(text: str, number: int, *, paths: bool) -> bytes | Path:
    """Base64 or a path. Text that decodes to the beginning of an image file is base64; hardly any path does."""
    body = text.partition(",")[2] if text.startswith("data:") else text
    try:
        content = base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if content.startswith(MAGIC) or (content and text.startswith("data:")):
        return content
    shown = f"'{text}'" if len(text) <= 80 else f"a string of {len(text):,} characters that begins with '{text[:40]}'"
    if not paths:
        raise DataError(
            f"Image {number} is not a base64 image file (JPEG, PNG, GIF, BMP, WebP or TIFF); received {shown}. Paths are not taken here: send the content."
        )
    try:
        if Path(text).is_file():
            return Path(text)
    except (OSError, ValueError):  # too long for a path, or it contains a null character
        pass
    raise DataError(f"Image {number} is neither a file nor an image file in base64 (JPEG, PNG, GIF, BMP, WebP or TIFF); received {shown}.")


def _stack(images: np.ndarray) -> np.ndarray:
    """An array as several pictures."""
    if images.ndim == 3 and images.shape[2] in (1, 3, 4):
        return images[None]
    if images.ndim == 2:
        raise DataError(
            f"The images have the shape {images.shape}: a single gray picture, or pictures in one row each. "
            "Pass array[None] for a single picture; bring rows into the shape (n, height, width) with reshape."
        )
    return images


def _warn_of_black(given: np.ndarray, stack: np.ndarray, levels: Levels) -> None:
    """Warn of a batch that seems to have another scale. It is not rescaled: an answer must not depend on the rest of its batch."""
    top = float(given.max())
    if given.dtype.kind != "b" and top > 0 and stack.max() <= 1:
        white = levels.of_array(given.dtype)[1]
        words = f"The brightest value of all {len(stack):,} images is {top:g}, nearly black: the model reads {given.dtype} up to {white:g}."
        warnings.warn(f"{words} If they have another scale, pass scale=(black, white).", stacklevel=3)


def _is_one(images: Any) -> bool:
    return isinstance(images, (str, Path, bytes, bytearray)) or _is_pillow(images)


def _is_pillow(image: Any) -> bool:
    return hasattr(image, "getbands")


def _pixels(image: Any, size: int, channels: int, levels: Levels, fit: Fit) -> np.ndarray:
    """One image, uint8 (size, size, channels)."""
    if not _is_one(image) and (isinstance(image, (list, tuple)) or hasattr(image, "__array__")):
        image = _array(image)
    if isinstance(image, np.ndarray):
        if image.ndim not in (2, 3):
            raise DataError(f"An image has the shape {image.shape}: expected (height, width) or (height, width, channels).")
        return np.asarray(_sized(as_uint8(image[None], levels), size, channels, fit)[0])
    if not _is_one(image):
        raise DataError(f"{type(image).__name__} is not an image: expected a path, encoded bytes, a PIL image or a NumPy array.")
    if isinstance(image, (str, Path)) and (why := address(image)):
        raise DataError(f"{why}.")
    source = Path(image) if isinstance(image, (str, Path)) else _encoded(image) if _is_pillow(image) else bytes(image)
    try:
        return open_image(source, size, channels, levels, fit=fit)
    except DataError as error:
        name = source if isinstance(source, Path) else f"an image of {len(source)} bytes"
        raise DataError(f"{name} cannot be used: {error}.") from None


def _array(image: Any) -> np.ndarray:
    """Nested lists, a tensor of any library or an array of objects as an array of numbers."""
    try:
        array = np.asarray(image)
        return np.asarray(array.tolist()) if array.dtype.kind == "O" else array
    except ValueError:
        raise DataError("An image is a list with rows of unequal length: expected (height, width, channels).") from None


def _sized(images: np.ndarray, size: int, channels: int, fit: Fit) -> np.ndarray:
    """uint8 (n, any height, any width, 1 or 3) as (n, size, size, channels)."""
    return resize_array(in_channels(images, channels), size, fit)


def _encoded(image: Any) -> bytes:
    """A PIL image as a lossless file: it is then read like a file, with the same orientation, colors and resizing."""
    out = io.BytesIO()
    if image.mode in DEEP:
        image.save(out, "TIFF", exif=image.getexif())
        return out.getvalue()
    picture = image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else image.convert("RGB")
    picture.save(out, "PNG", compress_level=1, exif=image.getexif())
    return out.getvalue()
