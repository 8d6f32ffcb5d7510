"""Scan a table of images: CSV, TSV, JSON lines or Parquet with a path and a label in each row.

path,label,split,group
photos/1.jpg,cat,train,person1
photos/2.jpg,dog,test,person2

Paths are relative to the table's folder, and stay within it; a table at a URL may have whole URLs, of files below its folder.
Rows without a label are left out: such images can only be predicted.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from automl_cnn.data import embedded
from automl_cnn.data.cells import path_within, text_of
from automl_cnn.data.labelsets import SEPARATOR, LabelSets, columns_of_zeros_and_ones, joined, label_of, label_sets_of, parts_of, several_labels
from automl_cnn.data.layout import many, normal
from automl_cnn.data.numbers import NAME, Numbers, are_numbers, cell_of, columns_of_numbers, named, numbers_of
from automl_cnn.data.order import natural
from automl_cnn.data.roles import part_of
from automl_cnn.data.rows import MOST_ROWS, SUFFIXES, Row, Rows, rows_of
from automl_cnn.data.scan import Scan
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.paths import shortened
from automl_cnn.tasks import TaskName
from automl_cnn.text import readable, several

METADATA = "metadata"  # the name, without suffix, of a table that describes the images beside it, as in Hugging Face's `imagefolder`
ROLES = ("path", "label", "split", "group", "weight")
NAMES = {  # what a column may be called, in small letters
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "img_path"),
    "label": ("label", "class", "category", "target", "value", "label_name", "class_name"),
    "split": ("split", "subset", "partition"),
    "group": ("group", "group_id"),
    "weight": ("weight", "sample_weight"),
}
NO_SPLIT = "none"  # the split of an image that is left out, as in `split.csv`
Joiner = Callable[[Mapping[str, Any], Sequence[str]], str]
WITHOUT = "without {}"  # how notes describe rows that lack a value
LEAST_FLAGS = 2  # columns of zeros and ones that stand for the labels unasked
_SHOWN = 5


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


def is_metadata(name: str) -> bool:
    """Whether a file of this name is a table that describes the images beside it."""
    return name in {f"{METADATA}{suffix}" for suffix in SUFFIXES}


def scan_table(
    table: Path, columns: str | None = None, *, cache: Path | None = None, above: str = "", task: TaskName | None = None, claim: ExitStack | None = None
) -> Scan:
    """The images that a table lists. `columns` maps roles to columns if these have other names: `path=file,label=species`.

    A Parquet file may hold the images themselves, as bytes or as Hugging Face's `{"bytes": ..., "path": ...}`: they are written to `cache`, where
    no other process deletes them until `claim` is closed. `above` is the URL of the table's folder, if the table is a copy.

    Raises:
        DataError: the table cannot be read, has no columns for path and label, names a file outside of its folder or an unknown split, has two labels for an
            image, or fewer than two classes.
        ConfigError: `columns` does not have that form, or names a column that the table lacks.
    """
    return scan_rows(table, rows_of(table), columns=with_flags(table, columns, task), cache=cache, above=above, task=task, claim=claim)


def scan_rows(
    table: Path,
    given: Rows,
    *,
    columns: str | None,
    cache: Path | None = None,
    base: Path | None = None,
    above: str = "",
    task: TaskName | None = None,
    claim: ExitStack | None = None,
) -> Scan:
    """The images that rows list. Paths are relative to `base`, or to the folder of `table`.

    It raises as `scan_table` does.
    """
    chosen = _columns(table, given.heads, columns)
    values = given.of(_all(chosen))
    place, values = (base, values) if base is not None else embedded.written(table, values, chosen["path"], cache, claim=claim)
    with closing(values):
        join = _joiner(lambda: given if base is not None else rows_of(table), chosen, task)
        files, notes = _labeled(table, _checked(table, values, chosen, place, above, join))
    files, classes, meaning = _meant(table, files, label_columns(chosen), NAME if join is cell_of else task)
    if meaning is None and len(classes) < 2:
        only = f"names a single class, '{shortened(classes[0])}': expected at least two" if classes else "has no row with a label"
        raise DataError(f"The table {table} {only}.")
    if isinstance(meaning, Numbers):
        notes = [note.replace(WITHOUT.format("a label"), WITHOUT.format("a number")) for note in notes]
    else:
        notes += _twins(table, classes if meaning is None else meaning.names)
    if "weight" in chosen:
        notes.append(f"The column '{shortened(chosen['weight'])}' was not used: images are not weighted one by one.")
    index = {name: number for number, name in enumerate(classes)}
    order = sorted(files, key=lambda row: (index[row.label], natural(row.path)))
    listed = tuple((row.path, index[row.label], _split(table, row)) for row in order)
    _refuse_gaps(table, classes, listed, meaning)
    groups = tuple(row.group for row in order) if any(row.group for row in order) else ()
    return Scan(place, classes, listed, tuple(map(readable, notes)), source=table if base is None else None, groups=groups, meaning=meaning)


def _meant(table: Path, rows: list[_Row], heads: Sequence[str], task: TaskName | None) -> tuple[list[_Row], tuple[str, ...], LabelSets | Numbers | None]:
    """The rows with their labels in one form, the different labels, and their meaning if they are not classes."""
    cells, where = [row.label for row in rows], f"The table {table}"
    several_each = several_labels(cells, task)
    if several_each:
        rows = [replace(row, label=joined(parts_of(row.label))) for row in rows]
    classes = tuple(sorted({row.label for row in rows}, key=natural))
    if several_each:
        return rows, classes, label_sets_of(classes, where)
    return rows, classes, numbers_of(classes, heads, where) if are_numbers(cells, task) else None


def _joiner(again: Callable[[], Rows], chosen: Mapping[str, str], task: TaskName | None) -> Joiner:
    """A function that joins several columns to one cell: columns of zeros and ones hold labels, other columns hold numbers. `again` reads the table from its
    first row.
    """
    columns = label_columns(chosen)
    if len(columns) < LEAST_FLAGS or task == "multilabel":
        return label_of
    if task == NAME:
        return cell_of
    with closing(again().of(columns)) as rows:
        return label_of if set(columns_of_zeros_and_ones(rows, columns)) == set(columns) or task is not None else cell_of


def has_labels(table: Path, columns: str | None = None, task: TaskName | None = None, *, numbers: Sequence[str] = ()) -> bool:
    """Whether a table has columns for path and label, or for these numbers. It may hold other data.

    Raises:
        DataError: it cannot be read.
    """
    heads = rows_of(table).heads
    try:
        _columns(table, heads, with_flags(table, columns, task, numbers=numbers))
    except DataError:
        return False
    return True


def images_in(
    table: Path, columns: str | None = None, *, cache: Path | None = None, above: str = "", claim: ExitStack | None = None, numbers: Sequence[str] = ()
) -> tuple[Path, dict[str, str]]:
    """The folder of the images that a table lists, and the images with their labels, "" if an image has none. For prediction, which needs no labels.

    `numbers` are the columns of the numbers that a model predicts: if the table has them, they are the label.

    Raises:
        DataError, ConfigError: as `scan_table`, except that labels may be missing and one class is enough.
    """
    given = rows_of(table)
    chosen = _columns(table, given.heads, with_flags(table, columns, numbers=numbers), needed=("path",))
    place, values = embedded.written(table, given.of(_all(chosen)), chosen["path"], cache, claim=claim)
    join = _joiner(lambda: rows_of(table), chosen, NAME if numbers else None)
    with closing(values):
        return place, {row.path: row.label for row in _checked(table, values, chosen, place, above, join)}


def paths_in(table: Path, columns: str | None = None, *, above: str = "") -> list[str]:
    """The files that a table lists, each once; [] if the table itself holds the images. It raises as `images_in` does."""
    given = rows_of(table)
    chosen = _columns(table, given.heads, columns, needed=("path",))
    inside, values = embedded.peeked(given.of(_all(chosen)), chosen["path"])
    return [] if inside else list(dict.fromkeys(row.path for row in _checked(table, values, chosen, table.parent, above)))


def holds_paths(table: Path, columns: str | None = None) -> bool:
    """Whether a table lists files, by its first row; the images may be in the table itself. It raises as `images_in` does."""
    given = rows_of(table)
    chosen = _columns(table, given.heads, columns, needed=("path",))
    with closing(given.of(chosen.values())) as values:
        first = next(values, None)
    return first is not None and embedded.content_of(first[1].get(chosen["path"])) is None


def _columns(table: Path, heads: Sequence[str], given: str | None, needed: Sequence[str] = ("path", "label")) -> dict[str, str]:
    """The column for each role."""
    chosen: dict[str, str] = {}
    for part in filter(None, (given or "").split(",")):
        role, equals, name = (text.strip() for text in part.partition("="))
        if not equals or role not in ROLES:
            raise ConfigError(f"--columns {given}: expected pairs such as path=file,label=species, with {', '.join(ROLES)} on the left.")
        for one in [name] if name in heads or role != "label" else name.split(SEPARATOR):
            if one not in heads:
                near = difflib.get_close_matches(one, heads, 1)
                hint = f" Did you mean '{shortened(near[0])}'?" if near else ""
                raise ConfigError(f"--columns {given}: {table} has no column '{one}'.{hint} Its columns are {several(heads)}.")
        chosen[role] = name
    for role in ROLES:
        if role not in chosen:
            match = next((head for name in NAMES[role] for head in heads if head.strip().casefold() == name and head not in chosen.values()), None)
            if match is not None:
                chosen[role] = match
    missing = [role for role in needed if role not in chosen]
    if missing:
        wanted = ",".join(f"{role}=..." for role in missing)
        raise DataError(
            f"The table {table} has no column for {' and '.join(missing)}; its columns are {several(heads) or 'none'}. Name them: --columns {wanted}."
        )
    if twice := [name for name in chosen.values() if heads.count(name) > 1]:
        raise DataError(f"The table {table} has several columns named {several(twice)}: expected one. Rename or remove the others.")
    return chosen


def _checked(table: Path, values: Iterator[Row], chosen: Mapping[str, str], base: Path, above: str, join: Joiner = label_of) -> Iterator[_Row]:  # noqa: PLR0917
    """The rows, read lazily, with paths relative to the folder `base`; `above` is its URL if it is a copy. `join` makes one cell of several columns.

    Raises:
        DataError: there are no rows, or a row cannot be used.
    """
    wanted, count = {role: name for role, name in chosen.items() if role != "weight"}, 0
    flags = flags_of(chosen)
    if flags:
        del wanted["label"]
    for count, (line, given) in enumerate(values, 1):
        if count > MOST_ROWS:
            raise DataError(f"The table {table} has more than {MOST_ROWS:,} rows.")
        try:
            cells = {role: _listed(given.get(name)) if role == "label" else text_of(given.get(name), role) for role, name in wanted.items()}
            if flags:
                cells["label"] = join(given, flags)
            path = path_within(cells.pop("path"), base, above)
        except DataError as error:
            raise DataError(f"Line {line} of {table}: {error}.") from None
        yield _Row(line, path, **cells)
    if not count:
        raise DataError(f"The table {table} has no rows: expected one for each image, with the columns path and label.")


def with_flags(table: Path, columns: str | None, task: TaskName | None = None, *, numbers: Sequence[str] = ()) -> str | None:
    """`columns`, extended by the columns of the labels if a table has no column for the label, but a column of zeros and ones for each label, or columns of
    numbers for a regression task. Columns with the names `numbers` take precedence if the table has all of them.

    Raises:
        DataError: the table cannot be read.
    """
    if columns is not None and any(part.split("=")[0].strip() == "label" for part in columns.split(",")):
        return columns
    heads = rows_of(table).heads
    meant = {named(head): head for head in heads if not set(head) & {SEPARATOR, ",", "="}}  # `age [years]` is `age (years)`
    known = [meant[named(number)] for number in numbers if named(number) in meant]
    if known and len(known) == len(numbers):
        return ",".join(filter(None, (columns, f"label={SEPARATOR.join(known)}")))
    roles = {name for role in ROLES for name in NAMES[role]}
    if any(head.strip().casefold() in NAMES["label"] for head in heads):
        return columns
    others = [head for head in heads if head.strip().casefold() not in roles and not set(head) & {SEPARATOR, ",", "="} and heads.count(head) == 1]
    least = 1 if task == NAME else LEAST_FLAGS
    if len(others) < least:
        return columns
    with closing(rows_of(table).of(others)) as rows:
        flags = (columns_of_numbers if task == NAME else columns_of_zeros_and_ones)(rows, others)
    return columns if len(flags) < least else ",".join(filter(None, (columns, f"label={SEPARATOR.join(flags)}")))


def label_columns(chosen: Mapping[str, str]) -> list[str]:
    """The column that holds the label, or the columns that hold several labels or numbers."""
    return flags_of(chosen) or ([chosen["label"]] if "label" in chosen else [])


def flags_of(chosen: Mapping[str, str]) -> list[str]:
    """The columns of labels or numbers, if there are several."""
    return chosen["label"].split(SEPARATOR) if SEPARATOR in chosen.get("label", "") else []


def _all(chosen: Mapping[str, str]) -> list[str]:
    """The columns that are read."""
    return [name for role, name in chosen.items() if role != "label"] + label_columns(chosen)


def _listed(value: object) -> str:
    """A cell with a label, or with a list of them, as text."""
    if isinstance(value, (list, tuple)):
        return SEPARATOR + SEPARATOR.join(text_of(one, "label") for one in value)
    return text_of(value, "label")


def _labeled(table: Path, rows: Iterator[_Row]) -> tuple[list[_Row], list[str]]:
    """The rows that have a label, each path once; and notes."""
    kept: dict[str, _Row] = {}
    without, twice, aside = Counter[str](), 0, 0
    for row in rows:
        if row.split.casefold() == NO_SPLIT:
            aside += 1
        elif not row.label:
            without[row.split or "none"] += 1
        elif row.path not in kept:
            kept[row.path] = row
        elif (first := kept[row.path]).label != row.label:
            labels = f"as '{shortened(row.label)}', line {first.line} as '{shortened(first.label)}'"
            raise DataError(f"Line {row.line} of {table} labels '{shortened(row.path)}' {labels}: expected one label for each image.")
        else:
            twice += 1
    notes = []
    if without:
        count = sum(without.values())
        were = "was" if count == 1 else "were"
        notes.append(f"{many(count, 'row')} of {table.name} {WITHOUT.format('a label')} {were} left out: such images can only be predicted.")
    if aside:
        notes.append(f"{many(aside, 'row')} of {table.name} {'was' if aside == 1 else 'were'} left out: {'its' if aside == 1 else 'their'} split is 'none'.")
    if twice:
        notes.append(f"{many(twice, 'row')} of {table.name} {'repeats' if twice == 1 else 'repeat'} another.")
    return list(kept.values()), notes


def _twins(table: Path, classes: Sequence[str]) -> list[str]:
    """A note on labels that differ only by case.

    Raises:
        DataError: two labels look the same and differ only in the encoding of accents.
    """
    looks: dict[str, str] = {}
    cases: dict[str, str] = {}
    pairs = []
    for name in classes:
        if (other := looks.setdefault(unicodedata.normalize("NFC", name), name)) != name:
            raise DataError(f"The labels {several([other, name])} in {table} look the same, but their accents are stored in two ways. Write them in one way.")
        if (other := cases.setdefault(normal(name), name)) != name:
            pairs.append(f"'{shortened(other)}' and '{shortened(name)}'")
    return [f"The labels {pairs[0]} of {table.name} differ only by case, and are different classes."] if pairs else []


def _split(table: Path, row: _Row) -> str | None:
    if not row.split:
        return None
    part = part_of(row.split)
    if part is None or part.role == "unlabelled":
        raise DataError(f"Line {row.line} of {table}: '{shortened(row.split)}' is not a split. Expected train, val or test, or nothing.")
    return part.role


def _refuse_gaps(table: Path, classes: Sequence[str], files: Sequence[tuple[str, int, str | None]], meaning: LabelSets | Numbers | None) -> None:
    """Refuse splits that lack a class, and rows without a split if other rows have one."""
    given = {split for _, _, split in files if split is not None}
    if not given:
        return
    if "train" not in given and not any(split is None for _, _, split in files):
        raise DataError(f"The table {table} has no training images: its splits are {', '.join(sorted(given))}. Expected train among them.")
    for split in sorted(given):
        there = {label for _, label, other in files if (other or "train") == split}
        names = () if isinstance(meaning, Numbers) else classes
        if isinstance(meaning, LabelSets):
            names, there = meaning.names, {label for number in there for label in meaning.sets[number]}
        if lacking := [name for number, name in enumerate(names) if number not in there]:
            raise DataError(
                f"The split '{split}' of {table} has no image of {several(lacking, _SHOWN)}. Give every split every class, or leave the column out: then "
                "the images are split here."
            )
