"""Whatever a user names as images -> a `Scan`: a folder, an archive of one, or a table that lists them, here or at a URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from automl_cnn.data import archives, elsewhere, tables
from automl_cnn.data.downloads import Progress
from automl_cnn.data.scan import Scan, scan
from automl_cnn.data.walk import Listed
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.paths import location
from automl_cnn.urls import Url


def scan_input(
    place: Path | Url | str,
    *,
    cache: Path,
    columns: str | None = None,
    skip: Sequence[Path] = (),
    listed: Listed | None = None,
    fetched: Progress | None = None,
) -> Scan:
    """The images of a folder (see `scan`), of a table (see `scan_table`), or of an archive with either in it, which is unpacked in `cache`.

    What lies at a URL is copied to `cache` first; `fetched` is called with the bytes that came, of how many.

    Raises:
        DataError: there is nothing of the kind, or it cannot be used.
        ConfigError: `columns` were named for a folder, or are not there.
        StoreError: `cache` cannot be written.
    """
    try:
        where = location(place)
    except ValueError as error:
        raise DataError(f"{error}.") from None
    if isinstance(where, Path):
        return _here(where, cache, columns, skip, listed)
    copy = elsewhere.copied(where, cache, columns=columns, listed=listed, fetched=fetched)
    with copy.naming():
        files = _here(copy.root, cache, columns, above=where.parent if copy.root.is_file() else str(where))
    return replace(files, url=where, notes=tuple(map(copy.named, files.notes)), refused=(*files.refused, *copy.refused))


def _here(path: Path, cache: Path, columns: str | None, skip: Sequence[Path] = (), listed: Listed | None = None, *, above: str = "") -> Scan:
    """What lies on this computer; `above` is the URL of the folder that it is a copy of."""
    if not path.is_file():
        return _folder(path, columns, skip, listed, above)
    if tables.is_table(path):
        return tables.scan_table(path, columns, cache=cache, above=above)
    if archives.is_archive(path):
        return replace(_folder(archives.unpacked(path, cache), columns, (), listed), source=path)
    archive, table = ", ".join(archives.SUFFIXES[:4]), ", ".join(tables.SUFFIXES)
    raise DataError(f"{path} is a file: expected a folder with one subfolder of images per class, an archive of one ({archive}), or a table ({table}).")


def _folder(path: Path, columns: str | None, skip: Sequence[Path], listed: Listed | None, above: str = "") -> Scan:
    """The images of a folder by its subfolders, or by the table `metadata.csv` in it (or .jsonl, .parquet)."""
    for suffix in tables.SUFFIXES:
        table = path / f"{tables.METADATA}{suffix}"
        if table.is_file() and tables.has_labels(table, columns):
            return tables.scan_table(table, columns, above=above)
    if columns is not None:
        raise ConfigError(f"--columns {columns} names the columns of a table, but {path} is none. Leave it out.")
    return scan(path, skip=skip, listed=listed)
