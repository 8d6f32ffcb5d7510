"""Scan any source of images: a folder, an archive of one, or a table that lists them, on this machine or at a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from automl_cnn.data import archives, elsewhere, tables, unpacked
from automl_cnn.data.downloads import Progress
from automl_cnn.data.numbers import NAME, all_numbers, numbers_of
from automl_cnn.data.rows import SUFFIXES
from automl_cnn.data.scan import Scan, scan
from automl_cnn.data.walk import Listed
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.paths import location
from automl_cnn.tasks import TaskName
from automl_cnn.urls import Url


def scan_input(
    place: Path | Url | str,
    *,
    cache: Path,
    columns: str | None = None,
    task: TaskName | None = None,
    skip: Sequence[Path] = (),
    listed: Listed | None = None,
    fetched: Progress | None = None,
    claim: ExitStack | None = None,
) -> Scan:
    """The images of a folder (see `scan`), of a table (see `scan_table`), or of an archive with either in it, which is unpacked in `cache`.

    Files at a URL are copied to `cache` first; `fetched` receives the bytes so far and their total, `listed` the number of files.
    No other process deletes unpacked files until `claim` is closed, or copied files until this process ends.

    Raises:
        DataError: there is no such folder, table or archive, or it cannot be used.
        ConfigError: `columns` were named for a folder, or the table lacks them.
        StoreError: `cache` cannot be written.
    """
    try:
        where = location(place)
    except ValueError as error:
        raise DataError(f"{error}.") from None
    if isinstance(where, Path):
        return _of_task(_here(where, cache, columns, skip, listed, task=task, claim=claim), task)
    copy = elsewhere.copied(where, cache, columns=columns, listed=listed, fetched=fetched)
    with copy.naming():
        files = _of_task(_here(copy.root, cache, columns, above=copy.above, task=task, claim=claim), task)
    return replace(files, url=where, notes=tuple(map(copy.named, files.notes)), refused=(*files.refused, *copy.refused))


def _of_task(files: Scan, task: TaskName | None) -> Scan:
    """The files, if they can be labeled as the task says.

    Raises:
        ConfigError: they cannot.
    """
    if task == NAME and files.meaning is None:
        if not all_numbers(files.classes):
            raise ConfigError(
                f"--task {NAME}: {files.shown} has folders that are not named after numbers. Expected a table with the columns path and value, with a number "
                "in each row, or folders such as 20, 21.5 and 30."
            )
        return replace(files, meaning=numbers_of(files.classes, ("number",), files.shown))
    if task == "multilabel" and files.meaning is None:
        raise ConfigError(
            f"--task multilabel: {files.shown} has one folder for each class, so that every image has one label. Expected a table with the columns path "
            "and label, with several labels in a cell as in cat|dog."
        )
    return files


def _here(
    path: Path,
    cache: Path,
    columns: str | None,
    skip: Sequence[Path] = (),
    listed: Listed | None = None,
    *,
    above: str = "",
    task: TaskName | None = None,
    claim: ExitStack | None,
) -> Scan:
    """Scan a source on this machine; `above` is the URL of the folder that it is a copy of."""
    if not path.is_file():
        return _folder(path, columns, skip, listed, above=above, task=task)
    if tables.is_table(path):
        return tables.scan_table(path, columns, cache=cache, above=above, task=task, claim=claim)
    if archives.is_archive(path):
        inside = archives.unpacked(path, cache, claim)
        with called(path, inside.folder):
            files = _folder(inside.folder, columns, (), listed, task=task)
        return replace(files, source=path, notes=(*renamed(files.notes, inside, path), *inside.notes))
    archive, table = ", ".join(archives.SUFFIXES[:4]), ", ".join(SUFFIXES)
    raise DataError(f"{path} is a file: expected a folder with one subfolder of images per class, an archive of one ({archive}), or a table ({table}).")


def copies_of(files: Scan, cache: Path) -> tuple[Path, ...]:
    """The folders of the cache that hold downloaded or unpacked copies of these images; () if they are read in place."""
    home, folder = (cache / unpacked.FOLDER).absolute(), files.folder.absolute()
    places = [] if files.url is None else [elsewhere.place_of(files.url, cache).absolute()]
    if folder.is_relative_to(home):
        places.append(home / folder.relative_to(home).parts[0])
    return tuple(dict.fromkeys(places))


def metadata_of(folder: Path, columns: str | None = None, task: TaskName | None = None, numbers: Sequence[str] = ()) -> Path | None:
    """The table `metadata.csv` (or .jsonl, .parquet …) of a folder, where it has columns for path and label, or for these numbers.

    Raises:
        DataError: it cannot be read.
    """
    places = (folder / f"{tables.METADATA}{suffix}" for suffix in SUFFIXES)
    return next((table for table in places if table.is_file() and tables.has_labels(table, columns, task, numbers=numbers)), None)


@contextmanager
def called(archive: Path, folder: Path) -> Iterator[None]:
    """An error about a folder of the cache names the archive that was unpacked there."""
    try:
        yield
    except (ConfigError, DataError) as error:
        raise type(error)(_in_archive(str(error), folder, archive)) from None


def renamed(notes: Sequence[str], inside: archives.Unpacked, archive: Path) -> tuple[str, ...]:
    """Notes about a folder of the cache, with the name of the archive that was unpacked there."""
    named = (_in_archive(note, inside.folder, archive) for note in notes)
    return tuple(note if str(inside.place) in note else note.replace(inside.place.name, archive.name) for note in named)


def _in_archive(text: str, folder: Path, archive: Path) -> str:
    """The text with the archive's path in place of the folder's, except where the path continues: arguments of commands stay unchanged."""
    return re.sub(rf"{re.escape(str(folder))}(?!/(?!{tables.METADATA}\.))", lambda _: str(archive), text)


def _folder(path: Path, columns: str | None, skip: Sequence[Path], listed: Listed | None, *, above: str = "", task: TaskName | None = None) -> Scan:
    """The images of a folder by its subfolders, or by the table that describes them."""
    table = metadata_of(path, columns, task)
    if table is not None:
        return tables.scan_table(table, columns, above=above, task=task)
    if columns is not None:
        raise ConfigError(f"--columns {columns} names the columns of a table, but {path} is not a table. Leave it out.")
    return scan(path, skip=skip, listed=listed)
