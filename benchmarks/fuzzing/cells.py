"""What hostile tables hold: rows of cells of every kind, and ways to spoil the rows."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np

from fuzzing.members import ACCENTED, OUTSIDE

Row = dict[str, Any]
LONG = "x" * 200_000
_TEXTS = (
    "",
    " ",
    "nan",
    "None",
    "=1+1",
    "-rf",
    "%s%n",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\u2028b",
    "a\x85b",
    "a\x0cb",
    "a\x1cb",
    'a"b',
    "a,b",
    "a;b",
    "\x1b[2J",
    "\0",
    "a\0b",
)
_TEXTS += ("\ud800", "\udce9", "\ufeff", "\u202e", "x" * 300, "x" * 5000, LONG, "e\u0301" * 50, "\N{PILE OF POO}")
_OTHERS = (
    None,
    math.nan,
    math.inf,
    -0.0,
    1,
    1.0,
    1.5,
    True,
    10**30,
    [1, 2],
    [],
    {"a": 1},
    {},
    b"\x89PNG",
    b"",
    ["cat"],
    {"bytes": None, "path": "photos/cat 0.png"},
)
_OTHERS += ({"bytes": b"BM", "path": None}, {"bytes": None, "path": None}, {"path": ["x"]}, [[["deep"]]])


def paths(name: str) -> tuple[str, ...]:
    """Paths that lead elsewhere or are odd, made of one that is right."""
    last = name.rpartition("/")[2]
    return (
        *(
            f"../{name}",
            f"photos/../../{last}",
            f"photos/../{name}",
            "/etc/passwd",
            f"{OUTSIDE}/{last}",
            f"//server/{last}",
            f"\\\\server\\{last}",
            f"..\\{last}",
        ),
        *(f"C:\\{last}", f"c:{last}", f"C:/{last}", "..", ".", "/", "./", "photos", "photos/", f"{name}/", f"./{name}", f"photos//{last}", f"photos\\{last}"),
        *("https://example.org/1.png", "file:///etc/passwd", "s3://bucket/1.png", "http:/x/1.png", "~/1.png", "$HOME/1.png", name.upper(), f" {name} "),
        *(
            unicodedata.normalize("NFD", f"photos/{ACCENTED}.png"),
            f"photos/{ACCENTED}.png",
            f"{'d/' * 1990}x.png",
            "d/" * 60_000,
            "photos/lost.png",
            f"{name}\0.jpg",
        ),
    )


_LABELS = (
    "Cat",
    "CAT",
    " cat ",
    ACCENTED,
    unicodedata.normalize("NFD", ACCENTED),
    ACCENTED.upper(),
    "0",
    "1",
    "1.0",
    "train",
    "../x",
    "cat\n",
    "c\u200bat",
    "dog.",
)
_SPLITS = ("train", "Train ", "val", "test", "validation", "none", "maybe", "test_unlabeled", "training set")


def hostile_path(path: str, base: str = "") -> bool:
    """Whether a table with this path must be refused."""
    plain = path.strip().replace("\\", "/")
    return ".." in plain.split("/") or plain.startswith("/") or plain[1:2] == ":"


def _path(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
    at, given = int(rng.integers(len(rows))), paths(str(rows[0][names[0]]))
    value: Any = _one(rng, given) if rng.random() < 0.7 else _any_value(rng)
    return [*rows[:at], {**rows[at], names[0]: value}, *rows[at + 1 :]]


def _label(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
    value: Any = _one(rng, _LABELS) if rng.random() < 0.5 else _any_value(rng)
    chosen = rng.random(len(rows)) < float(rng.choice([0.1, 0.5, 1.0]))
    return [{**row, names[1]: value} if hit else row for row, hit in zip(rows, chosen, strict=True)]


def _numbers(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
    kinds: tuple[tuple[Any, Any], ...] = (
        (0, 1),
        (0.0, 1.0),
        (0, "1"),
        (1, 1.0),
        (True, False),
        (1, True),
        (math.nan, 1),
        (0.5, 0.25),
        (10**20, 1),
        ("01", "1"),
    )
    pair = kinds[int(rng.integers(len(kinds)))]
    return [{**row, names[1]: pair[number % 2]} for number, row in enumerate(rows)]


def _added(role: str, values: tuple[Any, ...]) -> Callable[[np.random.Generator, list[Row], tuple[str, ...]], list[Row]]:
    def spoil(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
        plain = bool(rng.random() < 0.5)
        return [{**row, role: _one(rng, values) if plain or rng.random() < 0.8 else _any_value(rng)} for row in rows]

    return spoil


def _repeat(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
    one = rows[int(rng.integers(len(rows)))]
    return [*rows, *([one] * int(rng.choice([1, 3, 1000])))]


def _contradict(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
    return [*rows, {**rows[int(rng.integers(len(rows)))], names[1]: "eel"}]


def _lose(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
    return [row for row in rows if rng.random() < 0.6]


def _lose_column(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
    gone = names[int(rng.integers(2))]
    return [{key: value for key, value in row.items() if key != gone} for row in rows]


def _other_name(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
    old = names[int(rng.integers(2))]
    new = str(_one(rng, ("Path", " LABEL ", "label", "path", "", "\ufeffpath", "a\nb", "x" * 5000, "\x1b[2J", "weight", "image", "file_name")))
    return [{new if key == old else key: value for key, value in row.items()} for row in rows]


def _more_columns(rng: np.random.Generator, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
    new = str(_one(rng, ("Label", "LABEL", "class", "image", "file", "weight", "notes", "\0", *(f"c{number}" for number in range(3)))))
    return [{**row, new: _any_value(rng)} for row in rows]


def _any_value(rng: np.random.Generator) -> Any:
    return _one(rng, _TEXTS if rng.random() < 0.5 else _OTHERS)


def _one(rng: np.random.Generator, values: tuple[Any, ...]) -> Any:
    return values[int(rng.integers(len(values)))]


WAYS: tuple[Callable[[np.random.Generator, list[Row], tuple[str, ...]], list[Row]], ...] = (
    *(
        _path,
        _path,
        _path,
        _label,
        _label,
        _label,
        _numbers,
        _added("split", _SPLITS),
        _added("group", ("a", "b", "", *_TEXTS)),
        _added("weight", (1, None, "x")),
    ),
    *(_repeat, _contradict, _lose, _lose_column, _other_name, _more_columns),
)
