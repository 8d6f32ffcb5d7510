"""A list of labels to change and images to leave out, as CSV: `automl-cnn check --fix` writes it, a person edits it.

action,path,label,reason
relabel,cat/12.jpg,dog,"label: labeled 'cat', looks like 'dog' (97%)"
exclude,cat/13.jpg,,blank
keep,dog/7.jpg,cat,
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from automl_cnn.data.labelsets import LabelSets, joined, label_sets_of, parts_of
from automl_cnn.data.layout import many
from automl_cnn.data.numbers import Numbers, numbers_of, row_of
from automl_cnn.data.order import natural
from automl_cnn.data.rows import delimited
from automl_cnn.data.scan import Scan
from automl_cnn.errors import DataError
from automl_cnn.paths import shortened
from automl_cnn.tasks.words import MULTICLASS, MULTILABEL
from automl_cnn.text import inline, several

COLUMNS = ("action", "path", "label", "reason")
ACTIONS = ("keep", "relabel", "exclude")
_MOST = 64 << 20  # bytes of a list
_COMPARED, _LONG = 20_000, 300  # names that a wrong one is compared with, and characters of one that is


@dataclass(frozen=True)
class Correction:
    """What to do with one image. `label` is the new class or labels (cat|dog) of a relabeled image. `line` is the line of the list, for messages."""

    action: str
    path: str
    label: str
    line: int


def read(place: Path) -> list[Correction]:
    """The corrections of a list, including those with `keep`.

    Raises:
        DataError: it cannot be read, lacks a column, or a line names no action.
    """
    try:
        rows = delimited(place, "list", _MOST)
    except DataError as error:
        raise DataError(f"{error} `automl-cnn check --fix {place.name}` writes one.") from None
    missing = [name for name in COLUMNS[:3] if rows.heads.count(name) != 1]
    if missing:
        raise DataError(f"The list {place} has no column {' and '.join(missing)}: expected {', '.join(COLUMNS)} in its first line, each once.")
    return [_correction(line, row, place) for line, row in rows.of(COLUMNS)]


def _correction(line: int, row: Mapping[str, str], place: Path) -> Correction:
    action, path, label = ((row.get(name) or "").strip() for name in COLUMNS[:3])
    if action.lower() not in ACTIONS:
        raise DataError(f"Line {line} of {place}: '{shortened(action)}' is not an action. Expected {', '.join(ACTIONS)}.")
    return Correction(action.lower(), path, label, line)


def corrected(files: Scan, corrections: Sequence[Correction], place: Path) -> Scan:
    """The files of a folder with the labels of a list, without the files that it excludes.

    Raises:
        DataError: the list names a missing file, an unknown class or the same file twice, or it leaves a class empty.
    """
    labels = {path: label for path, label, _ in files.files}
    seen: dict[str, int] = {}
    changed: dict[str, str] = {}
    for one in corrections:
        where, shown = f"Line {one.line} of {place}", shortened(one.path)
        if one.path not in labels:
            raise DataError(f"{where}: there is no image '{shown}' in {files.shown}.{_near(one.path, labels)} Was it moved or renamed?")
        if one.path in seen:
            raise DataError(f"{where}: '{shown}' is in line {seen[one.path]} already. Keep one of the two.")
        seen[one.path] = one.line
        if one.action == "relabel" and (cell := _cell(files, one, where)) != files.classes[labels[one.path]]:
            changed[one.path] = cell
    excluded = {one.path for one in corrections if one.action == "exclude"}
    rows = [row for row, (path, _, _) in enumerate(files.files) if path not in excluded]
    cells = [changed.get(path, files.classes[label]) for path, label, _ in (files.files[row] for row in rows)]
    classes, sets = _meaning(files, cells, place)
    index = {name: number for number, name in enumerate(classes)}
    kept = tuple((files.files[row][0], index[cell], files.files[row][2]) for row, cell in zip(rows, cells, strict=True))
    note = f"{place.name} changed the labels of {many(len(changed), 'image')} and left {many(len(excluded), 'image')} out."
    groups = tuple(files.groups[row] for row in rows) if files.groups else ()
    return replace(files, files=kept, groups=groups, notes=(*files.notes, note), classes=classes, meaning=sets)


def _cell(files: Scan, one: Correction, where: str) -> str:
    """The new class of an image, or its new labels as a cell of a table has them.

    Raises:
        DataError: there is no such class, or no such label.
    """
    if isinstance(files.meaning, Numbers):
        row_of(one.label, len(files.meaning.names), where)
        return one.label
    known, words = files.classes, MULTICLASS
    wanted: tuple[str, ...] = (one.label,)
    if files.meaning is not None:
        known, words, wanted = files.meaning.names, MULTILABEL, parts_of(one.label)
        if not one.label:
            raise DataError(f"{where}: expected the new labels, as in cat|dog, or | where none applies.")
    for name in wanted:
        if name not in known:
            raise DataError(f"{where}: there is no {words.one} '{shortened(name)}'.{_near(name, known)} The {words.many}: {several(known)}.")
    return one.label if files.meaning is None else joined(wanted)


def _meaning(files: Scan, cells: Sequence[str], place: Path) -> tuple[tuple[str, ...], LabelSets | Numbers | None]:
    """The classes after the corrections, which stay the same; for several labels or numbers, their new sets or rows.

    Raises:
        DataError: a class or a label has no image any more.
    """
    sets: LabelSets | Numbers | None
    if isinstance(files.meaning, Numbers):
        classes = tuple(sorted(set(cells), key=natural))
        return classes, numbers_of(classes, files.meaning.heads, f"The list {place}")
    if files.meaning is None:
        empty, classes, sets = set(files.classes) - set(cells), files.classes, None
        advice = "remove the class's folder"
    else:
        left = {name for cell in cells for name in parts_of(cell)}
        empty, advice = set(files.meaning.names) - left, "leave the label out of the table"
        classes = tuple(sorted(set(cells), key=natural))
        sets = None if empty else label_sets_of(classes, f"The list {place}")
    if empty:
        raise DataError(f"The list {place} leaves no image in {several(sorted(empty, key=natural))}. Keep some, or {advice}.")
    return classes, sets


def _near(name: str, names: Collection[str]) -> str:
    """`Did you mean ...?` with the nearest of `names`, if one is near. Among very many names, only equal file names are compared."""
    if len(names) > _COMPARED:
        names = [other for other in names if other.rpartition("/")[2] == name.rpartition("/")[2]][:_COMPARED]
    near = difflib.get_close_matches(name, names, 1) if len(name) <= _LONG else []
    return f" Did you mean '{inline(near[0])}'?" if near else ""
