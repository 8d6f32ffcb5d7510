"""A table of images -> a `Scan`: CSV, TSV, JSON lines or Parquet with a path and a label in each row.

path,label,split,group
photos/1.jpg,cat,train,person1
photos/2.jpg,dog,test,person2

Paths are relative to the table's folder, and stay within it; a table at a URL may have whole URLs, of files below its folder.
Rows without a label are left out: such images can only be predicted.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from automl_cnn.data import embedded
from automl_cnn.data.layout import many
from automl_cnn.data.order import natural
from automl_cnn.data.roles import part_of
from automl_cnn.data.scan import Scan
from automl_cnn.errors import ConfigError, DataError, did_you_mean
from automl_cnn.paths import address
from automl_cnn.text import readable

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
METADATA = "metadata"  # the name, without suffix, of a table that describes the images beside it, as in Hugging Face's `imagefolder`
ROLES = ("path", "label", "split", "group", "weight")
NAMES = {  # what a column may be called, in small letters
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "img_path"),
    "label": ("label", "class", "category", "target", "label_name", "class_name"),
    "split": ("split", "subset", "partition"),
    "group": ("group", "group_id"),
    "weight": ("weight", "sample_weight"),
}
MOST = 2 << 30  # bytes of a table
NO_SPLIT = "none"  # in place of a split, of an image that is left out: as `split.csv` has it
_SHOWN = 5
_ABOVE = "Put the table above the images, with paths relative to its folder."


@dataclass(frozen=True)
class _Row:
    """One line of a table: its number for messages, and its values as text, empty where there are none."""

    line: int
    path: str
    label: str = ""
    split: str = ""
    group: str = ""


def is_table(path: Path) -> bool:
    """Whether a path is that of a table, by its name."""
    return path.suffix.lower() in SUFFIXES


def scan_table(table: Path, columns: str | None = None, *, cache: Path | None = None, above: str = "") -> Scan:
    """The images that a table lists. `columns` names them where they are called otherwise: `path=file,label=species`.

    A Parquet file may hold the images themselves, as bytes or as Hugging Face's `{"bytes": ..., "path": ...}`: they are written to `cache`.
    `above` is the URL of the table's folder, where the table is a copy.

    Raises:
        DataError: it cannot be read, has no columns for path and label, names a file outside of its folder, a split that is none, or two labels for an image;
            or fewer than two classes.
        ConfigError: `columns` is no list of that form, or names a column that is not there.
    """
    heads, values = _read(table)
    return scan_rows(table, heads, values, columns=columns, cache=cache, above=above)


def scan_rows(
    table: Path,
    heads: Sequence[str],
    values: Iterator[tuple[int, Mapping[str, Any]]],
    *,
    columns: str | None,
    cache: Path | None = None,
    base: Path | None = None,
    above: str = "",
) -> Scan:
    """The images that rows list: `values` are a line number and the cells by column each. Paths are relative to `base`, or to the folder of `table`.

    It raises as `scan_table` does.
    """
    chosen = _columns(table, heads, columns)
    place, values = (base, values) if base is not None else embedded.written(table, values, chosen["path"], cache)
    rows = [_row(line, given, chosen, above) for line, given in values]
    if not rows:
        raise DataError(f"The table {table} has no rows: expected one for each image, with the columns path and label.")
    labels, files, notes = _labeled(table, rows, place)
    classes = tuple(sorted(set(labels.values()), key=natural))
    if len(classes) < 2:
        raise DataError(f"The table {table} names a single class, '{classes[0]}': expected at least two." if classes else f"No row of {table} has a label.")
    if "weight" in chosen:
        notes.append(f"The column '{chosen['weight']}' was not used: images are not weighted one by one.")
    index = {name: number for number, name in enumerate(classes)}
    order = sorted(files, key=lambda row: (index[row.label], natural(row.path)))
    listed = tuple((row.path, index[row.label], _split(table, row)) for row in order)
    _refuse_gaps(table, classes, listed)
    groups = tuple(row.group for row in order) if any(row.group for row in order) else ()
    return Scan(place, classes, listed, tuple(map(readable, notes)), source=table if base is None else None, groups=groups)


def has_labels(table: Path, columns: str | None = None) -> bool:
    """Whether a table has columns for path and label; it may be about something else.

    Raises:
        DataError: it cannot be read.
    """
    heads, _ = _read(table)
    try:
        _columns(table, heads, columns)
    except DataError:
        return False
    return True


def images_in(table: Path, columns: str | None = None, *, above: str = "") -> dict[str, str]:
    """The images that a table lists, each with its label, "" where it has none: for prediction, which needs no labels.

    Raises:
        DataError, ConfigError: as `scan_table`, save that labels may be missing, and classes may be few.
    """
    heads, values = _read(table)
    chosen = _columns(table, heads, columns, needed=("path",))
    rows = [_row(line, given, chosen, above) for line, given in values]
    if not rows:
        raise DataError(f"The table {table} has no rows: expected one for each image, with a column path.")
    return {_within(table, row, table.parent): row.label for row in rows}


def paths_in(table: Path, columns: str | None = None, *, above: str = "") -> list[str]:
    """The files that a table lists, each once; none where the images are in the table itself. It raises as `images_in` does."""
    heads, values = _read(table)
    chosen = _columns(table, heads, columns, needed=("path",))
    rows = ((line, given) for line, given in values if embedded.content_of(given.get(chosen["path"])) is None)
    return list(dict.fromkeys(_within(table, _row(line, given, chosen, above), table.parent) for line, given in rows))


def _read(table: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Any]]]]:
    """The names of the columns, and each row with its line."""
    try:
        if table.stat().st_size > MOST:
            raise DataError(f"The table {table} has {table.stat().st_size / 1e9:.1f} GB: at most {MOST / 1e9:.0f} GB are read.")
        if table.suffix.lower() == ".parquet":
            return _parquet(table)
        text = table.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"The table {table} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise DataError(f"The table {table} is no UTF-8 text: save it in UTF-8.") from None
    return _json_lines(table, text) if table.suffix.lower() in (".jsonl", ".ndjson") else _delimited(table, text)


def _delimited(table: Path, text: str) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Any]]]]:
    lines = text.splitlines()
    head = lines[0] if lines else ""
    between = "\t" if table.suffix.lower() == ".tsv" else max(",;\t", key=head.count)
    reader = csv.DictReader(lines, delimiter=between)
    try:
        return list(reader.fieldnames or ()), ((reader.line_num, row) for row in reader)
    except csv.Error as error:
        raise DataError(f"The table {table} cannot be read: {error}.") from None


def _json_lines(table: Path, text: str) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Any]]]]:
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise DataError(f'Line {number} of {table} is no JSON object: expected lines such as {{"path": "1.jpg", "label": "cat"}}.')
        rows.append((number, given))
    return list(dict.fromkeys(name for _, given in rows for name in given)), iter(rows)


def _parquet(table: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Any]]]]:
    import pandas as pd

    try:
        frame = pd.read_parquet(table)
    except Exception as error:  # pyarrow raises whatever the bytes make it stumble over
        raise DataError(f"The table {table} cannot be read as Parquet: {str(error)[:200]}.") from None
    names = [str(name) for name in frame.columns]
    rows = frame.itertuples(index=False, name=None)
    return names, ((number, dict(zip(names, row, strict=True))) for number, row in enumerate(rows, 1))


def _columns(table: Path, heads: Sequence[str], given: str | None, needed: Sequence[str] = ("path", "label")) -> dict[str, str]:
    """By role, the column that has it."""
    chosen: dict[str, str] = {}
    for part in filter(None, (given or "").split(",")):
        role, equals, name = (text.strip() for text in part.partition("="))
        if not equals or role not in ROLES:
            raise ConfigError(f"--columns {given}: expected pairs such as path=file,label=species, with {', '.join(ROLES)} on the left.")
        if name not in heads:
            raise ConfigError(f"--columns {given}: {table} has no column '{name}'. {did_you_mean(name, heads)}")
        chosen[role] = name
    for role in ROLES:
        if role not in chosen:
            match = next((head for name in NAMES[role] for head in heads if head.strip().casefold() == name and head not in chosen.values()), None)
            if match is not None:
                chosen[role] = match
    missing = [role for role in needed if role not in chosen]
    if missing:
        listed, wanted = ", ".join(f"'{readable(head)}'" for head in heads[:20]) or "none", ",".join(f"{role}=..." for role in missing)
        raise DataError(f"The table {table} has no column for {' and '.join(missing)}; its columns are {listed}. Name them: --columns {wanted}")
    return chosen


def _row(line: int, given: Mapping[str, Any], chosen: Mapping[str, str], above: str) -> _Row:
    values = {role: _text(given.get(name)) for role, name in chosen.items() if role != "weight"}
    if above:
        values["path"] = values["path"].removeprefix(f"{above}/")
    return _Row(line, **values)


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124  # NaN
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _labeled(table: Path, rows: Sequence[_Row], base: Path) -> tuple[dict[str, str], list[_Row], list[str]]:
    """By path, its label; the rows that have one, each path once; and notes."""
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    kept, without, twice, aside = [], Counter[str](), 0, 0
    for row in rows:
        path = _within(table, row, base)
        if row.split.casefold() == NO_SPLIT:
            aside += 1
            continue
        if not row.label:
            without[row.split or "none"] += 1
            continue
        if path in labels and labels[path] != row.label:
            raise DataError(
                f"Line {row.line} of {table} labels '{path}' as '{row.label}', line {lines[path]} as '{labels[path]}': expected one label for each image."
            )
        if path in labels:
            twice += 1
            continue
        labels[path], lines[path] = row.label, row.line
        kept.append(_Row(row.line, path, row.label, row.split, row.group))
    notes = []
    if without:
        count = sum(without.values())
        notes.append(f"{many(count, 'row')} of {table.name} without a label {'was' if count == 1 else 'were'} left out: such images can only be predicted.")
    if aside:
        notes.append(f"{many(aside, 'row')} of {table.name} {'was' if aside == 1 else 'were'} left out: {'its' if aside == 1 else 'their'} split is 'none'.")
    if twice:
        notes.append(f"{many(twice, 'row')} of {table.name} {'repeats' if twice == 1 else 'repeat'} another.")
    return labels, kept, notes


def _within(table: Path, row: _Row, base: Path) -> str:
    """The path of a row, relative to the folder `base`."""
    where = f"Line {row.line} of {table}"
    if not row.path:
        raise DataError(f"{where} has no path: expected that of an image, relative to {base}.")
    if why := address(row.path):
        raise DataError(f"{where}: {why}.")
    path = PurePosixPath(row.path.replace("\\", "/"))
    if path.is_absolute() or Path(row.path).is_absolute():
        try:
            path = PurePosixPath(Path(row.path).relative_to(base.absolute()).as_posix())
        except ValueError:
            raise DataError(f"{where}: '{row.path}' lies outside of {base}. Put the table above the images, with paths relative to its folder.") from None
    if ".." in path.parts:
        raise DataError(f"{where}: '{row.path}' leads out of a folder with '..'. {_ABOVE}")
    return path.as_posix()


def _split(table: Path, row: _Row) -> str | None:
    if not row.split:
        return None
    part = part_of(row.split)
    if part is None or part.role == "unlabelled":
        raise DataError(f"Line {row.line} of {table}: '{row.split}' is no split. Expected train, val or test, or nothing.")
    return part.role


def _refuse_gaps(table: Path, classes: Sequence[str], files: Sequence[tuple[str, int, str | None]]) -> None:
    """Splits that lack a class, and rows without a split among others that have one."""
    given = {split for _, _, split in files if split is not None}
    if not given:
        return
    if "train" not in given and not any(split is None for _, _, split in files):
        raise DataError(f"The table {table} has no training images: its splits are {', '.join(sorted(given))}. Expected train among them.")
    for split in sorted(given):
        there = {label for _, label, other in files if (other or "train") == split}
        if lacking := [name for number, name in enumerate(classes) if number not in there]:
            raise DataError(
                f"The split '{split}' of {table} has no image of {', '.join(lacking[:_SHOWN])}. Give every split every class, or leave the column out: then "
                "the images are split here."
            )
