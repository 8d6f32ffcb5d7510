"""Images stored as bytes in a table, written to files of the cache once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from automl_cnn.data import kinds, unpacked
from automl_cnn.data.rows import Reading, Row
from automl_cnn.errors import DataError, StoreError
from automl_cnn.paths import shortened

_BEGINNINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp", b"II*\0": ".tif", b"MM\0*": ".tif"}


def written(table: Path, rows: Iterator[Row], column: str, cache: Path | None, *, claim: ExitStack | None = None) -> tuple[Path, Reading]:
    """The folder that the paths in `column` are relative to, and the rows with paths in place of bytes.

    Close the rows if you do not read them to the end; the files written so far are then removed. No other process deletes the files until `claim` is
    closed.

    Raises:
        DataError: some rows hold bytes and others none, there is no `cache` to write to, or there is far more than the table's size.
        StoreError: `cache` cannot be written.
    """
    inside, rows = peeked(rows, column)
    if not inside:
        return table.parent, (row for row in rows)
    if cache is None:
        raise DataError(f"The table {table} holds its images as bytes: expected paths here.")
    place = unpacked.place_of(table, cache)
    return place, _files(table, rows, column, place, cache, claim=claim)


def peeked(rows: Iterator[Row], column: str) -> tuple[bool, Iterator[Row]]:
    """Whether the images lie in the table itself, by its first row; and the rows."""
    first = next(rows, None)
    if first is None:
        return False, rows
    return content_of(first[1].get(column)) is not None, itertools.chain([first], rows)


def content_of(value: object) -> bytes | None:
    """The bytes of an image in a cell, None where it holds a path."""
    given = value.get("bytes") if isinstance(value, Mapping) else value
    return bytes(given) if isinstance(given, (bytes, bytearray)) else None


def _files(table: Path, rows: Iterator[Row], column: str, place: Path, cache: Path, *, claim: ExitStack | None) -> Reading:
    try:
        if unpacked.is_complete(place):
            unpacked.hold(place, claim)
        if unpacked.is_complete(place):
            yield from _named(table, rows, column, None)
        else:
            with unpacked.filled(place) as part:
                yield from _named(table, rows, column, part)
            unpacked.hold(place, claim)
        unpacked.used(place, cache)
    except OSError as error:
        raise StoreError(f"The images of {table} cannot be written to {place}: {error.strerror or error}. Free some space there.") from None


def _named(table: Path, rows: Iterator[Row], column: str, part: Path | None) -> Reading:
    """The rows with the names of files in place of their bytes, which are written to the folder `part`, where one is given."""
    allowed = unpacked.allowed(table)
    for line, row in rows:
        value = row.get(column)
        content = content_of(value)
        if content is None:
            raise DataError(f"Line {line} of {table} has no image in the column '{shortened(column)}', as the first line has.")
        allowed -= len(content)
        if allowed < 0:
            raise DataError(f"The images in {table} take more than {unpacked.RATIO} times its size and {unpacked.FREE >> 20:,} MB. Nothing was kept.")
        name = f"{line:08d}{_suffix(value, content)}"
        if part is not None:
            (part / name).write_bytes(content)
        yield line, {**row, column: name}


def _suffix(value: object, content: bytes) -> str:
    path = value.get("path") if isinstance(value, Mapping) else None
    stated = PurePosixPath(str(path)).suffix.lower() if path else ""
    return stated if stated in kinds.SUFFIXES else next((suffix for begin, suffix in _BEGINNINGS.items() if content.startswith(begin)), ".jpg")
