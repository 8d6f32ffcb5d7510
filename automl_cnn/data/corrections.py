"""A list of labels to change and images to leave out, as CSV: `automl-cnn check --fix` writes it, a person edits it.

action,path,label,reason
relabel,cat/12.jpg,dog,"label: labeled 'cat', looks like 'dog' (97%)"
exclude,cat/13.jpg,,blank
keep,dog/7.jpg,cat,
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from automl_cnn.data.layout import many
from automl_cnn.data.scan import Scan
from automl_cnn.errors import DataError

COLUMNS = ("action", "path", "label", "reason")
ACTIONS = ("keep", "relabel", "exclude")
_MOST = 64 << 20  # bytes of a list


@dataclass(frozen=True)
class Correction:
    """What to do with one image; `label` is its new class, where it is relabeled. `line` is where the list says so."""

    action: str
    path: str
    label: str
    line: int


def read(place: Path) -> list[Correction]:
    """The lines of a list, those with `keep` included.

    Raises:
        DataError: it cannot be read, lacks a column, or a line names no action.
    """
    try:
        if place.stat().st_size > _MOST:
            raise DataError(f"The list {place} is larger than {_MOST >> 20} MB: expected a CSV file with the columns {', '.join(COLUMNS[:3])}.")
        text = place.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"The list {place} cannot be read: {error.strerror}. `automl-cnn check --fix {place.name}` writes one.") from None
    except UnicodeDecodeError:
        raise DataError(f"The list {place} is no UTF-8 text: save it as CSV in UTF-8.") from None
    rows = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS[:3] if name not in (rows.fieldnames or ())]
    if missing:
        raise DataError(f"The list {place} has no column {' and '.join(missing)}: expected {', '.join(COLUMNS)} in its first line.")
    made = []
    for row in rows:
        action = (row["action"] or "").strip().lower()
        if action not in ACTIONS:
            raise DataError(f"Line {rows.line_num} of {place}: '{action}' is no action. Expected {', '.join(ACTIONS)}.")
        made.append(Correction(action, (row["path"] or "").strip(), (row["label"] or "").strip(), rows.line_num))
    return made


def corrected(files: Scan, corrections: Sequence[Correction], place: Path) -> Scan:
    """The files of a folder with the labels of a list, and without those that it excludes.

    Raises:
        DataError: the list names a file that is not there or a class that does not exist, twice the same file, or leaves a class empty.
    """
    index = {name: number for number, name in enumerate(files.classes)}
    labels = {path: label for path, label, _ in files.files}
    seen: dict[str, int] = {}
    for one in corrections:
        where = f"Line {one.line} of {place}"
        if one.path not in labels:
            near = difflib.get_close_matches(one.path, labels, 1)
            raise DataError(
                f"{where}: there is no image '{one.path}' in {files.shown}.{f' Did you mean {near[0]!r}?' if near else ''} Was it moved or renamed?"
            )
        if one.path in seen:
            raise DataError(f"{where}: '{one.path}' is in line {seen[one.path]} already. Keep one of the two.")
        seen[one.path] = one.line
        if one.action == "relabel" and one.label not in index:
            near = difflib.get_close_matches(one.label, index, 1)
            raise DataError(
                f"{where}: there is no class '{one.label}'.{f' Did you mean {near[0]!r}?' if near else ''} The classes: {', '.join(files.classes)}."
            )
    changed = {one.path: index[one.label] for one in corrections if one.action == "relabel" and index[one.label] != labels[one.path]}
    excluded = {one.path for one in corrections if one.action == "exclude"}
    rows = [row for row, (path, _, _) in enumerate(files.files) if path not in excluded]
    kept = tuple((path, changed.get(path, label), split) for path, label, split in (files.files[row] for row in rows))
    empty = [name for name, number in index.items() if not any(label == number for _, label, _ in kept)]
    if empty:
        raise DataError(f"The list {place} leaves no image in {', '.join(empty)}. Keep some, or remove the class's folder.")
    note = f"{place.name} changed the labels of {many(len(changed), 'image')} and left {many(len(excluded), 'image')} out."
    groups = tuple(files.groups[row] for row in rows) if files.groups else ()
    return replace(files, files=kept, groups=groups, notes=(*files.notes, note))
