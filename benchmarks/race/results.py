"""The rows of the race, as a CSV file that grows by a row for each finished cell, and their table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import rows
from rows import read

from race.cells import Cell

FIRST = ("tool", "set", "seed", "budget", "cores", "test_accuracy", "test_images", "seconds_used", "peak_memory_mb", "disk_mb", "seconds_to_first_model")
LAST = ("trials", "note", "failure", "versions", "date")
MINUTE = "minute_"  # a column for each: the accuracy of the best model after that number of minutes, empty before there is one


def append(path: Path, row: Mapping[str, object]) -> None:
    """Add a row, and columns where it has more minutes than those before."""
    rows.append(path, row, columns([*read(path), row]))


def columns(of: Iterable[Mapping[str, object]]) -> list[str]:
    """The header: as many minutes as the longest run has."""
    most = max((int(key.removeprefix(MINUTE)) for row in of for key in row if key.startswith(MINUTE)), default=0)
    return [*FIRST, *(f"{MINUTE}{minute}" for minute in range(1, most + 1)), *LAST]


def finished(rows: Iterable[Mapping[str, str]]) -> set[Cell]:
    """The cells that have a row, failed ones included."""
    return {Cell.of(row) for row in rows}


def minutes(row: Mapping[str, str]) -> list[float | None]:
    """The accuracy after each minute of the row's budget."""
    values = [row.get(f"{MINUTE}{minute}") for minute in range(1, -(-int(row["budget"]) // 60) + 1)]
    return [float(value) if value else None for value in values]


def mean_curve(rows: Sequence[Mapping[str, str]]) -> list[float | None]:
    """The mean accuracy after each minute; None while a seed has no model yet."""
    curves = zip(*(minutes(row) for row in rows), strict=True)
    return [statistics.mean(value for value in values if value is not None) if None not in values else None for values in curves]


def table(rows: Sequence[Mapping[str, str]], budget: int) -> str:
    """Means over the seeds, one block per image set, the most accurate first."""
    rows = [row for row in rows if int(row["budget"]) == budget]
    if not rows:
        return f"No cell with a budget of {budget} s has been run."
    lines = [f"Test accuracy after {budget} s, mean over the seeds (lowest to highest)"]
    for name in dict.fromkeys(row["set"] for row in rows):
        lines += ["", f"{name:<22}{'accuracy':>9}{'':>16}{'seeds':>7}{'failed':>8}{'seconds':>9}{'1st model':>11}{'trials':>8}{'peak MB':>9}{'disk MB':>9}"]
        of_set = [row for row in rows if row["set"] == name]
        groups = [[row for row in of_set if row["tool"] == tool] for tool in dict.fromkeys(row["tool"] for row in of_set)]
        lines += [_line(group) for group in sorted(groups, key=lambda group: -(_mean(group, "test_accuracy") or -1.0))]
    return "\n".join(lines)


def _line(rows: Sequence[Mapping[str, str]]) -> str:
    scores = [float(row["test_accuracy"]) for row in rows if row["test_accuracy"]]
    accuracy = f"{statistics.mean(scores):.3f}" if scores else "-"
    spread = f" ({min(scores):.3f}-{max(scores):.3f})" if scores else ""
    failed = len(rows) - len(scores)
    numbers = (
        (_mean(rows, key), width) for key, width in (("seconds_used", 9), ("seconds_to_first_model", 11), ("trials", 8), ("peak_memory_mb", 9), ("disk_mb", 9))
    )
    cells = "".join(f"{'-' if value is None else format(value, '.0f'):>{width}}" for value, width in numbers)
    return f"  {rows[0]['tool']:<20}{accuracy:>9}{spread:<16}{len(rows):>7}{failed:>8}{cells}"


def _mean(rows: Sequence[Mapping[str, str]], key: str) -> float | None:
    values = [float(row[key]) for row in rows if row[key]]
    return statistics.mean(values) if values else None
