"""Image files of more than 8 bits for a color: their values, and those values as bytes.

Pillow keeps only the upper byte of 16-bit colors, which leaves 16 levels of a 12-bit picture. This module reads both bytes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from automl_cnn.data.levels import BYTE, DEPTHS, SLACK, UNIT, Levels, Pair, depth
from automl_cnn.errors import DataError

Kind = Literal["", "integers", "floats"]
OUTSIDE = 0.01  # of a file's values that are clipped to black or white; with more the file has another scale
BLOCK = 1 << 20  # values that are converted at a time
DARK = 64  # float files whose maximum lies below this, and above 1, are not 0..255
ROOM = 0.1  # of an unusual range, on either side
WIDE = re.compile(r"(RGB|RGBA|RGBX);16([BLN])")
GRAY_ALPHA = "LA;16B"


@dataclass(frozen=True)
class Span:
    """The smallest and the largest value of a file, and what kind of file it is."""

    kind: Kind
    low: float
    high: float


def kind_of(image: Image.Image) -> Kind:
    """The kind of an opened image that is not loaded yet: whether it has more than 8 bits for a color."""
    if image.mode == "F":
        return "floats"
    if image.mode == "I" or image.mode.startswith("I;16"):
        return "integers"
    raw = _raw_mode(image)
    wide = raw == GRAY_ALPHA or (WIDE.fullmatch(raw) and "transparency" not in image.info)
    return "integers" if wide else ""


def may_be_deep(content: bytes) -> bool:
    """Whether the file may have more than 8 bits for a color, judged by its first bytes."""
    return content[24:25] == b"\x10" if content.startswith(b"\x89PNG") else content[:2] in (b"II", b"MM")


def span_of(image: Image.Image, again: Callable[[], Image.Image]) -> Span:
    """The extreme values of a deep image; `again` opens the same image once more.

    Raises:
        DataError: a value is not finite.
    """
    kind = kind_of(image)
    return Span(kind, *_finite(_colors(values_of(image, again))))


def picture_of(image: Image.Image, again: Callable[[], Image.Image], levels: Levels) -> Image.Image:
    """A deep image in one of the modes L, RGB and RGBA, at the levels of its data set; `again` opens it once more.

    Raises:
        DataError: a value is not finite, or more than a few lie outside the levels.
    """
    values = values_of(image, again)
    pair = levels.float_files if image.mode == "F" else levels.deep_files
    colors = _colors(values)
    low, high = _finite(colors)
    _check(colors, (low, high), pair, "floating-point" if image.mode == "F" else "16-bit")
    made = to_bytes(colors, pair)
    if values.ndim == 3 and values.shape[2] in (2, 4):
        opacity = values[..., -1:]  # of 16 bits, or of as many as the colors have
        made = np.concatenate([made, to_bytes(opacity, pair if opacity.max() <= pair[1] else (0.0, 65535.0))], axis=2)
    return Image.fromarray(made, "LA").convert("RGBA") if made.ndim == 3 and made.shape[2] == 2 else Image.fromarray(made)


def values_of(image: Image.Image, again: Callable[[], Image.Image]) -> np.ndarray:
    """The values of a deep image: (height, width), or uint16 (height, width, 2 to 4)."""
    raw = _raw_mode(image)
    if raw == GRAY_ALPHA:  # gray and opacity, two bytes each, the upper first: as four colors of a byte, nothing is lost
        _unpack(image, "RGBA")
        both = np.asarray(image)
        return _joined_bytes(both[..., ::2], both[..., 1::2])
    wide = WIDE.fullmatch(raw)
    if wide is None:
        return np.asarray(image)
    with again() as twin:  # read with the bytes swapped, the lower ones come out
        native = "L" if sys.byteorder == "little" else "B"
        order = wide[2] if wide[2] != "N" else native
        _unpack(twin, f"{wide[1]};16{'L' if order == 'B' else 'B'}")
        lower = np.asarray(twin)
    return _joined_bytes(np.asarray(image), lower)


def _joined_bytes(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """uint16, in place: a large image has no room for copies."""
    values = upper.astype(np.uint16)
    values <<= 8
    values |= lower
    return values


def to_bytes(values: np.ndarray, pair: Pair) -> np.ndarray:
    """Black as 0 and white as 255, uint8; what lies outside is clipped."""
    if values.dtype == np.uint8 and pair == BYTE:
        return values
    black, white = pair
    out = np.empty(values.shape, np.uint8)
    flat, into = values.reshape(-1), out.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        scaled = (flat[start : start + BLOCK].astype(np.float64) - black) * (255 / (white - black))
        into[start : start + BLOCK] = np.rint(np.clip(scaled, 0, 255))
    return out


def levels_of_files(spans: Sequence[Span]) -> tuple[Levels, tuple[str, ...]]:
    """The levels of all the deep files of a data set together, and a note on each kind for the user."""
    deep = [span for span in spans if span.kind == "integers"]
    floats = [span for span in spans if span.kind == "floats"]
    levels, notes = Levels(), []
    if deep:
        pair, words = _integers(*_joined(deep))
        levels = Levels(integer_arrays=pair, deep_files=pair)
        usual = pair[0] == 0 and pair[1] in DEPTHS
        notes.append(f"{'16-bit files' if usual else 'Integer files of more than 8 bits'} hold values {words}.")
    if floats:
        pair, words = _floats(*_joined(floats))
        levels = Levels(levels.uint8_arrays, levels.integer_arrays, pair, levels.deep_files, pair)
        notes.append(f"Floating-point files hold values {words}.")
    return levels, tuple(notes)


def _integers(low: float, high: float) -> tuple[Pair, str]:
    white = depth(high) if low >= 0 else None
    if white is None:
        return _own(low, high)
    return (0.0, white), f"up to {high:,.0f}: read as {int(white).bit_length()}-bit, 0 to {white:,.0f}"


def _floats(low: float, high: float) -> tuple[Pair, str]:
    wholes = [(0.0, white) for white in DEPTHS]
    for pair, least in ((UNIT, 0.0), *((whole, DARK) for whole in wholes)):
        if low >= -pair[1] / SLACK and least <= high <= pair[1] + pair[1] / SLACK:
            return pair, f"from {low:,g} to {high:,g}: read as 0 (black) to {pair[1]:,g} (white)"
    return _own(low, high)


def _own(low: float, high: float) -> tuple[Pair, str]:
    """The data set's own range, with some room for what new files hold."""
    room = ROOM * ((high - low) or 1.0)
    pair = (max(0.0, low - room) if low >= 0 else low - room, high + room)
    return pair, f"from {low:,g} to {high:,g}: read as {pair[0]:,g} (black) to {pair[1]:,g} (white)"


def _joined(spans: list[Span]) -> Pair:
    return min(span.low for span in spans), max(span.high for span in spans)


def _check(colors: np.ndarray, extremes: Pair, pair: Pair, kind: str) -> None:
    slack = (pair[1] - pair[0]) / SLACK
    if extremes[0] >= pair[0] - slack and extremes[1] <= pair[1] + slack:
        return
    outside = float(np.mean((colors < pair[0] - slack) | (colors > pair[1] + slack)))
    if outside > OUTSIDE:
        raise DataError(
            f"the image's values lie within {extremes[0]:,g}..{extremes[1]:,g}, and {outside:.0%} of them outside {pair[0]:,g} to {pair[1]:,g}, "
            f"the scale of the {kind} files in the training images: rescale the file"
        )


def _finite(colors: np.ndarray) -> Pair:
    low, high = float(colors.min()), float(colors.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError("the image holds values that are not finite (NaN or infinity)")
    return low, high


def _colors(values: np.ndarray) -> np.ndarray:
    """Without the opacity."""
    return values[..., :-1] if values.ndim == 3 and values.shape[2] in (2, 4) else values


def _raw_mode(image: Image.Image) -> str:
    """How the decoder unpacks the file's bytes, as long as the image is not loaded; "" where that is not known."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0].args if tiles else ""
    return str(arguments[0]) if isinstance(arguments, tuple) and arguments else arguments if isinstance(arguments, str) else ""


def _unpack(image: Image.Image, raw: str) -> None:
    """Make the decoder unpack the file's bytes in another way."""
    tiles = image.tile  # type: ignore[attr-defined]  # every image that was read from a file has them
    image.tile = [tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw) for tile in tiles]  # type: ignore[attr-defined]
