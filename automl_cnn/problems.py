"""What a check of images can say: problems, each with its evidence, what a search does about it, and what a person can do. Plain data, kept as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from automl_cnn.errors import StoreError
from automl_cnn.store import atomic_write_text

Severity = Literal["error", "warning", "note"]
ORDER: tuple[Severity, ...] = ("error", "warning", "note")
FORMAT = 1  # of what is kept: a check in another one is made again
NO_TIME = "time ran out"
TITLES = {
    "blank": "Blank images",
    "blurred": "Blurred images",
    "bright": "Bright images",
    "confusable": "Classes that look alike",
    "common_number": "One number very often",
    "conflict": "One photo in several classes",
    "copies": "Exact copies",
    "dark": "Dark images",
    "extension": "Wrong extensions",
    "far_number": "Numbers far from all others",
    "groups": "Groups",
    "label": "Suspect labels",
    "leak": "Copies across splits",
    "mode": "Gray and color mixed",
    "near_copies": "Altered copies",
    "outlier": "Images unlike their class",
    "shape": "Odd shapes",
    "shortcut": "The class shows in the files",
    "size": "Odd sizes",
    "small_class": "Small classes",
    "unequal": "Imbalanced classes",
    "unreadable": "Files that cannot be used",
}


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
    heading: str = ""  # where the title of its kind does not fit

    @property
    def title(self) -> str:
        return self.heading or TITLES.get(self.kind, self.kind.replace("_", " ").capitalize())

    @property
    def between(self) -> str:
        """What stands between the files of a case: the files of a group look alike, but are not versions of one photo."""
        return ", " if self.kind == "groups" else " = "

    @property
    def line(self) -> str:
        """All of it in one line: what is wrong, what the search does about it, what to do."""
        search = f"The search {self.search.removeprefix('It ')}" if self.search.startswith("It ") else self.search
        return f"{self.sentence} {search} {self.advice}"

    def as_dict(self, most: int | None = None) -> dict[str, Any]:
        """JSON-ready, with at most that many cases."""
        values = {name: value for name, value in dataclasses.asdict(self).items() if name != "heading" or value}
        values["cases"] = [{key: value for key, value in dataclasses.asdict(case).items() if value not in ("", (), None)} for case in self.cases[:most]]
        return values


@dataclass(frozen=True)
class Checked:
    """Images that were checked: `facts` about them by name, the problems, the worst first, and what was not checked and why.

    `fingerprint` is that of the data set; `folder` is empty for images in memory.
    """

    folder: str
    facts: Mapping[str, Any]
    problems: tuple[Problem, ...]
    unchecked: tuple[str, ...] = ()
    seconds: float = 0.0
    pictures: Mapping[str, str] = field(default_factory=dict, repr=False)  # by path, a JPEG in base64
    fingerprint: str = ""

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

    def save(self, path: Path) -> None:
        """Write it as JSON.

        Raises:
            StoreError: the file cannot be written.
        """
        values = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        values |= {"format": FORMAT, "facts": dict(self.facts), "pictures": dict(self.pictures), "problems": [one.as_dict() for one in self.problems]}
        atomic_write_text(path, json.dumps(values))

    @classmethod
    def load(cls, path: Path) -> Checked | None:
        """What `save` wrote; None where there is nothing, or where another version wrote it.

        Raises:
            StoreError: the file holds something else.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls._of(values) if values["format"] == FORMAT else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(f"{path} cannot be read as a check of images: {error}. Delete it; the next search makes it again.") from None

    @classmethod
    def _of(cls, values: Mapping[str, Any]) -> Checked:
        return cls(
            folder=str(values["folder"]),
            facts={str(key): value for key, value in values["facts"].items()},
            problems=tuple(map(_problem_of, values["problems"])),
            unchecked=tuple(map(str, values["unchecked"])),
            seconds=float(values["seconds"]),
            pictures={str(key): str(picture) for key, picture in values["pictures"].items()},
            fingerprint=str(values["fingerprint"]),
        )


def _problem_of(values: Mapping[str, Any]) -> Problem:
    severity: Severity = values["severity"]
    if severity not in ORDER:
        raise ValueError(f"{severity!r} is not a severity")
    cases = tuple(Case(**{**case, "others": tuple(map(str, case.get("others", ())))}) for case in values["cases"])
    texts = {name: str(values[name]) for name in ("kind", "sentence", "search", "advice")}
    return Problem(severity=severity, count=int(values["count"]), cases=cases, heading=str(values.get("heading", "")), **texts)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """The worst first, and of one severity those that concern the most images."""
    return sorted(problems, key=lambda problem: (ORDER.index(problem.severity), -problem.count))


def contradicted(labels: Sequence[str], doubts: Iterable[tuple[str, float]]) -> str:
    """What is suspect of an image with several labels: `labeled 'a|b', 'c' is likely missing (0.97)`.

    `doubts` are the labels in doubt, each with the confidence that it is wrong; it is rounded down, so that 1.00 is certain.
    """
    wrong = (f"'{name}' is likely {'too much' if name in labels else 'missing'} ({math.floor(100 * confidence) / 100:.2f})" for name, confidence in doubts)
    return ", ".join((f"labeled '{'|'.join(labels)}'" if labels else "without a label", *wrong))


def many(count: int, what: str = "image") -> str:
    """`1 image`, `2,000 images`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def verb(count: int, one: str, several: str) -> str:
    """The form of a verb that goes with a number of things."""
    return one if count == 1 else several
