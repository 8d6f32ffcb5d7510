"""The values of black and white: a property of the data set and of the model fitted to it, never of one batch or one image.

Levels()                                  # the convention: bytes 0..255, floats 0..1, 16-bit files 0..65535
levels_of_arrays([images])                # what the arrays of a training set hold
levels.stated((0, 4095))                  # what the caller says
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.errors import DataError

Pair = tuple[float, float]  # (black, white)
Scale = float | tuple[float, float] | list[float]  # what a caller may state: white alone, or black and white
DEPTHS = (255, 1023, 4095, 16383, 65535)  # white at 8, 10, 12, 14 and 16 bits
BYTE: Pair = (0.0, 255.0)
UNIT: Pair = (0.0, 1.0)
DIM = 2.0  # floats whose maximum lies between 1 and this are neither 0..1 nor 0..255
SLACK = 510  # the share of a range, half a gray level, by which rounding may exceed it


@dataclass(frozen=True)
class Levels:
    """(black, white) for each kind of source. Files of 8 bits are always 0..255, arrays of bool always 0 and 1."""

    uint8_arrays: Pair = BYTE
    integer_arrays: Pair = BYTE  # of any other integer type
    float_arrays: Pair = UNIT
    deep_files: Pair = (0.0, 65535.0)  # of more than 8 bits
    float_files: Pair = UNIT

    def of_array(self, dtype: np.dtype[Any]) -> Pair:
        """Black and white in an array of this type.

        Raises:
            DataError: the type is neither bool, integer nor float.
        """
        pair: Pair = UNIT if dtype.kind == "b" else getattr(self, _kind(dtype))
        return pair

    def stated(self, scale: Scale | None) -> Levels:
        """These levels if `scale` is None; otherwise with `scale` for arrays of every type except bool.

        Raises:
            DataError: `scale` is neither a number nor two ascending ones.
        """
        if scale is None:
            return self
        pair = _pair((0, scale) if isinstance(scale, (int, float, np.number)) else scale)
        if pair is None:
            raise DataError(f"scale={scale!r} is not a pixel scale. Expected (black, white), two ascending numbers such as (0, 4095), or white alone.")
        return dataclasses.replace(self, uint8_arrays=pair, integer_arrays=pair, float_arrays=pair)

    def for_files(self) -> Levels:
        """The levels for files that hold the same values as these arrays: deep files if integers have more than 8 bits."""
        deep = self.integer_arrays if self.integer_arrays[1] > BYTE[1] else self.deep_files
        return dataclasses.replace(self, deep_files=deep, float_files=self.float_arrays)

    def as_dict(self) -> dict[str, list[float]]:
        """JSON-ready."""
        return {field.name: list(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> Levels:
        """The levels that `as_dict` wrote. Missing values are those of the convention: older models and data sets do not state them.

        Raises:
            DataError: a value is not a pair of ascending numbers.
        """
        if not isinstance(values or {}, Mapping):
            raise DataError(f"The pixel scales read {values!r}. Expected black and white for each kind of source.")
        pairs = {field.name: (values or {})[field.name] for field in dataclasses.fields(cls) if field.name in (values or {})}
        checked = {name: pair for name, value in pairs.items() if (pair := _pair(value)) is not None}
        if wrong := pairs.keys() - checked.keys():
            name = sorted(wrong)[0]
            raise DataError(f"The pixel scale '{name}' reads {pairs[name]!r}. Expected black and white, two ascending numbers.")
        return cls(**checked)


CONVENTION = Levels()


def levels_of_arrays(arrays: Iterable[np.ndarray]) -> Levels:
    """The levels of a training set in memory.

    If all values are zeros and ones, these are black and white, whatever the type. Otherwise floats are 0..1 or, if some are
    larger, 0..255, and integers have as many bits as the largest value needs: 8, 10, 12, 14 or 16.

    Raises:
        DataError: a value is negative, not finite or larger than these; the message asks for `scale`.
    """
    spans: dict[str, list[Pair]] = {}
    binary, some = True, False
    for array in arrays:
        some = some or array.size > 0
        if array.dtype.kind == "b" or not array.size:
            continue
        kind = _kind(array.dtype)
        low, high = span(array)
        spans.setdefault(kind, []).append((low, high))
        binary = binary and low >= 0 and high <= 1 and (array.dtype.kind != "f" or bool(((array == 0) | (array == 1)).all()))
    if some and binary:
        return Levels(UNIT, UNIT, UNIT)
    joined = {kind: (min(low for low, _ in pairs), max(high for _, high in pairs)) for kind, pairs in spans.items()}
    return Levels(**{kind: _of_floats(pair) if kind == "float_arrays" else _of_integers(pair) for kind, pair in joined.items()}).for_files()


def span(array: np.ndarray) -> Pair:
    """The smallest and the largest value.

    Raises:
        DataError: a value is not finite.
    """
    low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError("The images hold values that are not finite (NaN or infinity). Replace them, or leave those images out.")
    return low, high


def depth(white: float) -> float | None:
    """The smallest white of `DEPTHS` that holds this value."""
    return next((float(level) for level in DEPTHS if white <= level), None)


def _of_integers(extremes: Pair) -> Pair:
    white = depth(extremes[1])
    if extremes[0] < 0 or white is None:
        raise _unknown(extremes, "integers within 0..65535")
    return 0.0, white


def _of_floats(extremes: Pair) -> Pair:
    low, high = extremes
    if low >= -1 / SLACK and high <= 1 + 1 / SLACK:
        return UNIT
    if low < 0 or high <= DIM or high > BYTE[1]:
        raise _unknown(extremes, "floats within 0..1 or 0..255")
    return BYTE


def _unknown(extremes: Pair, expected: str) -> DataError:
    low, high = extremes
    return DataError(
        f"The images' values lie within {low:g}..{high:g}: expected {expected}. Rescale or clip them, or pass scale=(black, white) to state their range."
    )


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype == np.uint8:
        return "uint8_arrays"
    if dtype.kind in "iu":
        return "integer_arrays"
    if dtype.kind == "f":
        return "float_arrays"
    raise DataError(f"The images have the type {dtype}: expected integers, floats or bool.")


def _pair(value: Any) -> Pair | None:
    try:
        black, white = (float(number) for number in value)
    except (TypeError, ValueError):
        return None
    return (black, white) if math.isfinite(black) and math.isfinite(white) and black < white else None
