"""Tables of images: CSV, TSV, JSON lines and Parquet."""

import io
import json
import os
import re
import shutil
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from automl_cnn.data import dataset_of, read
from automl_cnn.data.assemble import Splitting
from automl_cnn.data.corrections import read as corrections
from automl_cnn.data.inmemory import files_of
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.listing import write_splits
from automl_cnn.data.tables import images_in, scan_table
from automl_cnn.errors import ConfigError, DataError

ROWS = [
    {"path": f"photos/{name} {number}.png", "label": name, "split": split}
    for name in ("cat", "dog")
    for number, split in enumerate(["train", "train", "val", "test"])
]


def written(place, rows, kind="csv"):
    file = place / f"pets.{kind}"
    frame = pd.DataFrame(rows)
    if kind == "parquet":
        frame.to_parquet(file)
    elif kind == "jsonl":
        file.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    else:
        frame.to_csv(file, index=False, sep="\t" if kind == "tsv" else ";" if kind == "semicolon.csv" else ",")
    return file


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet", "semicolon.csv"])
def test_every_kind_of_table_is_read_alike(tmp_path, kind):
    scanned = scan_input(written(tmp_path, ROWS, kind), cache=tmp_path)
    assert scanned.folder == tmp_path
    assert scanned.classes == ("cat", "dog")
    assert scanned.files[0] == ("photos/cat 0.png", 0, "train")
    assert [split for _, _, split in scanned.files] == ["train", "train", "val", "test"] * 2


def test_columns_are_known_by_their_usual_names_or_as_the_user_says(tmp_path):
    rows = [{"File_Name": row["path"], "Class": row["label"], "species": "x"} for row in ROWS]
    assert len(scan_table(written(tmp_path, rows)).files) == 8
    rows = [{"where": row["path"], "species": row["label"]} for row in ROWS]
    assert scan_table(written(tmp_path, rows), "path=where, label=species").classes == ("cat", "dog")
    with pytest.raises(DataError, match=r"no column for path and label; its columns are 'where', 'species'\. Name them"):
        scan_table(written(tmp_path, rows))
    with pytest.raises(ConfigError, match=r"has no column .wher.*where"):
        scan_table(written(tmp_path, rows), "path=wher")
    with pytest.raises(ConfigError, match="expected pairs such as"):
        scan_table(written(tmp_path, rows), "where")


def test_rows_without_a_label_are_left_out_and_counted(tmp_path):
    rows = [*ROWS, {"path": "photos/new.png", "label": "", "split": "test"}, ROWS[0]]
    scanned = scan_table(written(tmp_path, rows))
    assert len(scanned.files) == 8
    assert scanned.notes == ("1 row of pets.csv without a label was left out: such images can only be predicted.", "1 row of pets.csv repeats another.")


def test_numbers_are_classes_too(tmp_path):
    rows = [{"path": f"{number}.png", "label": float(number % 2)} for number in range(8)]
    assert scan_table(written(tmp_path, rows, "parquet")).classes == ("0", "1")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"path": "../secret.png"}, "Line 10 of .*leads out of the folder"),
        ({"path": "C:secret.png"}, "leads out of the folder"),
        ({"path": "..\\secret.png"}, "leads out of the folder"),
        ({"path": "x" * 5000}, "Line 10 of .*: the path has 5,000 characters, expected at most 4,096"),
        ({"label": "x" * 300}, "Line 10 of .*: the label has 300 characters"),
        ({"path": "/etc/passwd"}, "Line 10 of .*lies outside of"),
        (
            {"path": "https://me:secret@example.org/1.png"},
            "Line 10 of .*: https://example.org/1.png is a URL. In a table on this computer, expected the path of",
        ),
        ({"path": ""}, "Line 10 of .*the path is missing: expected"),
        ({"path": "photos/cat 0.png", "label": "dog"}, "Line 10 .* labels 'photos/cat 0.png' as 'dog', line 2 as 'cat'"),
        ({"split": "maybe"}, "'maybe' is not a split"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_line(tmp_path, row, words):
    with pytest.raises(DataError, match=words):
        scan_table(written(tmp_path, [*ROWS, {"path": "photos/z.png", "label": "cat", "split": "train", **row}]))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"path,label\n", "has no rows"),
        ("a.csv", b"", "cannot be read: the file is empty"),
        ("a.csv", b"\n", "no column for path and label; its columns are none"),
        ("a.csv", b"path,label\n1.png,cat\n2.png,cat\n", "a single class, 'cat'"),
        ("a.csv", b"path,label\n1.png,\n", "has no row with a label"),
        ("a.csv", b"path,label\n\xff.png,cat\n", "not UTF-8"),
        ("a.csv", b"path,label,split\n1.png,cat,train\n2.png,dog,train\n3.png,cat,test\n", "The split 'test' .* has no image of 'dog'"),
        ("a.csv", b"path,label,split\n1.png,cat,test\n2.png,dog,test\n", "has no training images"),
        ("a.jsonl", b'{"path": "1.png"\n', "Line 1 of .* is not a JSON object"),
        ("a.parquet", b"PAR1", "cannot be read as Parquet"),
        ("a.csv", b"path,label\n1.png,cat\n2,1.png,dog\n", "Line 3 of .* has 3 cells, its first line 2.*holds ',' in quotation marks"),
        ("a.csv", b'path,label\n1.png,cat\n"2.png,dog\n3.png,dog\n', "unexpected end of data, in line 4. Is a quotation mark left open"),
        ("a.tsv", b'path\tlabel\n"1".png\tcat\n', r"'\\t' expected after '\"', in line 2"),
        ("a.csv", b"path,label\n1.png,cat\n2.png," + b"x" * 200_000, "cannot be read: field larger than field limit .*, in line 3"),
        ("a.csv", b"path,label,label\n1.png,cat,dog\n2.png,dog,cat\n", "several columns named 'label'"),
        ("a.csv", "path,label\n1.png,cat\n".encode("utf-16-le"), "holds zero bytes"),
        ("a.jsonl", b'{"path": "1.png", "label": {"cat": 1}}\n', "Line 1 of .*: the label is of the type dict, expected text or a number"),
        ("a.jsonl", b'{"path": "1.png", "label": ["cat"]}\n', "gives every image the same labels, 'cat': expected at least two"),
        ("a.jsonl", b'{"path": "\\ud800.png", "label": "cat"}\n', "NUL character or a lone surrogate"),
        ("a.jsonl", b'{"path": "a\\u0000.png", "label": "cat"}\n', "NUL character or a lone surrogate"),
        ("a.jsonl", b"[" * 100_000, "Line 1 of .* is not a JSON object"),
        ("a.csv", "path,label\n1.png,caf\u00e9\n2.png,cafe\u0301\n".encode(), "look the same, but their accents are stored in two ways"),
        ("a.txt", b"1.png", "is a file: expected a folder"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        scan_input(tmp_path / name, cache=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "path,label\na 1.png,cat\nb 2.png,dog\n".encode("utf-8-sig"),
        "path\tlabel\r\na 1.png\tcat\r\nb 2.png\tdog\r\n".encode("utf-16"),
        b"path|label\ra 1.png|cat\rb 2.png|dog",
        b"path;label;\na 1.png;cat;\n;;\n\nb 2.png;dog;\n",
        b'path,label\na 1.png,cat\n"b 2.png","dog"\n',
    ],
)
def test_text_is_read_in_the_ways_that_spreadsheets_save_it(tmp_path, content):
    (tmp_path / "pets.csv").write_bytes(content)
    assert scan_table(tmp_path / "pets.csv").files == (("a 1.png", 0, None), ("b 2.png", 1, None))


@pytest.mark.parametrize("strange", ["a\nb", "a\u2028b", "a\x85b", "a\x0cb", "a\x1cb"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_what_ends_a_line_elsewhere_does_not_end_a_row(tmp_path, strange, kind):
    rows = [{"path": f"{strange}.png", "label": "cat"}, {"path": "2.png", "label": "dog"}]
    file = written(tmp_path, rows, kind)
    if kind == "jsonl":
        file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8", newline="")
    assert scan_table(file).files[0][0] == f"{strange}.png"


def test_labels_that_differ_by_case_are_two_classes_with_a_note(tmp_path):
    scanned = scan_table(written(tmp_path, [{"path": "1.png", "label": "a"}, {"path": "2.png", "label": "A"}]))
    assert set(scanned.classes) == {"a", "A"}
    assert any("differ only by case" in note for note in scanned.notes)


def parquet(place, **columns):
    pq.write_table(pa.table(columns), place / "pets.parquet")
    return place / "pets.parquet"


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (pa.array([0, 1, None, 1], pa.int64()), ("0", "1")),
        (pa.array([0.0, 1.0, float("nan"), 1.0], pa.float32()), ("0", "1")),
        (pa.array(["cat", "dog", None, "dog"]).dictionary_encode(), ("cat", "dog")),
        (pa.array([b"cat", b"dog", None, b"dog"]), ("cat", "dog")),
        (pa.array([True, False, None, False]), ("False", "True")),
    ],
)
def test_nulls_in_parquet_are_no_labels_whatever_the_type(tmp_path, labels, classes):
    scanned = scan_table(parquet(tmp_path, path=pa.array([f"{number}.png" for number in range(4)]), label=labels))
    assert scanned.classes == classes
    assert len(scanned.files) == 3
    assert re.match(
        r"1 row of pets\.parquet without a (label|number) was left out", scanned.notes[0]
    )  # whole numbers of three images are not taken for classes


def test_nulls_of_pandas_are_no_labels(tmp_path):
    frame = pd.DataFrame({"path": ["1.png", "2.png", "3.png"], "label": pd.array([0, 1, None], "Int64")})
    assert files_of(frame).classes == ("0", "1")


def test_a_small_file_of_very_many_rows_does_not_fill_the_memory(tmp_path, monkeypatch):
    values = pa.DictionaryArray.from_arrays(pa.array(np.zeros(40_000, np.int32)), pa.array(["x" * 3000]))
    table = parquet(tmp_path, path=values, label=values)
    assert table.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(DataError, match="the label has 3,000 characters"):
        scan_table(table)
    with pytest.raises(DataError, match="no column for label"):
        scan_table(parquet(tmp_path, path=values))
    assert len(images_in(parquet(tmp_path, path=values))[1]) == 1
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    monkeypatch.setattr("automl_cnn.data.rows.MOST_ROWS", 1000)
    with pytest.raises(DataError, match="has 40,000 rows: at most 1,000 are read"):
        scan_table(table)


def test_images_in_a_table_that_take_far_more_than_it_are_refused_and_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("automl_cnn.data.unpacked.FREE", 1000)
    image = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2000, np.int32)), pa.array([b"\x89PNG" + bytes(30_000)]))
    table = parquet(tmp_path, image=image, label=pa.array(["cat", "dog"] * 1000))
    with pytest.raises(DataError, match="take more than 100 times its size"):
        scan_input(table, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_images_in_a_table_with_a_row_that_cannot_be_used_are_not_kept(tmp_path):
    table = parquet(tmp_path, image=pa.array([b"\x89PNG1", b"\x89PNG2", b"\x89PNG3"]), label=pa.array(["cat", "dog", "x" * 300]))
    for _ in range(2):
        with pytest.raises(DataError, match="Line 3 of") as caught:
            scan_input(table, cache=tmp_path / "cache")
        assert not (tmp_path / "cache").exists()
    assert caught.value.__traceback__  # it keeps the frames, and the rows that they read


def test_images_beside_a_table_of_hugging_face_are_read(tmp_path):
    rows = [{"image": {"bytes": None, "path": f"{number}.png"}, "label": number % 2} for number in range(4)]
    assert [path for path, _, _ in scan_table(written(tmp_path, rows, "parquet")).files] == ["0.png", "2.png", "1.png", "3.png"]


def test_a_named_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for read_it in (scan_table, images_in, corrections):
        with pytest.raises(DataError, match="it is a pipe, not a regular file"):
            read_it(tmp_path / "pipe.csv")


def test_columns_of_a_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="names the columns of a table"):
        scan_input(tmp_path, cache=tmp_path, columns="path=x")


def test_images_and_groups_of_a_table_become_a_data_set(tmp_path):
    rng, rows = np.random.default_rng(0), []
    (tmp_path / "photos").mkdir()
    for number in range(24):
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(tmp_path / "photos" / f"{number}.png")
        rows.append({"path": f"photos/{number}.png", "label": "even" if number % 2 == 0 else "odd", "group": f"place {number // 4}", "weight": 2})
    rows.append({"path": "photos/lost.png", "label": "odd", "group": "place 0", "weight": 2})
    dataset = dataset_of(read(scan_input(written(tmp_path, rows), cache=tmp_path), tmp_path / "cache"), tmp_path / "cache")
    assert dataset.name == "pets"
    assert [one.path for one in dataset.skipped] == ["photos/lost.png"]
    sides = {}
    for path, side in zip(dataset.paths, dataset.splits.tolist(), strict=True):
        sides.setdefault(int(path.split("/")[1].split(".")[0]) // 4, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    assert any("6 groups that stay on one side" in note for note in dataset.notes)
    assert any("'weight' was not used" in note for note in dataset.notes)


@pytest.mark.parametrize("wrap", [lambda content: content, lambda content: {"bytes": content, "path": None}])
def test_images_within_a_parquet_file_are_read(tmp_path, wrap):
    rng, rows = np.random.default_rng(0), []
    for number in range(16):
        out = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(out, "PNG")
        rows.append({"image": wrap(out.getvalue()), "label": number % 2})
    table = written(tmp_path, rows, "parquet")
    dataset = dataset_of(read(scan_input(table, cache=tmp_path / "cache"), tmp_path / "cache"), tmp_path / "cache")
    assert len(dataset) == 16
    assert dataset.classes == ("0", "1")
    assert all(path.endswith(".png") for path in dataset.paths)
    assert scan_input(table, cache=tmp_path / "cache").files == scan_input(table, cache=tmp_path / "cache").files
    rows[3]["image"] = None
    with pytest.raises(DataError, match=r"Line 4 of .* has no image"):
        scan_input(written(tmp_path, rows, "parquet"), cache=tmp_path / "cache")


def test_a_message_on_classes_of_strange_names_stays_in_one_line(tmp_path):
    rows = [{"path": f"{number}.png", "label": f"c\n{number} \x1b[2J"} for number in range(30)]
    for number in range(30):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    with pytest.raises(DataError, match=r"30 classes have too few images: 'c\\n0 \\x1b\[2J' has 1 readable image; .*; and 20 more\. For each") as caught:
        dataset_of(read(scan_table(written(tmp_path, rows, "jsonl")), tmp_path / "cache"), tmp_path / "cache")
    assert len(str(caught.value)) < 1000


def test_a_split_that_was_written_is_read_again(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(24):
        path = tmp_path / "pets" / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(path)
    shutil.copy(tmp_path / "pets" / "cat" / "1.png", tmp_path / "pets" / "dog" / "torn.png")
    cache = tmp_path / "cache"
    first = dataset_of(read(tmp_path / "pets", cache), cache, Splitting(seed=3))
    write_splits(first, tmp_path / "pets" / "split.csv")
    again = dataset_of(read(scan_input(tmp_path / "pets" / "split.csv", cache=cache), cache), cache)
    assert dict(zip(again.paths, again.splits.tolist(), strict=True)) == {
        path: split for path, split in zip(first.paths, first.splits.tolist(), strict=True) if split >= 0
    }
    assert any("2 rows of split.csv were left out" in note for note in again.notes)
