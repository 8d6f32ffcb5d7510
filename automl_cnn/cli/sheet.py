"""CSV that spreadsheets, programs and terminals take safely: names of files and classes come from outside.

A cell that a spreadsheet would run as a formula (it begins with =, +, -, @, a tab or a carriage return, and is not a number) gets a
quote in front: '=cmd. A program that wants the exact name takes that one quote off (`exact`). Bytes that are not valid UTF-8 are written as
\\xe9, as everywhere here. On a terminal control characters are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TextIO

from automl_cnn.text import inline, readable

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four are the wide forms of = + - @
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)
_QUOTED = re.compile(r'[,"\r\n\x85\u2028\u2029]|^\s|\s$')


class Sheet:
    """Writes rows to `out`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()

    def row(self, cells: Sequence[str]) -> None:
        texts = [inert(readable(cell)) for cell in cells]
        self._out.write(",".join(map(_cell, map(inline, texts) if self._terminal else texts)) + "\n")


def inert(text: str) -> str:
    """`text`, with a quote in front where a spreadsheet would run it."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def exact(text: str) -> str:
    """The text that `inert` received."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
