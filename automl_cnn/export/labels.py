"""`labels.txt`: exactly one line for each class, label or number, whatever its name contains. `model.json` has the exact names."""

from __future__ import annotations

from collections.abc import Sequence

from automl_cnn.text import inline

FILE = "labels.txt"
MEANING = (
    f"{FILE} has one line for each class. Line breaks, control and other invisible characters in a name are escaped (\\n, \\x1b, \\u2028), "
    'and an empty name is written as "". `classes` has the exact names.'
)
OF_NUMBERS = MEANING.replace("for each class.", "for each number, with its unit.")


def lines(classes: Sequence[str]) -> str:
    """The text of the file: one line for each class or label, or for each number with its unit. Names with line breaks are escaped."""
    shown = [_line(name) for name in classes]
    if len(set(shown)) < len(shown):
        shown = [_line(name.replace("\\", "\\\\")) for name in classes]
    return "".join(f"{line}\n" for line in shown)


def _line(name: str) -> str:
    line = inline(name)
    if not line:
        return '""'
    return line if line.strip() else line.replace(" ", "\\x20")  # readers leave out lines that look empty
