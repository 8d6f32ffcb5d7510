"""Amounts as a person writes and reads them: `1.5M` parameters, `5MB`, `20ms`, `4:05`."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable, Mapping

COUNTS: Mapping[str, float] = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
BYTES: Mapping[str, float] = {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
MILLISECONDS: Mapping[str, float] = {"": 1, "ms": 1, "s": 1e3, "us": 1e-3, "µs": 1e-3}
TIMES: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86400}

SHOWN = 100  # characters of a value in a message
MOST_WORKERS = 10**9
LONGEST = 1000 * 86400  # seconds of a budget


def amount(units: Mapping[str, float], example: str) -> Callable[[object], float]:
    """A reader of numbers with one of the `units`, in any case; a plain number is in the unit "".

    The reader takes numbers of NumPy too. It raises ValueError for anything else, and for what is not finite and above zero.
    """

    def read(value: object) -> float:
        plain = number(value)
        if plain is not None:
            return _above_zero(plain * units[""], value)
        match = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\d+)?)([a-zµ]*)", str(value).strip().lower().replace(" ", "").replace(",", "").replace("_", ""))
        if not isinstance(value, str) or match is None or match.group(2) not in units:
            raise ValueError(f"{shown(value)} is not an amount: expected for example {example}")
        return _above_zero(float(match.group(1)) * units[match.group(2)], value)

    return read


def number(value: object) -> float | None:
    """A number, Python's or NumPy's, as a float (infinity where it is too large for one); None for anything else, true and false included."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def shown(value: object) -> str:
    """What was received, for a message: on one line, shortened, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or lists within lists
        text = f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 20]}… ({len(text):,} characters)"


def _above_zero(total: float, value: object) -> float:
    if not math.isfinite(total):
        raise ValueError(f"{shown(value)} is not a finite number")
    if total <= 0:
        raise ValueError(f"{shown(value)} is not above zero")
    return total


count = amount(COUNTS, "500k, 1.5M or 300000")
size = amount(BYTES, "500KB, 5MB or 1GiB")
milliseconds = amount(MILLISECONDS, "20ms or 0.5s")


def compact(number: int | None) -> str:
    """1,234,567 as `1.2M`: parameters and mult-adds; `-` where it is not known."""
    if number is None:
        return "-"
    value = float(number)
    for unit in ("", "k", "M", "G"):
        if value < 999.5:
            return f"{value:.0f}{unit}" if value >= 99.5 or unit == "" else f"{value:.1f}{unit}"
        value /= 1000
    return f"{value:.1f}T"


def bytes_(number: int) -> str:
    """1,234,567 as `1.2 MB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B"


def clock(seconds: float) -> str:
    """Seconds as `4:05` or `1:02:03`."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def seconds(value: object) -> float:
    """`90`, `"90s"`, `"10m"` or `"1h30m"` in seconds.

    Raises:
        ValueError: anything else, what is not above zero, or more than `LONGEST`.
    """
    total = number(value)
    if total is None:
        text = str(value).strip().lower().replace(" ", "") if isinstance(value, str) else ""
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
        if re.fullmatch(r"\d+(\.\d+)?", text):
            total = float(text)
        elif parts and "".join(number + unit for number, unit in parts) == text:
            total = sum(float(number) * TIMES[unit] for number, unit in parts)
        else:
            raise ValueError(f"{shown(value)} is not a duration: expected for example 90s, 10m or 1h30m")
    if not math.isfinite(total) or total > LONGEST:
        raise ValueError(f"{shown(value)} is too long: expected at most {LONGEST // TIMES['d']} days")
    if total <= 0:
        raise ValueError(f"{shown(value)} is not above zero")
    return total


def whole(value: object) -> object:
    """A whole number, Python's or NumPy's; true and false are none."""
    read = number(value)
    if read is None and not isinstance(value, str):
        raise ValueError("expected a whole number")
    return int(read) if read is not None and read.is_integer() else value


def plain(value: object) -> object:
    """A number, Python's or NumPy's; text is left to whoever reads it next.

    Raises:
        ValueError: it is neither.
    """
    read = number(value)
    if read is None and not isinstance(value, str):
        raise ValueError("expected a number")
    return value if read is None else read


def workers(value: object) -> object:
    """`auto`, or a whole number from 1 on.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, str) and value.strip().lower() == "auto":
        return "auto"
    count = number(value)
    if count is None and isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip()):
        count = int(value)
    if count is None or not 1 <= count <= MOST_WORKERS or not float(count).is_integer():
        raise ValueError(f"{shown(value)} is not a number of workers: expected auto, or a whole number from 1 on")
    return int(count)
