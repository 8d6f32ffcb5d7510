"""Our docstrings are plain text with backticks and indented code; Sphinx reads reStructuredText."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

CODE = re.compile(r"(?<![`:\w])`([^`\n]+)`(?!`)")
MAY_FOLLOW = " -.,:;!?'\")]}/>"  # reStructuredText asks for one of these after code, or for an escaped space
FIELDS = 8  # of a data class, from which its signature says less than its text
SECTIONS = ("Raises:", "Args:", "Returns:", "Yields:")


def setup(app: Any) -> dict[str, bool]:
    """Convert every docstring before Napoleon reads its sections."""
    app.connect("autodoc-process-docstring", _converted, priority=100)
    app.connect("autodoc-process-signature", _shortened)
    app.connect("doctree-resolved", _dashed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _converted(app: Any, *given: Any) -> None:
    lines: list[str] = given[-1]  # after the kind, the name, the object and its options
    lines[:] = converted(lines)


def _shortened(app: Any, what: str, name: str, obj: Any, *_: Any) -> tuple[str, str] | None:
    long = what == "class" and dataclasses.is_dataclass(obj) and len(dataclasses.fields(obj)) > FIELDS
    return ("", "") if long else None


def _dashed(app: Any, tree: Any, page: str) -> None:
    """An error and its cause, which Sphinx separates by two hyphens."""
    from docutils import nodes  # the tests need this file without Sphinx

    for text in [text for text in tree.findall(nodes.Text) if text == " -- "]:
        text.parent.replace(text, nodes.Text(": "))


def converted(lines: list[str]) -> list[str]:
    """Code in double backticks, and a `::` line before each indented block that no section begins."""
    made: list[str] = []
    literal = section = False
    for number, line in enumerate(lines):
        indented = line.startswith("    ")
        if not indented and line.strip():
            literal, section = False, line.strip() in SECTIONS
        elif indented and not literal and not section and (number == 0 or not lines[number - 1].strip()):
            made += ["::", ""]
            literal = True
        made.append(line if literal else _plain(line))
    return made


def _plain(line: str) -> str:
    """A line with its code in double backticks; whatever else would be markup is escaped."""
    made = ""
    for place, part in enumerate(CODE.split(line)):
        if place % 2:  # in backticks
            made += f"``{part}``"
        else:
            apart = "\\ " if place and part and part[0] not in MAY_FOLLOW else ""
            made += apart + part.replace("*", r"\*").replace("|", r"\|")
    return made
