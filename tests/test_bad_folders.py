"""Each bad thing a folder may hold has its clear outcome at the command line: exit code 2 and a sentence, or a note and a search that goes on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import prepare


def photos(folder: Path, count: int = 6, seed: int = 0) -> Path:
    rng = np.random.default_rng([seed, len(str(folder))])
    folder.mkdir(parents=True)
    for index in range(count):
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(folder / f"{index}.jpg")
    return folder


@pytest.fixture
def pets(tmp_path) -> Path:
    photos(tmp_path / "pets" / "cats", seed=1)
    photos(tmp_path / "pets" / "dogs", seed=2)
    return tmp_path / "pets"


def one_image_class(pets):
    photos(pets / "newts", 1)


def differing_by_case(pets):
    photos(pets / "Cats", seed=3)


def no_class_folders(pets):
    for name in ("cats", "dogs"):
        shutil.move(pets / name / "0.jpg", pets / f"{name}.jpg")
        shutil.rmtree(pets / name)


def missing_path(pets):
    shutil.rmtree(pets)


def splits_that_differ(pets):
    for split in ("train", "val"):
        (pets / split).mkdir()
    shutil.move(pets / "cats", pets / "train" / "cats")
    shutil.move(pets / "dogs", pets / "train" / "dogs")
    photos(pets / "val" / "cats")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (one_image_class, ["newts", "1 "]),
        (differing_by_case, ["Cats", "cats", "case"]),
        (no_class_folders, ["one", "folder", "per class"]),
        (missing_path, ["There is no folder"]),
        (splits_that_differ, ["dogs", "val"]),
    ],
)
def test_a_folder_that_cannot_be_used_is_an_error_with_a_sentence(pets, tmp_path, monkeypatch, capsys, spoil, words):
    from automl_cnn.cli import main

    spoil(pets)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["automl-cnn", "search", "--data", str(pets)])
    with pytest.raises(SystemExit) as end:
        main()
    message = capsys.readouterr().err
    assert end.value.code == 2
    assert message.startswith("error: ")
    assert "Traceback" not in message
    assert all(word in " ".join(message.split()) for word in words), message


def test_bad_files_are_listed_with_their_reason_and_set_aside(pets, tmp_path):
    cats = pets / "cats"
    (cats / "text.jpg").write_text("this is no picture")
    (cats / "empty.png").write_bytes(b"")
    (cats / "cut.jpg").write_bytes((cats / "0.jpg").read_bytes()[:400])
    Image.new("RGB", (1, 1)).save(cats / "dot.png")
    Image.new("1", (20_000, 20_000)).save(cats / "bomb.png")
    (pets / "empty class").mkdir()
    dataset = prepare(pets, tmp_path / "cache")
    reasons = {Path(skipped.path).name: skipped.reason for skipped in dataset.skipped}
    assert set(reasons) == {"text.jpg", "empty.png", "cut.jpg", "dot.png", "bomb.png"}
    assert "0 bytes" in reasons["empty.png"]
    assert "too small" in reasons["dot.png"]
    assert "too large" in reasons["bomb.png"]
    assert "not a JPEG" in reasons["text.jpg"]
    assert dataset.classes == ("cats", "dogs")
    assert len(dataset.labels) == 12
    assert any("empty class" in note for note in dataset.notes)
