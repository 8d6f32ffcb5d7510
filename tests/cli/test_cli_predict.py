"""`automl-cnn predict` with paths from a pipe, and with what `export` wrote."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from automl_cnn.cli import predict
from automl_cnn.cli.given import Given
from automl_cnn.errors import DataError
from automl_cnn.paths import shortened
from automl_cnn.tasks import Multiclass, Multilabel, Regression, Target, Task
from automl_cnn.tasks.conformal import Widths


class Classifier:
    classes = ("cat", "dog")
    task: Task = Multiclass(2)

    def __init__(self) -> None:
        self.asked: list[int] = []

    def answers(self, paths):
        self.asked.append(len(paths))
        for path in paths:
            if "bad" in path.name:
                raise DataError(f"{path} cannot be used: it is truncated")
        return np.array([[0.75, 0.25] if path.name.startswith("c") else [0.1, 0.9] for path in paths])


@pytest.fixture
def classifier(monkeypatch):
    made = Classifier()
    monkeypatch.setattr(predict, "classifier_of", lambda model, store, trust=False: made)
    return made


def run(*arguments: object, given: str = ""):
    from automl_cnn.cli import app

    return CliRunner().invoke(app, ["predict", *map(str, arguments)], input=given)


def names(output: str) -> list[str]:
    return [Path(row["path"]).name for row in csv.DictReader(io.StringIO(output))]


def test_paths_come_from_standard_input_in_batches(classifier):
    given = "".join(f"c{number}.jpg\n" for number in range(5)) + "\n  \nphoto with spaces.jpg\r\n"
    done = run("m", "-", "--batch", 2, given=given)
    assert done.exit_code == 0, done.output
    assert names(done.stdout) == ["c0.jpg", "c1.jpg", "c2.jpg", "c3.jpg", "c4.jpg", "photo with spaces.jpg"]
    assert classifier.asked == [2, 2, 2]


def test_a_batch_of_one_answers_line_by_line(classifier):
    run("m", "-", "--batch", 1, given="c1.jpg\nc2.jpg\n")
    assert classifier.asked == [1, 1]


def test_an_empty_pipe_is_an_error(classifier):
    done = run("m", "-", given="\n")
    assert done.exit_code == 2
    assert "No path came on standard input" in done.stderr


def test_the_bad_ones_are_found_by_halving(classifier, tmp_path):
    for number in range(64):
        (tmp_path / f"{'bad' if number == 40 else 'c'}{number:02d}.jpg").write_bytes(b"")
    done = run("m", tmp_path)
    assert len(names(done.stdout)) == 63
    assert done.stderr.count("left out") == 1
    assert len(classifier.asked) == 13  # 64, then 32, 32, 16, 16 ... 1, 1


def test_order_and_chunks_do_not_depend_on_what_is_bad(classifier, tmp_path):
    for name in ("a.jpg", "bad1.jpg", "bad2.jpg", "c.jpg", "d.jpg"):
        (tmp_path / name).write_bytes(b"")
    done = run("m", tmp_path, "--batch", 1)
    assert names(done.stdout) == ["a.jpg", "c.jpg", "d.jpg"]


def test_what_export_wrote_is_run_without_keras(monkeypatch, tmp_path):
    from automl_cnn.export import deployed

    monkeypatch.setattr(deployed, "load", lambda path, trust=False: ("deployed", path))
    monkeypatch.setattr("automl_cnn.cli.backend.require", lambda: pytest.fail("no backend is needed"))
    (tmp_path / "model.onnx").write_bytes(b"")
    assert predict.classifier_of(str(tmp_path / "model.onnx"), tmp_path) == ("deployed", tmp_path / "model.onnx")


def test_links_are_followed_as_search_does(classifier, tmp_path):
    """Folders and files that are links, a dead link, and a link to the folder above: predict sees what search sees."""
    from automl_cnn.data import scan

    pool, data = tmp_path / "pool", tmp_path / "data"
    for folder in (pool / "c", data / "dog"):
        folder.mkdir(parents=True)
    for number in range(3):
        (pool / "c" / f"c{number}.jfif").write_bytes(b"")
        (data / "dog" / f"d{number}.png").symlink_to(pool / "c" / f"c{number}.jfif")
    (data / "cat").symlink_to("../pool/c")
    (data / "dog" / "dead.png").symlink_to("gone")
    (data / "dog" / "up").symlink_to("..")
    done = run("m", data)
    assert names(done.stdout) == [Path(path).name for path, _, _ in scan(data).files]
    assert len(names(done.stdout)) == 6
    assert "dead.png: the link leads nowhere" in done.stderr
    assert "6 of the 6 images in folders named after a class" in done.stderr


def test_what_a_folder_holds_besides_images_is_counted(classifier, tmp_path):
    for name in ("c.png", "IMG_1.HEIC", "IMG_2.heic"):
        (tmp_path / name).write_bytes(b"")
    assert "2 files are not images of a supported format and were left out: 2 .heic (convert" in run("m", tmp_path).stderr


def test_an_image_deeper_in_a_class_folder_is_of_that_class(classifier, tmp_path):
    (tmp_path / "cat" / "night").mkdir(parents=True)
    (tmp_path / "cat" / "night" / "c.png").write_bytes(b"")
    assert "1 of the 1 image in folders" in run("m", tmp_path).stderr
    assert "1 of the 1 image in folders" in run("m", tmp_path / "cat").stderr


def test_a_named_pipe_is_never_opened(classifier, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "c.png").write_bytes(b"")
    done = run("m", tmp_path / "pipe.png")
    assert done.exit_code == 2
    assert "it is a FIFO" in done.stderr
    done = run("m", "-", given=f"{tmp_path / 'pipe.png'}\n{tmp_path / 'c.png'}\n")
    assert names(done.stdout) == ["c.png"]
    assert "it is a FIFO" in done.stderr


@pytest.mark.parametrize("path", ["x" * 5000, "loop", "gone.png"])
def test_a_path_that_cannot_be_used_is_one_sentence(classifier, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    done = run("m", path)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert "Expected an image, a folder or an archive of images, or a table" in done.stderr
    assert len(done.stderr) < 600


def test_a_nul_within_a_path_is_one_sentence(classifier, tmp_path):
    with pytest.raises(DataError, match="NUL"):
        predict.find(Given((Path("a\0b"),)), tmp_path)
    (tmp_path / "c.png").write_bytes(b"")
    done = run("m", "-", given=f"a\0b\n{tmp_path / 'c.png'}\n")
    assert names(done.stdout) == ["c.png"]
    assert "NUL" in done.stderr


def test_the_largest_image_can_be_set(classifier, monkeypatch, tmp_path):
    from automl_cnn.data import guard

    monkeypatch.setenv(guard.VARIABLE, "1M")  # put back in the end
    (tmp_path / "c.png").touch()
    assert run("m", tmp_path / "c.png", "--max-pixels", "100M").exit_code == 0
    assert guard.limit() == 100_000_000
    done = run("m", tmp_path / "c.png", "--max-pixels", "many")
    assert done.exit_code != 0
    assert "--max-pixels" in done.output


def test_a_table_names_images_and_their_labels(classifier, tmp_path):
    for name in ("c1.jpg", "d2.jpg", "d3.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "new.csv").write_text("file,species\nc1.jpg,cat\nd2.jpg,\nd3.jpg,cat\n")
    done = run("m", tmp_path / "new.csv", "--columns", "label=species")
    assert names(done.stdout) == ["c1.jpg", "d2.jpg", "d3.jpg"]
    assert "accuracy 0.500: 1 of the 2 images with a label" in done.stderr
    (tmp_path / "paths.csv").write_text("path\nc1.jpg\n")
    assert names(run("m", tmp_path / "paths.csv", tmp_path / "d2.jpg").stdout) == ["c1.jpg", "d2.jpg"]


@pytest.fixture
def labels(classifier, monkeypatch):
    """The same, of labels: c.jpg is a cat at 0.75, every other image a dog; a dog counts from 0.2 on."""
    monkeypatch.setattr(classifier, "task", Multilabel(2, (0.5, 0.2)), raising=False)
    return classifier


def test_labels_are_joined_and_the_confidence_is_that_of_the_least_sure_decision(labels, tmp_path):
    (tmp_path / "c1.jpg").touch()
    (tmp_path / "d1.jpg").touch()
    labels.task = Multilabel(2, (0.5, 0.95))
    assert run("m", tmp_path / "c1.jpg", tmp_path / "d1.jpg").stdout.splitlines() == [
        "path,labels,confidence,cat,dog",
        f"{tmp_path}/c1.jpg,cat,0.7500,0.7500,0.2500",
        f"{tmp_path}/d1.jpg,,0.1000,0.1000,0.9000",
    ]
    labels.task = Multilabel(2, (0.5, 0.2))
    assert run("m", tmp_path / "c1.jpg").stdout.splitlines()[1] == f"{tmp_path}/c1.jpg,cat|dog,0.2500,0.7500,0.2500"


def test_of_a_table_with_labels_the_score_is_told(labels, tmp_path):
    for name in ("c1.jpg", "c2.jpg", "d3.jpg", "d4.jpg", "d5.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "new.csv").write_text("path,label\nc1.jpg,cat|dog\nc2.jpg,dog|\nd3.jpg,dog\nd4.jpg,\nd5.jpg,dog|owl\n")
    words = run("m", tmp_path / "new.csv").stderr
    assert "mean average precision 0.750, subset accuracy 0.500: 2 of the 4 images with a label" in words  # cat: 1 of 2; dog: all of 3
    (tmp_path / "flags.csv").write_text("path,cat,dog\nc1.jpg,1,1\nd3.jpg,0,0\nd4.jpg,,\n")
    assert "subset accuracy 0.500: 1 of the 2 images with a label" in run("m", tmp_path / "flags.csv").stderr


def test_a_folder_named_after_a_label_does_not_say_that_no_other_applies(labels, tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "c1.jpg").touch()
    assert "accuracy" not in run("m", tmp_path).stderr


def archive(place: Path, name: str = "pets.zip", **files: bytes) -> Path:
    content = {"top/cat/c1.png": b"", "top/cat/bad.png": b"", "top/dog/c2.png": b"", "top/README": b"", **files}
    with zipfile.ZipFile(place / name, "w") as out:
        for path, data in content.items():
            out.writestr(path, data)
    return place / name


def paths(output: str) -> list[str]:
    return [row["path"] for row in csv.DictReader(io.StringIO(output))]


def test_an_archive_is_searched_and_its_images_have_the_names_that_they_have_there(classifier, tmp_path):
    temporary = set(Path(tempfile.gettempdir()).glob("automl-cnn-*"))
    done = run("m", archive(tmp_path), "--store", tmp_path / "store")
    assert done.exit_code == 0, done.output
    assert paths(done.stdout) == ["top/cat/c1.png", "top/dog/c2.png"]
    assert "left out top/cat/bad.png: top/cat/bad.png cannot be used" in done.stderr or "left out top/cat/bad.png cannot be used" in done.stderr
    assert "1 file is not an image of a supported format and was left out: 1 with no extension" in done.stderr
    assert "accuracy 0.500: 1 of the 2 images in folders named after a class" in done.stderr
    assert not (tmp_path / "store").exists()
    assert set(Path(tempfile.gettempdir()).glob("automl-cnn-*")) == temporary


def test_an_archive_is_unpacked_once_where_there_is_a_store(classifier, tmp_path):
    (tmp_path / "store").mkdir()
    given = archive(tmp_path)  # once: a zip keeps the time at which it was written
    for _ in range(2):
        assert paths(run("m", given, "--store", tmp_path / "store").stdout) == ["top/cat/c1.png", "top/dog/c2.png"]
    assert len(list((tmp_path / "store" / "cache" / "unpacked").iterdir())) == 1


def test_the_same_names_in_two_archives_are_told_apart(classifier, tmp_path):
    other = archive(tmp_path, "more.zip", more=b"")
    assert paths(run("m", archive(tmp_path), other).stdout) == [
        f"{tmp_path}/{name}.zip/top/{one}" for name in ("pets", "more") for one in ("cat/c1.png", "dog/c2.png")
    ]


@pytest.mark.parametrize("place", ["folder", "pets.zip"])
def test_a_table_that_describes_a_folder_has_its_labels(classifier, tmp_path, place):
    table = b"file_name,label\nc1.png,cat\nc2.png,dog\nd3.png,\n"
    (tmp_path / "folder").mkdir()
    for name, content in {"c1.png": b"", "c2.png": b"", "d3.png": b"", "metadata.csv": table}.items():
        (tmp_path / "folder" / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as out:
        for path in (tmp_path / "folder").iterdir():
            out.write(path, path.name)
    done = run("m", tmp_path / place)
    assert names(done.stdout) == ["c1.png", "c2.png", "d3.png"]
    assert "accuracy 0.500: 1 of the 2 images with a label" in done.stderr


def test_images_within_a_table_are_predicted(classifier, tmp_path):
    pq.write_table(pa.table({"image": pa.array([b"\x89PNG1", b"\x89PNG2"]), "label": ["dog", None]}), tmp_path / "pets.parquet")
    done = run("m", tmp_path / "pets.parquet")
    assert paths(done.stdout) == ["00000001.png", "00000002.png"]
    assert "accuracy 1.000: 1 of the 1 image with a label" in done.stderr


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "top/link.png"])
def test_a_hostile_archive_is_refused(classifier, tmp_path, name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16 if "link" in name else 0
    with zipfile.ZipFile(archive(tmp_path), "a") as out:
        out.writestr(info, "/etc/passwd")
    done = run("m", tmp_path / "pets.zip")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert "Nothing was kept" in done.stderr
    assert done.stdout == ""


def test_a_pipe_that_is_named_like_an_archive_or_a_table_is_never_opened(classifier, tmp_path):
    for name in ("pipe.zip", "pipe.csv", "pipe.parquet"):
        os.mkfifo(tmp_path / name)
        assert "it is a FIFO" in run("m", tmp_path / name).stderr


@pytest.mark.parametrize(
    ("arguments", "words"), [(("none.csv",), "There is no file or folder none.csv"), (("c.jpg", "--columns", "path=x"), "there is none among the paths")]
)
def test_a_table_that_cannot_be_used_is_one_sentence(classifier, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.jpg").touch()
    done = run("m", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr


@pytest.fixture
def new(memory):
    """Images at memory://new: in folders named after classes, and a table of them."""
    for path in ("cat/c1.png", "dog/d1.png", "cat/bad.png", "notes.txt"):
        memory.pipe_file(f"/new/{path}", b"x")
    memory.pipe_file("/new/all.csv", b"path,label\ncat/c1.png,cat\nmemory://new/dog/d1.png,cat\n")


@pytest.mark.parametrize(
    ("given", "shown", "words"),
    [
        (
            "memory://new",
            ["memory://new/cat/c1.png", "memory://new/dog/d1.png"],
            ["2 of the 2 images in folders", "left out memory://new/cat/bad.png cannot", "1 .txt"],
        ),
        ("memory://new/all.csv", ["memory://new/cat/c1.png", "memory://new/dog/d1.png"], ["1 of the 2 images with a label"]),
        ("memory://new/cat/c1.png", ["memory://new/cat/c1.png"], ["1 of the 1 image in folders"]),
    ],
)
def test_images_at_a_url_stand_under_their_urls(classifier, new, tmp_path, given, shown, words):
    done = run("m", given, "--store", tmp_path / "runs")
    assert done.exit_code == 0, done.output
    assert [row["path"] for row in csv.DictReader(io.StringIO(done.stdout))] == shown
    for word in words:
        assert word in done.stderr
    assert str(tmp_path) not in done.output


def test_an_archive_at_a_url_is_searched_and_its_images_stand_after_its_url(classifier, memory, tmp_path):
    memory.pipe_file("/new/pets.zip", archive(tmp_path).read_bytes())
    for given in (["memory://new/pets.zip"], ["memory://new/pets.zip", tmp_path / "c9.png"]):
        (tmp_path / "c9.png").write_bytes(b"")
        done = run("m", *given, "--store", tmp_path / "runs")
        assert done.exit_code == 0, done.output
        assert paths(done.stdout)[:2] == ["memory://new/pets.zip/top/cat/c1.png", "memory://new/pets.zip/top/dog/c2.png"]
        assert "left out memory://new/pets.zip/top/cat/bad.png cannot be used" in done.stderr
        assert "1 with no extension" in done.stderr
        assert "accuracy 0.500: 1 of the 2 images in folders named after a class" in done.stderr
        assert str(tmp_path / "runs") not in done.output
    assert len([place for place in (tmp_path / "runs" / "cache" / "unpacked").iterdir() if not place.name.startswith(".")]) == 2, "the copy and its files"


def test_tables_with_images_inside_and_folders_with_metadata_are_read_at_urls_too(classifier, memory, tmp_path):
    pq.write_table(pa.table({"image": pa.array([b"\x89PNG1", b"\x89PNG2"]), "label": ["dog", None]}), tmp_path / "pets.parquet")
    memory.pipe_file("/new/pets.parquet", (tmp_path / "pets.parquet").read_bytes())
    done = run("m", "memory://new/pets.parquet", "--store", tmp_path / "runs")
    assert paths(done.stdout) == ["memory://new/pets.parquet/00000001.png", "memory://new/pets.parquet/00000002.png"]
    assert "accuracy 1.000: 1 of the 1 image with a label" in done.stderr
    for name in ("c1.png", "d2.png", "c3.png"):
        memory.pipe_file(f"/flat/{name}", b"")
    memory.pipe_file("/flat/metadata.csv", b"file_name,label\nmemory://flat/c1.png,cat\nd2.png,cat\nc3.png,\n")
    done = run("m", "memory://flat", "--store", tmp_path / "runs")
    assert paths(done.stdout) == ["memory://flat/c1.png", "memory://flat/c3.png", "memory://flat/d2.png"]
    assert "accuracy 0.500: 1 of the 2 images with a label" in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("pets.zip", b"PK\3\4 cut", "memory://new/pets.zip cannot be unpacked"),
        ("all.csv", b"path\nc1.png\n../c2.png\n", "Line 3 of memory://new/all.csv: '../c2.png' leads out of the folder memory://new."),
        ("all.csv", b'path,label\n"c1.png,cat\n', "The table memory://new/all.csv cannot be read: unexpected end of data, in line 2"),
        ("all.parquet", b"PAR1", "The table memory://new/all.parquet cannot be read as Parquet"),
    ],
)
def test_what_is_wrong_with_an_archive_or_a_table_at_a_url_names_the_url(classifier, memory, tmp_path, name, content, words):
    memory.pipe_file(f"/new/{name}", content)
    done = run("m", f"memory://new/{name}", "--store", tmp_path / "runs")
    assert done.exit_code == 2
    assert words in done.stderr.replace("\n", " ")
    assert str(tmp_path) not in done.output


def test_a_long_name_in_a_message_has_its_url(classifier, memory, tmp_path, monkeypatch):
    def refuse(images):
        raise DataError(f"{shortened(images[0])} is no image")

    memory.pipe_file(f"/new/{'x' * 100}/{'y' * 100}/1.png", b"")
    monkeypatch.setattr(classifier, "answers", refuse)
    done = run("m", "memory://new", "--store", tmp_path / "runs")
    assert f"left out memory://new/{'x' * 100}/yyy" in done.stderr
    assert "characters) is no image" in done.stderr
    assert str(tmp_path) not in done.output


def test_a_url_without_images_leaves_no_store(classifier, memory, tmp_path):
    done = run("m", "memory://old", "--store", tmp_path / "runs")
    assert done.exit_code == 2
    assert "There is no folder or file memory://old" in done.stderr
    assert not (tmp_path / "runs").exists()


AGE = Regression(1, (Target("age", "years", 40.0, 20.0),), Widths((4.0,)))


def test_numbers_have_columns_of_their_own_and_no_confidence(classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "task", AGE)
    monkeypatch.setattr(classifier, "answers", lambda paths: np.array([[30.04]] * len(paths)))
    (tmp_path / "a.png").write_bytes(b"")
    done = run("m", tmp_path / "a.png")
    assert done.stdout.splitlines() == ["path,age (years),age low,age high", f"{tmp_path / 'a.png'},30.0,26.0,34.0"]
    monkeypatch.setattr(classifier, "task", dataclasses.replace(AGE, widths=None))
    assert run("m", tmp_path / "a.png").stdout.splitlines()[0] == "path,age (years)"


def test_true_numbers_come_from_a_table_or_from_folders(classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "task", AGE)
    monkeypatch.setattr(classifier, "classes", ("age",))
    monkeypatch.setattr(classifier, "answers", lambda paths: np.array([[30.0]] * len(paths)))
    for name in ("29", "39.0", "unsorted"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "a.png").write_bytes(b"")
    done = run("m", tmp_path / "photos")
    assert "2 images in folders named after a number:\nage: RMSE 6.4 years, MAE 5.0 years, R² -0.640; 50.0% of the true values" in done.stderr
    done = run("m", tmp_path / "photos" / "29")
    assert "age: RMSE 1.0 years, MAE 1.0 years; 100.0% of the true values lie within the 90% interval" in done.stderr, "one image says nothing of R²"
    (tmp_path / "t.csv").write_text("path,label\nphotos/29/a.png,31\nphotos/39.0/a.png,old\n")
    done = run("m", tmp_path / "t.csv")
    assert "1 image whose numbers are known:\nage: RMSE 1.0 years" in done.stderr
    assert "1 image not compared: the label is not a number." in done.stderr
