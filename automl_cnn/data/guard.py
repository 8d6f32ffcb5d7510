"""Limits on the cost of decoding, checked on the header before any pixel is decoded.

A file of a megabyte can hold an image that takes gigabytes. One limit, `max_pixels`, bounds it: the pixels of the decoded
image, 16 bytes for each of them in the file and in what a decoder keeps beside it, and 16 times as many in a JPEG that is
decoded at a smaller scale. Images that take much memory are decoded one at a time.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import ImageFile

from automl_cnn import quantities
from automl_cnn.data import deep
from automl_cnn.errors import ConfigError, DataError

MAX_PIXELS = 40_000_000
VARIABLE = "AUTOML_CNN_MAX_PIXELS"
BYTES = 16  # for each pixel of the limit: in a file, and of what a decoder keeps beside the image
REDUCED = 16  # times the limit: a JPEG's pixels before it is decoded at a smaller scale
LARGE = 64 * 2**20  # bytes from which on images wait for each other
SCANS = 1000  # of a JPEG
SCANNED = 4_000_000_000  # pixels of a JPEG times its scans: a few seconds
_COST = {"WEBP": 20, "PNG": 12, "GIF": 12, "BMP": 12, "TIFF": 12, "JPEG": 12}  # bytes a decoded pixel takes at the peak, measured
DEEP = 24  # the same of an image of more than 8 bits for a color
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # not a stuffed byte, a restart or a fill byte
_NO_LENGTH = frozenset((0x01, 0xD8, 0xD9))
_turn = threading.RLock()


def limit(max_pixels: float | None = None) -> int:
    """The largest image to decode, in pixels: `max_pixels`, else what `AUTOML_CNN_MAX_PIXELS` says, else 40 million.

    Raises:
        ConfigError: the environment variable does not hold a number of pixels.
    """
    if max_pixels is not None:
        return int(max_pixels)
    text = os.environ.get(VARIABLE, "").strip()
    try:
        return int(quantities.count(text)) if text else MAX_PIXELS
    except ValueError as error:
        raise ConfigError(f"--max-pixels, or the environment variable {VARIABLE}, is not a number of pixels: {error}.") from None


def file_limit(pixels: int) -> int:
    """The largest file to read, in bytes."""
    return BYTES * pixels


@contextmanager
def turn(size: float) -> Iterator[None]:
    """If decoding takes many bytes (`LARGE` or more), wait until no other thread decodes a large image."""
    if size < LARGE:
        yield
        return
    with _turn:
        yield


def check_size(width: int, height: int, pixels: int) -> None:
    """Refuse an image that would have too many pixels when it is decoded.

    Raises:
        DataError: it has more than `pixels`.
    """
    if width * height > pixels:
        raise DataError(
            f"the image is too large: {width}x{height} are {millions(width * height)} million pixels, at most {millions(pixels)} million are decoded; "
            "make it smaller, or raise --max-pixels"
        )


def decoded_size(image: ImageFile.ImageFile, size: int) -> tuple[int, int]:
    """Width and height as decoded for a square of `size`: of a JPEG, the smallest scale that suffices."""
    width, height = image.size
    if image.format != "JPEG":
        return width, height
    scale = next(scale for scale in (8, 4, 2, 1) if scale == 1 or min(width, height) // max(1, size) >= scale)
    return -(-width // scale), -(-height // scale)


def cost(image: ImageFile.ImageFile, size: int, content: bytes, pixels: int) -> int:
    """The approximate memory for decoding an image that is reduced to `size` px, in bytes.

    Raises:
        DataError: more than the limit allows, or a JPEG with more scans than it can need.
    """
    if image.format == "JPEG":
        check_size(*image.size, REDUCED * pixels)
    width, height = decoded_size(image, size)
    check_size(width, height, pixels)
    beside = _coefficients(image, content, pixels) if image.format == "JPEG" else 0
    each = DEEP if deep.kind_of(image) else _COST.get(str(image.format), DEEP)
    return len(content) + each * width * height + beside


def _coefficients(image: ImageFile.ImageFile, content: bytes, pixels: int) -> int:
    """The bytes of a JPEG's coefficients at full size, which a decoder keeps where they come in several scans."""
    scans = _scans(content)
    whole = image.width * image.height
    if scans > SCANS or scans * whole > max(SCANNED, 10 * whole):
        raise DataError(f"the image is a JPEG of {scans:,} scans, which would take very long to decode; save it again, as JPEG or PNG")
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])  # id, horizontal and vertical samples, table
    if scans <= 1 or not layers:
        return 0
    most = max(layer[1] for layer in layers) * max(layer[2] for layer in layers)
    kept = int(2 * whole * sum(layer[1] * layer[2] for layer in layers) / max(1, most))
    if kept > BYTES * pixels:
        raise DataError(
            f"the image is too large: a JPEG in several scans of {millions(whole)} million pixels takes {kept / 1e6:,.0f} MB to decode, "
            f"at most {BYTES * pixels / 1e6:,.0f} MB are used; save it as a baseline JPEG, or raise --max-pixels"
        )
    return kept


def _scans(content: bytes) -> int:
    """How many scans the first image of a JPEG file holds, counted up to a few more than are allowed."""
    at = scans = 0
    while scans <= SCANS and (marker := _MARKER.search(content, at)):
        at, code = marker.end(), marker[1][0]
        scans += code == 0xDA
        if code == 0xD9 or (scans == 1 and content.find(b"\xff\xda", at) < 0):  # the second spares most files a look at every byte
            break
        if code not in _NO_LENGTH:
            at += max(2, int.from_bytes(content[at : at + 2], "big"))
    return scans


def millions(count: int) -> str:
    """A number of pixels as a message has it."""
    return f"{count / 1e6:,.0f}" if count >= 10_000_000 else f"{count / 1e6:,.3g}"
