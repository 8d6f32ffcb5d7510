"""Results that grow by a row at a time, as a CSV file: what is in it need not be run again."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock


def read(path: Path) -> list[dict[str, str]]:
    """The rows so far; none where there is no file."""
    if not path.exists():
        return []
    before = csv.field_size_limit(sys.maxsize)  # whole learning curves stand in a field
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    finally:
        csv.field_size_limit(before)  # it is the whole process's: the tool's own lists keep theirs


def append(path: Path, row: Mapping[str, object], columns: Sequence[str]) -> None:
    """Add a row, in one step, so that a kill loses none, nor another run that adds to the same file; what a row lacks stays empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*read(path), row])
        part = path.with_name(f".{path.name}.part")
        part.write_text(out.getvalue(), encoding="utf-8", newline="")
        os.replace(part, path)
