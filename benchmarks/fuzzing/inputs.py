"""The target `inputs`: archives, tables and lists of labels, mostly damaged in what they say."""

from __future__ import annotations

import numpy as np

from automl_cnn.data import unpacked
from automl_cnn.data.corrections import ACTIONS
from fuzzing import cells, members, packed, written
from fuzzing.case import Case, Target
from fuzzing.images import picture, saved
from fuzzing.members import Member
from fuzzing.mutations import mutated
from fuzzing.reading import read_all

CLASSES, EACH = ("cat", "dog"), 4
HEADS = (("path", "label"), ("file_name", "label"), ("image", "class"), ("filename", "category"))
FREE = 1 << 23  # bytes that an archive may unpack to however small it is: less than in a search, so that bombs cost little time here
KINDS = (
    *packed.SUFFIXES,
    *packed.SUFFIXES,
    "csv",
    "csv",
    "tsv",
    "jsonl",
    "parquet",
    "images.parquet",
    "metadata.csv",
    "metadata.jsonl",
    "metadata.parquet",
    "list",
    "list",
)


def known(seed: int) -> list[bytes]:
    """The images of all cases, as files, and a small Parquet file with very many rows."""
    rng = np.random.default_rng(seed)
    unpacked.FREE = FREE
    images = [saved(picture(rng, "RGB").resize((12 + number, 12)), "PNG") for number in range(len(CLASSES) * EACH)]
    return [*images, written.repeated(100_000, 3000)]


def case(seed: int, number: int, known: list[bytes]) -> Case:
    """The archive, table or list of this number."""
    rng = np.random.default_rng([seed, number])
    kind, *images = KINDS[number % len(KINDS)], *known[:-1]
    ways = int(rng.choice([0, 1, 1, 1, 2, 2, 3]))
    if kind in packed.SUFFIXES:
        return _archive(rng, kind, images, ways)
    if kind == "list":
        return _list(rng, images, ways)
    return _table(rng, kind, images, ways) if rng.random() > 0.01 or kind != "parquet" else Case("rows that repeat", {"t.parquet": known[-1]}, "t.parquet")


def _files(images: list[bytes]) -> dict[str, bytes]:
    return {f"{name}/{number}.png": images[place * EACH + number] for place, name in enumerate(CLASSES) for number in range(EACH)}


def _archive(rng: np.random.Generator, suffix: str, images: list[bytes], ways: int) -> Case:
    inside = [Member(name, content) for name, content in _files(images).items()]
    done, plain = [f"{suffix} of images"], True
    if rng.random() < 0.2:
        table = _table(rng, str(rng.choice(["metadata.csv", "metadata.jsonl", "metadata.parquet"])), images, int(rng.integers(2)))
        inside = [Member(name, content) for name, content in table.files.items()]
        done.append(f"with {table.name}")
        plain = table.good
    for _ in range(ways):
        way = members.WAYS[int(rng.integers(len(members.WAYS)))]
        inside = way(rng, inside)
        done.append(way.__name__)
    lies = int(rng.choice([0, 0, 0, 1, 2]))
    content = packed.packed(rng, suffix, inside, lies=lies)
    spoiled = rng.random() < 0.15
    content = mutated(rng, content, images[0]) if spoiled else content
    hostile = (
        next((f"it holds '{one.name}', {one.kind}" for one in inside if one.hostile and (suffix, one.kind) != ("zip", "hardlink")), "")
        if not (lies or spoiled)
        else ""
    )
    return Case(
        ", ".join([*done, *(["lies"] if lies else []), *(["spoiled"] if spoiled else [])]),
        {f"pets.{suffix}": content},
        f"pets.{suffix}",
        refuse=hostile,
        good=plain and not (ways or lies or spoiled),
    )


def _table(rng: np.random.Generator, kind: str, images: list[bytes], ways: int) -> Case:
    suffix, names = kind.rpartition(".")[2], HEADS[int(rng.integers(len(HEADS)))]
    files = {f"photos/{name.replace('/', ' ')}": content for name, content in _files(images).items()}
    rows = [{names[0]: name, names[1]: name.split("/")[1].split()[0]} for name in files]
    if kind.startswith("images"):
        wrap = bool(rng.random() < 0.5)
        rows = [{**row, names[0]: {"bytes": files[row[names[0]]], "path": row[names[0]]} if wrap else files[row[names[0]]]} for row in rows]
    done, spoiled = [f"{kind}"], bool(rng.random() < 0.3)
    for _ in range(ways if rows else 0):
        way = cells.WAYS[int(rng.integers(len(cells.WAYS)))]
        rows = way(rng, rows, names) if rows and names[0] in rows[0] else rows
        done.append(way.__name__)
    if suffix == "parquet":
        content = written.parquet(rng, rows, spoiled=spoiled)
    else:
        content = written.json_lines(rng, rows, spoiled=spoiled) if suffix == "jsonl" else written.delimited(rng, rows, suffix, spoiled=spoiled)
    bits = rng.random() < 0.15
    content = mutated(rng, content, images[0]) if bits else content
    sure = not spoiled and not bits and not kind.startswith("images") and not {"_more_columns", "_other_name"} & {*done}  # else another column may be read
    given = [row.get(names[0]) for row in rows if names[1] in row and row[names[1]]]
    hostile = next((f"it names {value!r}" for value in given if isinstance(value, str) and cells.hostile_path(value)), "") if sure else ""
    name = "metadata" if kind.startswith("metadata") else "pets"
    main = "." if kind.startswith("metadata") else f"{name}.{suffix}"
    settings = {"columns": f"path={names[0]},label={names[1]}"} if rng.random() < 0.2 else {}
    words = ", ".join([*done, *(["spoiled"] if spoiled else []), *(["bits"] if bits else [])])
    return Case(words, {**files, f"{name}.{suffix}": content}, main, settings, hostile, not (ways or spoiled or bits))


def _list(rng: np.random.Generator, images: list[bytes], ways: int) -> Case:
    names = ("path", "label")
    files = {f"pets/{name}": content for name, content in _files(images).items()}
    rows = [{"action": str(rng.choice(ACTIONS)), "path": name[5:], "label": str(rng.choice(CLASSES)), "reason": "a, b"} for name in files if rng.random() < 0.5]
    rows = rows or [{"action": "keep", "path": "cat/0.png", "label": "cat", "reason": ""}]
    done, spoiled = ["list"], bool(rng.random() < 0.4)
    for _ in range(ways):
        way = cells.WAYS[int(rng.integers(len(cells.WAYS)))]
        rows = way(rng, rows, names) if rows and "path" in rows[0] else rows
        done.append(way.__name__)
    content = written.delimited(rng, rows, "csv", spoiled=spoiled)
    content = mutated(rng, content, images[0]) if rng.random() < 0.2 else content
    return Case(", ".join(done), {**files, "labels.csv": content}, "pets", {"labels": "labels.csv"})


TARGET = Target(3000, 100.0, 10.0, known, case, read_all)
