"""A list of suspect images to edit: keep, relabel or exclude each. `automl_cnn.data.corrections` applies it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from automl_cnn.data.corrections import COLUMNS
from automl_cnn.problems import Checked
from automl_cnn.store import atomic_write_text

LISTED = ("conflict", "label", "far_number", "blank", "outlier")  # kinds of problems that a person decides image by image


def write(checked: Checked, place: Path) -> int:
    """Write the list as CSV, each action `keep` at first; how many images there are.

    Raises:
        StoreError: it cannot be written.
    """
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    listed: set[str] = set()
    for kind in LISTED:
        problem = checked.of(kind)
        for case in problem.cases if problem is not None else ():
            for path in (case.path, *case.others):
                if path not in listed:
                    listed.add(path)
                    rows.writerow(("keep", path, case.suggested, f"{kind}: {case.detail}" if case.detail else kind))
    atomic_write_text(place, out.getvalue())
    return len(listed)
