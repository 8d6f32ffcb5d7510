"""Standard streams that accept any text: characters that an encoding lacks are replaced by readable ones, without an error."""

from __future__ import annotations

import codecs
import os
import sys

PLAIN = {
    "±": "+/-", "·": "-", "…": "...", "×": "x", "µ": "u", "–": "-", "—": "-", "−": "-", "→": "->", "←": "<-", "≤": "<=", "≥": ">=",
    "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*", "†": "*", "\u00a0": " ",
    "─": "-", "━": "-", "│": "|", "┃": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┌": "+", "┐": "+", "└": "+", "┘": "+",
    "╸": "-", "╺": "-",
}  # fmt: skip
ERRORS = "automl_cnn_plain"


def prepare() -> None:
    """Make the standard streams of this process accept any text, and standard input any bytes, such as paths that are not valid UTF-8."""
    codecs.register_error(ERRORS, plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ERRORS)
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding=None if sys.platform == "win32" else sys.getfilesystemencoding(), errors="surrogateescape")


def utf8_names() -> None:
    """If the locale is ASCII, restart this process in Python's UTF-8 mode: file names are UTF-8 nevertheless.

    The streams stay ASCII. With any other locale, do nothing.
    """
    if os.name == "nt" or sys.flags.utf8_mode or codecs.lookup(sys.getfilesystemencoding()).name != "ascii":
        return
    encoding = sys.stdout.encoding if sys.stdout is not None else "ascii"
    surroundings = {"PYTHONIOENCODING": f"{encoding}:backslashreplace", **os.environ, "PYTHONUTF8": "1"}
    if sys.stdout is not None:
        sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], surroundings)


def plain(error: UnicodeError) -> tuple[str, int]:
    """The replacement for characters that an encoding lacks: `+/-` for a plus-minus sign, minus signs for lines, otherwise an escape such as `\\xe9`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_one, error.object[error.start : error.end])), error.end


def _one(sign: str) -> str:
    if sign in PLAIN:
        return PLAIN[sign]
    if 0xDC80 <= ord(sign) <= 0xDCFF:  # a byte of a file name
        return f"\\x{ord(sign) - 0xDC00:02x}"
    if 0x2800 <= ord(sign) <= 0x28FF:  # a spinner's dots
        return "*"
    return sign.encode("ascii", "backslashreplace").decode("ascii")
