"""Decode an image file, or its bytes, to a square uint8 array.

Training and prediction both decode images here and get the same pixels: upright, on white
where transparent, made square as the data set states (`fit`), with antialiasing. JPEG files are decoded at the smallest scale that suffices (2-3 times faster).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile

from automl_cnn.data import bands, deep, formats, guard, quiet, regular
from automl_cnn.data.fit import Fit, squared
from automl_cnn.data.header import Header, origin
from automl_cnn.data.levels import BYTE, CONVENTION, SLACK, Levels, span
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.text import inline

VERSION = 2  # raised whenever the pixels that come out change, so that old caches are not used
MIN_SIDE = 4
GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_image(
    source: Path | bytes, size: int, channels: int, levels: Levels = CONVENTION, *, fit: Fit = "squash", max_pixels: float | None = None
) -> np.ndarray:
    """The image as uint8 (size, size, channels), channels being 1 (gray) or 3 (RGB).

    The first frame of an animation; turned upright as its EXIF data say; transparent parts on white;
    files of more than 8 bits at the levels of their data set; made square by `fit` (see `fit.squared`), then resized.
    At most `max_pixels` are decoded (see `guard.limit`).

    Raises:
        DataError: it is not an image of a known format, damaged, too small (a side under 4 px), too large or
            outside the levels; the message is one sentence that tells which.
    """
    return read_image(source, size, channels, levels, fit=fit, max_pixels=max_pixels)[0]


def read_image(
    source: Path | bytes, size: int, channels: int, levels: Levels = CONVENTION, *, fit: Fit = "squash", max_pixels: float | None = None
) -> tuple[np.ndarray, int]:
    """As `open_image`, and the number of bands used if the file has more (else 0)."""
    with _decoding(source, size, guard.limit(max_pixels)) as (image, again, used):
        return _square(_picture(image, size, again, levels), size, channels, fit), used


def probe(source: bytes | BinaryIO, *, max_pixels: float | None = None) -> tuple[int, bool]:
    """The shorter side in pixels and whether the image is gray, read from its header alone.

    Raises:
        DataError: as `open_image`, as far as the header tells.
    """
    header = header_of(source, max_pixels=max_pixels)
    return min(header.width, header.height), header.gray


def header_of(source: bytes | BinaryIO, *, max_pixels: float | None = None) -> Header:
    """An image's header, before its pixels are decoded.

    Raises:
        DataError: as `open_image`, as far as the header tells.
    """
    pixels = guard.limit(max_pixels)
    with _in_a_sentence(), _open(io.BytesIO(source) if isinstance(source, bytes) else source, pixels) as image:
        guard.cost(image, MIN_SIDE, b"", pixels)
        return Header(image.width, image.height, image.format or "", image.mode, _is_gray(image), *origin(image))


def pixels_of(content: bytes) -> int:
    """How many pixels decoding a file takes at least, read from its header alone.

    Raises:
        DataError: as `open_image`, as far as the header tells.
    """
    pixels = guard.limit()
    with _in_a_sentence(), _open(io.BytesIO(content), pixels) as image:
        guard.cost(image, MIN_SIDE, b"", pixels)
        width, height = guard.decoded_size(image, MIN_SIDE)
        return width * height


def span_of(source: Path | bytes, *, max_pixels: float | None = None) -> deep.Span | None:
    """The extreme values of a file of more than 8 bits, which is decoded for that; None for any other.

    Raises:
        DataError: as `open_image`; a value is not finite.
    """
    with _decoding(source, MIN_SIDE, guard.limit(max_pixels)) as (image, again, _):
        return deep.span_of(image, again) if deep.kind_of(image) else None


def resize_array(images: np.ndarray, size: int, fit: Fit = "squash") -> np.ndarray:
    """`images`, uint8 (n, height, width, 1 or 3), as uint8 (n, size, size, channels), made square by `fit`, antialiased."""
    if images.shape[1:3] == (size, size):
        return np.ascontiguousarray(images)
    out = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for row, pixels in enumerate(images):
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels))
        out[row] = _array(squared(image, size, fit).resize((size, size), Image.Resampling.BILINEAR))
    return out


def as_uint8(images: np.ndarray, levels: Levels = CONVENTION) -> np.ndarray:
    """Images in an array of any usual kind as uint8 (n, height, width, 1 or 3), at the levels of their data set.

    Accepts (n, height, width) and (n, height, width, 1, 3 or 4: with alpha, put on white) of bool, integers or floats.

    Raises:
        DataError: another shape or type; a value outside the levels or not finite.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4) or min(images.shape[1:3], default=0) < MIN_SIDE:
        last = images.ndim == 4 and images.shape[1] in (1, 3, 4) and min(images.shape[2:]) >= MIN_SIDE
        hint = " Channels come last here: pass np.moveaxis(images, 1, -1)." if last else ""
        hint = " Bring rows of pixels into that shape with reshape." if images.ndim == 2 else hint
        raise DataError(
            f"The images have the shape {images.shape}: expected (n, height, width) or (n, height, width, channels) "
            f"with 1, 3 or 4 channels and sides of at least {MIN_SIDE} px.{hint}"
        )
    images = _to_bytes(images, levels)
    if images.shape[3] == 4:
        alpha = images[..., 3:].astype(np.uint16)
        images = ((images[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return images


def _to_bytes(images: np.ndarray, levels: Levels) -> np.ndarray:
    pair = levels.of_array(images.dtype)
    if not images.size or (images.dtype == np.uint8 and pair == BYTE):
        return images.astype(np.uint8, copy=False)
    low, high = span(images)
    slack = (pair[1] - pair[0]) / SLACK
    if low < pair[0] - slack or high > pair[1] + slack:
        raise DataError(
            f"The images' values lie within {low:g}..{high:g}: expected {pair[0]:g} (black) to {pair[1]:g} (white) for {images.dtype}, the scale of "
            "the model's training images. Rescale them, or pass scale=(black, white) to state their own range."
        )
    return deep.to_bytes(images, pair)


@contextmanager
def _decoding(source: Path | bytes, size: int, pixels: int) -> Iterator[tuple[Image.Image, Callable[[], Image.Image], int]]:
    """An image that may be decoded now, a function that opens it again, and the number of bands used if the file has more (else 0)."""
    with (
        _in_a_sentence(),
        _content(source, guard.file_limit(pixels)) as content,
        _open(io.BytesIO(content), pixels) as image,
        guard.turn(guard.cost(image, size, content, pixels)),
    ):
        whole, used = bands.settled(content, pixels)

        def again() -> ImageFile.ImageFile:
            return _open(io.BytesIO(whole), pixels)

        if whole is content:
            yield image, again, used
        else:
            with again() as plain:
                yield plain, again, used


@contextmanager
def _content(source: Path | bytes, limit: int) -> Iterator[bytes]:
    if isinstance(source, bytes):
        regular.check_size(len(source), limit)
        yield source
        return
    with regular.opened(source, limit) as (file, size), guard.turn(size):
        yield file.read(limit)


@contextmanager
def _in_a_sentence() -> Iterator[None]:
    """Turn any exception of a decoder, and any complaint of libtiff, into a DataError: damaged files raise all kinds of exceptions."""
    with quiet.listening() as complaints:
        try:
            yield
        except (DataError, ConfigError):
            raise
        except Exception as error:
            if not complaints:
                raise DataError(_reason(error)) from None
        if complaints:  # also where pixels came out: what follows the damage is noise
            raise DataError("the image is damaged or cut short: its TIFF data cannot be decoded in full")


def _open(file: BinaryIO, pixels: int) -> ImageFile.ImageFile:
    image = formats.opened(file, pixels)
    if min(image.size) < MIN_SIDE:
        image.close()
        raise DataError(f"the image is too small: {image.width}x{image.height} px, expected at least {MIN_SIDE}x{MIN_SIDE}")
    return image


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "the image takes more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return regular.unreadable(error)
    text = inline(" ".join(str(error).split()))  # decoders quote what they stumble over
    return f"the image is damaged or cut short: {text[:200] or type(error).__name__}"


def _is_gray(image: Image.Image) -> bool:
    if image.mode == "P":
        colors = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        return bool((colors == colors[:, :1]).all())
    return image.mode in GRAY_MODES


def _picture(image: Image.Image, size: int, again: Callable[[], Image.Image], levels: Levels) -> tuple[Image.Image, Image.Transpose | None]:
    """The image in one of the modes L, RGB and RGBA, no smaller than `size` needs, and how it is to be turned."""
    image.draft(None, (size, size))  # None: keep the colors; only JPEG listens
    plain = deep.picture_of(image, again, levels) if deep.kind_of(image) else _plain(image)
    return plain, _UPRIGHT.get(_orientation(image))


def _square(picture: tuple[Image.Image, Image.Transpose | None], size: int, channels: int, fit: Fit) -> np.ndarray:
    plain, turn = picture
    if fit != "squash" and turn is not None:  # the middle of an odd number of pixels lies on one side of it
        plain, turn = plain.transpose(turn), None
    plain = squared(plain, size, fit).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    if plain.mode == "RGBA":
        white = Image.new("RGBA", plain.size, "white")
        plain = Image.alpha_composite(white, plain)
    plain = plain.convert("L" if channels == 1 else "RGB")
    return _array(plain.transpose(turn) if turn is not None else plain)


def _plain(image: Image.Image) -> Image.Image:
    """The image in one of the modes L, RGB and RGBA."""
    image.load()
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF data do not make the picture unusable
        return 1


def _array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image, np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels
