"""Hostile tables and lists of labels, given to a search and to `predict`. Those that are refused leave no store."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hostile.archives import CLASSES, picture, refused, refused_by_both
from hostile.cases import case
from hostile.files import FEW
from hostile.lab import Lab


def table(lab: Lab, row: str, name: str = "pets.csv", head: str = "path,label") -> Path:
    lab.photos()
    good = [f"photos/{label}/{number}.png,{label}" for label in CLASSES for number in range(2)]
    return lab.file(name, "\n".join([head, *good, row, ""]))


@case(quick=True)
def rows_that_lead_out_of_the_folder(lab: Lab) -> None:
    for path in ("photos/../../../canary/file.txt", "/etc/passwd", "C:\\evil.png"):
        refused(lab, table(lab, f"{path},cat"), "Line 6 of .*(leads out|lies outside)")


@case()
def rows_that_lead_out_of_a_prediction(lab: Lab) -> None:
    refused_by_both(lab, table(lab, "/etc/passwd,cat"), "lies outside")


@case()
def rows_that_are_no_rows(lab: Lab) -> None:
    refused(lab, table(lab, "photos/1,2.png,cat"), "3 cells")
    refused(lab, table(lab, '"photos/cat/1.png,cat'), "quotation mark")
    refused(lab, table(lab, "x" * 200_000 + ",cat"), "field")
    refused(lab, table(lab, "x" * 5000 + ",cat"), "5,000 characters")
    refused(lab, table(lab, "photos/cat/1.png," + "x" * 5000), "5,000 characters")
    refused(lab, table(lab, "photos/cat/1.png,\x1b[2J\u202edog"), "expected one label")
    lab.cli("search", "--data", table(lab, "photos/cat/9.png,cat", head="path,label"), "--store", lab.store, code=2, err=FEW)


@case()
def json_lines_of_every_kind(lab: Lab) -> None:
    lab.photos()
    for line in (
        "[" * 200_000,
        "{" * 10,
        "null",
        '{"path": [1], "label": "cat"}',
        '{"path": "1.png", "label": {"a": 1}}',
        '{"path": "\\ud800.png", "label": "cat"}',
    ):
        refused(lab, lab.file("pets.jsonl", f"{json.dumps({'path': 'photos/cat/0.png', 'label': 'cat'})}\n{line}\n"), "Line 2 of")


@case()
def parquet_that_is_damaged_or_unpacks_to_gigabytes(lab: Lab) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1_000_000, np.int32)), pa.array(["x" * 4000]))
    pq.write_table(pa.table({"path": values, "label": pa.array(["cat"]).take(pa.array(np.zeros(1_000_000, np.int32)))}), lab.folder / "rows.parquet")
    refused(lab, lab.folder / "rows.parquet", "a single class")
    image = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), pa.array([picture(0) + bytes(100_000)]))
    labels = pa.array(list(CLASSES)).take(pa.array(np.arange(100_000) % 2))
    pq.write_table(pa.table({"image": image, "label": labels}), lab.folder / "images.parquet")
    refused(lab, lab.folder / "images.parquet", "more than 100 times its size")
    whole = (lab.folder / "rows.parquet").read_bytes()
    for cut in (10, len(whole) // 2, len(whole) - 3):
        refused(lab, lab.file("cut.parquet", whole[:cut]), "cannot be read as Parquet")


@case(quick=True)
def pipes_that_are_named_like_archives_tables_and_lists(lab: Lab) -> None:
    for name in ("pets.zip", "pets.csv", "pets.parquet", "labels.csv"):
        os.mkfifo(lab.folder / name)
    for name in ("pets.zip", "pets.csv", "pets.parquet"):
        refused(lab, lab.folder / name, "neither a file nor a folder")
    refused(lab, lab.photos(), "pipe", "--labels", lab.folder / "labels.csv")


@case()
def lists_of_labels_that_cannot_be_applied(lab: Lab) -> None:
    photos = lab.photos()
    for row, err in (
        ("drop,cat/0.png,,", "no action"),
        ("exclude,../cat/0.png,,", "no image"),
        ("relabel,cat/0.png,\x1b[2J,", "no class"),
        ('"keep', "quotation mark"),
    ):
        refused(lab, photos, f"labels.csv.*{err}", "--labels", lab.file("labels.csv", f"action,path,label,reason\n{row}\n"))
    for content in (b"", b"\xff\xfe\x00", b"path,label\n1.png,cat\n", b"action,path,label,label\nkeep,cat/0.png,cat,cat\n"):
        refused(lab, photos, "labels.csv", "--labels", lab.file("labels.csv", content))
