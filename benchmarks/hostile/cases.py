"""The cases: how they are declared, chosen and run."""

from __future__ import annotations

import importlib
import re
import subprocess
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hostile.lab import Lab, Shared
from hostile.watch import Finding

AREAS = ("files", "archives", "tables", "names", "models", "plugins", "settings", "damage")
_declared: list[Case] = []


class Skip(Exception):
    """The machine lacks what a case needs."""


@dataclass(frozen=True)
class Case:
    """One hostile input. `quick` cases take seconds, `search` marks those that need a real search."""

    area: str
    name: str
    run: Callable[[Lab], None]
    quick: bool
    search: bool


@dataclass(frozen=True)
class Row:
    """What became of a case: "ok", "FINDING" or "skipped", and why."""

    case: Case
    outcome: str
    why: str
    seconds: float
    megabytes: float


def case(*, quick: bool = False, search: bool = False) -> Callable[[Callable[[Lab], None]], Callable[[Lab], None]]:
    """Declare a case; its name is the function's, its area the module's."""

    def declare(run: Callable[[Lab], None]) -> Callable[[Lab], None]:
        _declared.append(Case(run.__module__.rpartition(".")[2], run.__name__, run, quick, search))
        return run

    return declare


def every(areas: Iterable[str] = AREAS) -> list[Case]:
    """All cases of these areas, in their order."""
    wanted = tuple(areas)
    for area in wanted:
        importlib.import_module(f"hostile.{area}")
    return [one for area in wanted for one in _declared if one.area == area]


def chosen(cases: Iterable[Case], *, quick: bool, only: str | None) -> list[Case]:
    """Those to run: the quick ones, or those whose `area.name` matches a regular expression."""
    return [one for one in cases if (one.quick or not quick) and (only is None or re.search(only, f"{one.area}.{one.name}"))]


def perform(one: Case, shared: Shared) -> Row:
    """Run a case in a folder of its own, and remove the folder where nothing was found."""
    began = time.monotonic()
    lab = shared.lab(f"{one.area}-{one.name}")
    outcome, why = "ok", ""
    try:
        one.run(lab)
        shared.unchanged()
    except Skip as reason:
        outcome, why = "skipped", str(reason)
    except Finding as finding:
        outcome, why = "FINDING", str(finding)
    except Exception:  # the case itself is wrong
        outcome, why = "FINDING", f"the case cannot be run: {traceback.format_exc(limit=-2)}"
    finally:
        shared.restore()
    if outcome != "FINDING":
        remove(lab.folder)
    return Row(one, outcome, why, time.monotonic() - began, lab.megabytes)


def remove(folder: Path) -> None:
    """A folder and all below; Python's own way ends where folders are nested deeply."""
    for path in (folder, *folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    subprocess.run(["rm", "-rf", "--", folder], check=False)
