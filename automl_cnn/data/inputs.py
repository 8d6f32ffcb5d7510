"""Whatever a user names as images -> a `Scan`: a folder, an archive of one, or a table that lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from automl_cnn.data import archives, tables
from automl_cnn.data.scan import Scan, scan
from automl_cnn.data.walk import Listed
from automl_cnn.errors import ConfigError, DataError

METADATA = "metadata"  # the name, without suffix, of a table that describes the images beside it, as in Hugging Face's `imagefolder`


def scan_input(path: Path, *, cache: Path, columns: str | None = None, skip: Sequence[Path] = (), listed: Listed | None = None) -> Scan:
    """The images of a folder (see `scan`), of a table (see `scan_table`), or of an archive with either in it, which is unpacked in `cache`.

    Raises:
        DataError: there is nothing of the kind, or it cannot be used.
        ConfigError: `columns` were named for a folder, or are not there.
        StoreError: `cache` cannot be written.
    """
    path = Path(path)
    if not path.is_file():
        return _folder(path, columns, skip, listed)
    if tables.is_table(path):
        return tables.scan_table(path, columns, cache=cache)
    if archives.is_archive(path):
        return replace(_folder(archives.unpacked(path, cache), columns, (), listed), source=path)
    archive, table = ", ".join(archives.SUFFIXES[:4]), ", ".join(tables.SUFFIXES)
    raise DataError(f"{path} is a file: expected a folder with one subfolder of images per class, an archive of one ({archive}), or a table ({table}).")


def _folder(path: Path, columns: str | None, skip: Sequence[Path], listed: Listed | None) -> Scan:
    """The images of a folder by its subfolders, or by the table `metadata.csv` in it (or .jsonl, .parquet)."""
    for suffix in tables.SUFFIXES:
        table = path / f"{METADATA}{suffix}"
        if table.is_file() and tables.has_labels(table, columns):
            return tables.scan_table(table, columns)
    if columns is not None:
        raise ConfigError(f"--columns {columns} names the columns of a table, but {path} is none. Leave it out.")
    return scan(path, skip=skip, listed=listed)
