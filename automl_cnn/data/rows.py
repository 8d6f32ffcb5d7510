"""Read the rows of a table: CSV, TSV, JSON lines or Parquet. Rows are read one at a time: a small file cannot fill the memory."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import json
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from automl_cnn.data import regular
from automl_cnn.errors import DataError
from automl_cnn.text import inline

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
MOST = 2 << 30  # bytes of a table
MOST_ROWS = 5_000_000
_LINE = 1 << 24  # characters of a line
_BATCH = 64  # rows of a Parquet file that are unpacked at once: they may hold images
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Row = tuple[int, Mapping[str, Any]]  # its line, for messages, and its cells by column
Reading = Generator[Row, None, None]  # to be closed where it is not read to its end


@dataclass(frozen=True)
class Rows:
    """The names of the columns, and a function that reads the rows with the cells of the requested columns (or more)."""

    heads: tuple[str, ...]
    of: Callable[[Collection[str]], Reading]


def rows_of(table: Path) -> Rows:
    """The columns and rows of a table.

    Raises:
        DataError: the table cannot be read. Reading the rows raises it too.
    """
    suffix = table.suffix.lower()
    if suffix == ".parquet":
        return _parquet(table, f"The table {table}")
    return _json_lines(table, f"The table {table}") if suffix in (".jsonl", ".ndjson") else delimited(table)


def delimited(table: Path, what: str = "table", most: int = MOST) -> Rows:
    """The rows of a CSV file, up to `most` bytes of it. Cells are separated by commas, semicolons, tabs or bars. Messages call the file a `what`.

    Raises:
        DataError: as `rows_of`.
    """
    name = f"The {what} {table}"
    lines = _lines(table, name, most)
    first = next(lines, "")
    between = "\t" if table.suffix.lower() == ".tsv" else max(",;\t|", key=first.count)
    cells = _cells(csv.reader(itertools.chain([first], lines), delimiter=between, strict=True), name)
    heads = next(cells, (0, []))[1]
    return Rows(tuple(heads), lambda columns: _by_head(cells, heads, table, "a tab" if between == "\t" else f"'{between}'"))


def _lines(table: Path, name: str, most: int) -> Iterator[str]:
    """The lines of a text file with their ends, as they come."""
    try:
        with regular.opened(table, most) as (file, _):
            encoding = "utf-16" if file.read(2) in _UTF16 else "utf-8-sig"
            file.seek(0)
            with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
                while line := text.readline(_LINE):
                    if len(line) >= _LINE:
                        raise DataError(f"it has a line of more than {_LINE:,} characters")
                    if "\0" in line:
                        raise DataError("it holds zero bytes, which text never does: save it in UTF-8")
                    yield line
    except UnicodeError:
        raise DataError(f"{name} is not UTF-8 text: save it in UTF-8.") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from None
    except DataError as error:
        raise DataError(f"{name} cannot be read: {error}.") from None


def _cells(reader: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file that are not empty, each with its last line."""
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(f"{name} cannot be read: {inline(str(error))}, in line {reader.line_num}. Is a quotation mark left open?") from None


def _by_head(cells: Iterator[tuple[int, list[str]]], heads: list[str], table: Path, between: str) -> Reading:
    for line, row in cells:
        if any(cell.strip() for cell in row[len(heads) :]):
            raise DataError(
                f"Line {line} of {table} has {len(row)} cells, its first line {len(heads)}: expected one for each column. "
                f"Put a cell that holds {between} in quotation marks."
            )
        yield line, dict(zip(heads, row, strict=False))


def _json_lines(table: Path, name: str) -> Rows:
    objects = partial(_objects, table, name)
    return Rows(tuple(dict.fromkeys(head for _, given in objects() for head in given)), lambda columns: objects())


def _objects(table: Path, name: str) -> Reading:
    for number, line in enumerate(_lines(table, name, MOST), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise DataError(f'Line {number} of {table} is not a JSON object: expected lines such as {{"path": "1.jpg", "label": "cat"}}.')
        yield number, given


def _parquet(table: Path, name: str) -> Rows:
    import pyarrow.parquet as pq

    try:
        with regular.opened(table, MOST):
            pass
    except DataError as error:
        raise DataError(f"{name} cannot be read: {error}.") from None
    with _parquet_errors(name):
        file = pq.ParquetFile(table, pre_buffer=False)
        heads, count = [str(head) for head in file.schema_arrow.names], file.metadata.num_rows
    if count > MOST_ROWS:
        raise DataError(f"{name} has {count:,} rows: at most {MOST_ROWS:,} are read.")
    return Rows(tuple(heads), partial(_batches, file, heads, name))


def _batches(file: Any, heads: list[str], name: str, columns: Collection[str]) -> Reading:
    wanted = [head for head in dict.fromkeys(columns) if head in heads]
    number = 0
    with _parquet_errors(name):
        for batch in file.iter_batches(_BATCH, columns=wanted, use_threads=False):
            cells = [batch.column(batch.schema.names.index(head)).to_pylist() for head in wanted]
            for row in zip(*cells, strict=True):
                number += 1
                yield number, dict(zip(wanted, row, strict=True))


@contextlib.contextmanager
def _parquet_errors(name: str) -> Iterator[None]:
    """Turn any exception of PyArrow into a DataError: damaged bytes raise all kinds of exceptions."""
    try:
        yield
    except (DataError, GeneratorExit):
        raise
    except Exception as error:
        words = inline(" ".join(str(error).split()))[:200].rstrip(".") or type(error).__name__
        raise DataError(f"{name} cannot be read as Parquet: {words}. It may be damaged or half copied.") from None
