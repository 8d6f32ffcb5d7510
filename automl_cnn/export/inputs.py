"""Whatever a user calls images -> batches as the network was trained on them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from automl_cnn.data.decode import as_uint8, open_image, resize_array
from automl_cnn.errors import DataError

Image = str | Path | bytes | np.ndarray | Any  # Any: a PIL image
Images = Image | Sequence[Image]
GRAY = np.array([299, 587, 114]) / 1000  # ITU-R 601 luma, as Pillow's mode L


def as_batches(images: Images, size: int, channels: int, batch: int, *, stored: int) -> Iterator[np.ndarray]:
    """uint8 arrays (at most `batch`, size, size, channels), decoded a batch at a time.

    `stored` is the square, in pixels, at which training kept its images: they take the same road here,
    file to `stored` to `size`, so that the network sees the very pixels it would have been trained on.

    Raises:
        DataError: an image cannot be used; the message names it.
    """
    if isinstance(images, np.ndarray):
        if not len(images):
            return
        stack = as_uint8(images)  # as a whole, so that floats are read alike in every batch
        for start in range(0, len(stack), batch):
            yield resize_array(_fit(stack[start : start + batch], stored, channels), size)
        return
    listed: list[Any] = [images] if _is_one(images) else [*cast(Sequence[Any], images)]
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(listed), batch):
            yield resize_array(np.stack(list(pool.map(partial(_pixels, size=stored, channels=channels), listed[start : start + batch]))), size)


def _is_one(images: Any) -> bool:
    return isinstance(images, (str, Path, bytes, bytearray)) or _is_pillow(images)


def _is_pillow(image: Any) -> bool:
    return hasattr(image, "getbands")


def _pixels(image: Any, size: int, channels: int) -> np.ndarray:
    """One image, uint8 (size, size, channels)."""
    if isinstance(image, np.ndarray):
        return np.asarray(_fit(as_uint8(image[None]), size, channels)[0])
    if not _is_one(image):
        raise DataError(f"{type(image).__name__} is no image: expected a path, encoded bytes, a PIL image or a NumPy array.")
    source = Path(image) if isinstance(image, (str, Path)) else _encoded(image) if _is_pillow(image) else bytes(image)
    try:
        return open_image(source, size, channels)
    except DataError as error:
        name = source if isinstance(source, Path) else f"an image of {len(source)} bytes"
        raise DataError(f"{name} cannot be used: {error}.") from None


def _fit(images: np.ndarray, size: int, channels: int) -> np.ndarray:
    """uint8 (n, any height, any width, 1 or 3) as (n, size, size, channels)."""
    if images.shape[3] == channels:
        return resize_array(images, size)
    fitted = np.repeat(images, 3, axis=3) if channels == 3 else np.rint(images @ GRAY).astype(np.uint8)[..., None]
    return resize_array(fitted, size)


def _encoded(image: Any) -> bytes:
    """A PIL image as a file without loss, so that it takes the road of files: orientation, colours and resizing alike."""
    picture = image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else image.convert("RGB")
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1, exif=image.getexif())
    return out.getvalue()
