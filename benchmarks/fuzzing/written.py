"""Tables as files: CSV of any delimiter and encoding, JSON lines, Parquet of any column types."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fuzzing.cells import Row

ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "utf-7")
_JSON = (
    b"NaN",
    b"[" * 100_000,
    b'{"path": ' * 50_000,
    b"null",
    b"[1]",
    b'"text"',
    b"{",
    b'{"path": "a", "path": "b", "label": "cat"}',
    b'{"path": "1.png", "label": 1e999}',
)
_JSON += (
    b'{"path": "1.png", "label": ' + b"9" * 5000 + b"}",
    b'{"path": "\\ud800.png", "label": "cat"}',
    b"\xff\xfe",
    b"\0",
    b'{"path": "a", "label": -Infinity}',
    b"{}",
)
_HEADS = (
    "path,path,label",
    "path,label,label",
    "",
    ",",
    "path;label",
    "path|label",
    '"path,label',
    "path,label,",
    "\x00",
    "path\tlabel",
    ",,,,",
    "x" * 300_000,
)
_COMPRESSED = ("snappy", "gzip", "zstd", "none", "brotli", "lz4")


def delimited(rng: np.random.Generator, rows: list[Row], suffix: str, *, spoiled: bool) -> bytes:
    """The rows as CSV or TSV."""
    heads = list(dict.fromkeys(name for row in rows for name in row))
    between = "\t" if suffix == "tsv" else str(rng.choice([",", ",", ";", "\t", "|"]))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=between, lineterminator=str(rng.choice(["\n", "\r\n", "\r"] if spoiled else ["\n", "\r\n"])))
    writer.writerows([heads, *([_cell(row.get(name)) for name in heads] for row in rows)])
    text = _spoiled_text(rng, out.getvalue(), between) if spoiled else out.getvalue()
    encoding = str(rng.choice(ENCODINGS)) if spoiled else "utf-8"
    return text.encode(encoding, "surrogatepass" if encoding.startswith("utf-8") else "replace")


def _spoiled_text(rng: np.random.Generator, text: str, between: str) -> str:
    lines, at = text.splitlines(keepends=True), int(rng.integers(1, max(2, text.count("\n"))))
    ways = (
        lambda: [_HEADS[int(rng.integers(len(_HEADS)))] + "\n", *lines[1:]],
        lambda: [*lines[:at], f"a.png{between}cat{between * 5}more{between}\n", *lines[at:]],
        lambda: [*lines[:at], "a.png\n", *lines[at:]],
        lambda: [*lines[:at], between * 20_000 + "\n", *lines[at:]],
        lambda: [*lines[:at], '"never closed' + between + "\n", *lines[at:]],
        lambda: [*lines[:at], "\n", "  \n", *lines[at:]],
        lambda: ["\n", *lines],
        lambda: ["\ufeff\ufeff", *lines],
        lambda: [*lines[:at], "\0" * 50 + "\n", *lines[at:]],
        lambda: [*lines[:at], *(lines[-1:] * 50_000)],
        lambda: [text.replace("\n", "\n\n")],
        lambda: [text[: int(rng.integers(len(text) + 1))]],
        lambda: [*lines[:at], f'"{"y" * 140_000}"{between}cat\n', *lines[at:]],
        lambda: lines,
    )
    return "".join(ways[int(rng.integers(len(ways)))]())


def json_lines(rng: np.random.Generator, rows: list[Row], *, spoiled: bool) -> bytes:
    """The rows as JSON lines, sometimes with one that is none."""
    plain = bool(rng.random() < 0.5)
    lines = [json.dumps({name: _for_json(value) for name, value in row.items()}, ensure_ascii=plain).encode("utf-8", "surrogatepass") for row in rows]
    if spoiled and rng.random() < 0.7:
        lines.insert(int(rng.integers(len(lines) + 1)), _JSON[int(rng.integers(len(_JSON)))])
    return (b"\xef\xbb\xbf" if spoiled and rng.random() < 0.2 else b"") + (b"\r\n" if rng.random() < 0.2 else b"\n").join(lines)


def parquet(rng: np.random.Generator, rows: list[Row], *, spoiled: bool) -> bytes:
    """The rows as Parquet; columns of mixed values become text."""
    heads = list(dict.fromkeys(name for row in rows for name in row))
    columns = [_column(rng, [row.get(name) for row in rows], spoiled) for name in heads]
    if spoiled and heads and rng.random() < 0.1:
        heads, columns = [*heads, heads[-1]], [*columns, columns[int(rng.integers(len(columns)))]]
    heads = [name.encode("utf-8", "replace").decode() for name in heads]
    columns = [pa.array(["{}"] * len(rows)) if pa.types.is_struct(column.type) and not column.type.num_fields else column for column in columns]  # not possible
    out = io.BytesIO()
    table = pa.Table.from_arrays(columns, names=heads)
    if spoiled and rng.random() < 0.2:
        table = table.replace_schema_metadata({"pandas": json.dumps({"index_columns": ["nothing"], "columns": [{"name": None}], "pandas_version": "x"})})
    options = {"compression": str(rng.choice(_COMPRESSED)), "use_dictionary": bool(rng.random() < 0.5), "row_group_size": int(rng.choice([3, 1000]))}
    pq.write_table(table, out, **options)
    return out.getvalue()


def repeated(rows: int, length: int) -> bytes:
    """A small Parquet file whose rows all have the same long path."""
    out = io.BytesIO()
    path = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["x" * length]))
    label = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["cat"]))
    pq.write_table(pa.table({"path": path, "label": label}), out, compression="zstd")
    return out.getvalue()


def _column(rng: np.random.Generator, values: list[Any], spoiled: bool) -> Any:
    kinds: tuple[Any, ...] = (None, pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.binary(), pa.float32(), pa.string(), pa.list_(pa.string()))
    kinds += (
        pa.int64(),
        pa.bool_(),
        pa.decimal128(10, 2),
        pa.timestamp("us"),
        pa.date32(),
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        pa.float16(),
    )
    for kind in (kinds[int(rng.integers(len(kinds)))] if spoiled else None, None, pa.string()):
        try:
            given = [str(value).encode("utf-8", "replace").decode() if isinstance(value, str) or kind == pa.string() else value for value in values]
            return pa.array(given, kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            continue
    return pa.array([None] * len(values), pa.string())


def _cell(value: Any) -> str:
    return "" if value is None else value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _for_json(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else {key: _for_json(part) for key, part in value.items()} if isinstance(value, dict) else value
