"""CSV that is safe for spreadsheets, programs and terminals: names of files and classes are untrusted.

A cell that a spreadsheet would run as a formula (it starts with =, +, -, @, a tab or a carriage return, and is not a number) gets a
quote in front: '=cmd. To get the exact name, a program removes that quote (`exact`). Bytes that are not valid UTF-8 are written as
\\xe9, as everywhere in this package. On a terminal, control characters are escaped.
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
    """`text`, with a quote in front if a spreadsheet would run it."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def exact(text: str) -> str:
    """Undo `inert`: the original text."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
