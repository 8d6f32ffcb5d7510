"""What a check can say: problems, each with its evidence, what a search does about it, and what a person can do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
ORDER: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Case:
    """One file that shows a problem; `others` are the files that it was compared with, `detail` says what is odd about it in a few words.

    `row` is its place among the images that can be used, None where it cannot. `suggested` is another class, where one fits better.
    """

    path: str
    detail: str = ""
    others: tuple[str, ...] = ()
    row: int | None = None
    suggested: str = ""


@dataclass(frozen=True)
class Problem:
    """`kind` names it for programs; `search` says what a search does about it by default, `advice` what a person can do.

    error: scores will be wrong, or images are lost. warning: worth a look before a score is believed. note: good to know.
    `count` is the number of images concerned; `cases` are the clearest of them, or all.
    """

    kind: str
    severity: Severity
    sentence: str
    search: str
    advice: str
    count: int
    cases: tuple[Case, ...] = ()

    def as_dict(self, most: int | None = None) -> dict[str, Any]:
        """JSON-ready, with at most that many cases."""
        values = dataclasses.asdict(self)
        values["cases"] = [{key: value for key, value in dataclasses.asdict(case).items() if value not in ("", (), None)} for case in self.cases[:most]]
        return values


@dataclass(frozen=True)
class Checked:
    """A folder that was checked: `facts` about it by name, the problems, the worst first, and what was not checked and why."""

    folder: str
    facts: Mapping[str, Any]
    problems: tuple[Problem, ...]
    unchecked: tuple[str, ...] = ()
    seconds: float = 0.0
    pictures: Mapping[str, str] = field(default_factory=dict, repr=False)  # by path, a JPEG in base64

    def of(self, kind: str) -> Problem | None:
        """The problem of that kind, if there is one."""
        return next((problem for problem in self.problems if problem.kind == kind), None)

    def as_dict(self, most: int | None = None) -> dict[str, Any]:
        """JSON-ready, with at most `most` cases for each problem; pictures are left out."""
        return {
            "folder": self.folder,
            **self.facts,
            "problems": [problem.as_dict(most) for problem in self.problems],
            "unchecked": list(self.unchecked),
            "seconds": round(self.seconds, 1),
        }


def many(count: int, what: str = "image") -> str:
    """`1 image`, `2,000 images`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def verb(count: int, one: str, several: str) -> str:
    """The form of a verb that goes with a number of things."""
    return one if count == 1 else several
