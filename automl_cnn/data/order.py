"""Natural order: `2` before `10`."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"([0-9]+)")


def natural(name: str) -> tuple[list[str | int], str]:
    """A sort key that puts `2` before `10`, upper and lower case together."""
    parts: list[str | int] = list(_DIGITS.split(name.casefold()))
    parts[1::2] = [int(digits) for digits in parts[1::2]]  # text and numbers alternate: text is compared with text, numbers with numbers
    return parts, name
