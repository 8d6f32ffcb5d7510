import os
import unicodedata

import pytest
from folders import make

from automl_cnn.data.scan import in_order, natural, scan
from automl_cnn.errors import ConfigError, DataError


def test_class_folders_in_natural_order_with_subfolders_and_odd_names(tmp_path):
    make(tmp_path, "class 10/b.JPG", "class 2/deep/er/a.webp", "class 2/x10.png", "class 2/x9.png", "ünï/ñ 1.TIFF", "class 10/notes.txt", "class 10/noend")
    scanned = scan(tmp_path)
    assert scanned.classes == ("class 2", "class 10", "ünï")
    assert scanned.files == (
        ("class 2/deep/er/a.webp", 0, None),
        ("class 2/x9.png", 0, None),
        ("class 2/x10.png", 0, None),
        ("class 10/b.JPG", 1, None),
        ("ünï/ñ 1.TIFF", 2, None),
    )
    assert scanned.notes == ("2 files are not images of a supported format and were left out: 1 with no extension, 1 .txt.",)


SUFFIXES = """jpg jpeg jpe jfif mpo png apng gif bmp dib webp tif tiff ppm pgm pbm pnm PNG Jpg JFIF"""


@pytest.mark.parametrize("suffix", SUFFIXES.split())
def test_suffixes(tmp_path, suffix):
    make(tmp_path, f"a/1.{suffix}", f"b/2.{suffix}")
    assert len(scan(tmp_path).files) == 2


def test_hidden_things_are_ignored(tmp_path):
    make(tmp_path, "a/1.png", "b/2.png", "a/.3.png", "a/._1.png", ".git/4.png", "__MACOSX/a/5.png", "b/.cache/6.png")
    assert [path for path, _, _ in scan(tmp_path).files] == ["a/1.png", "b/2.png"]


@pytest.mark.parametrize(
    ("train", "val", "test"), [("train", "val", "test"), ("Training", "VALID", "Testing"), ("TRAIN", "validation", "Test"), ("train", "dev", None)]
)
def test_split_folders(tmp_path, train, val, test):
    for folder in filter(None, (train, val, test)):
        make(tmp_path, f"{folder}/cat/1.png", f"{folder}/dog/1.png")
    scanned = scan(tmp_path)
    assert scanned.classes == ("cat", "dog")
    assert (f"{val}/dog/1.png", 1, "val") in scanned.files
    assert {split for _, _, split in scanned.files} == {"train", "val"} | ({"test"} if test else set())


def test_a_class_named_train_is_a_class(tmp_path):
    make(tmp_path, "train/1.png", "bus/1.png")
    assert scan(tmp_path).classes == ("bus", "train")
    make(tmp_path / "more", "train/steam/1.png", "bus/1.png")
    scanned = scan(tmp_path / "more")
    assert scanned.classes == ("bus", "train")
    assert "taken for a class" in scanned.notes[0]


def test_notes_tell_what_was_left_out(tmp_path):
    make(tmp_path, "a/1.png", "b/2.png", "empty/", "text only/x.txt", "stray.png")
    notes = " ".join(scan(tmp_path).notes)
    assert "empty, text only" in notes
    assert "stray.png" in notes


def test_links_are_followed_dead_ones_named_and_loops_end(tmp_path):
    make(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "c").symlink_to(make(tmp_path / ".elsewhere", "3.png"))
    scanned = scan(tmp_path)
    assert [path for path, _, _ in scanned.files] == ["a/1.png", "b/2.png", "c/3.png"]
    assert scanned.refused == (("a/gone.png", "the link leads nowhere"),)


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ((), "no images and no subfolders"),
        (("a/", "b/"), "no images in its 2 subfolders"),
        (("1.png", "2.png"), r"one folder per class.* one of the classes, pass the folder above it\."),
        (("a/1.png",), "single class, 'a'"),
        (("a/1.png", "b/"), "These are empty: b"),
        (("images/cat/1.png", "images/dog/1.png"), r"cat, dog: if these are the classes, pass .*images"),
        (("all/photos/sorted/cat/1.png", "all/photos/sorted/dog/1.png"), r"cat, dog: if these are the classes, pass .*all/photos/sorted\."),
        (("all/photos/1.png",), r"single class, 'all'.* Add images of a second class"),
        (("Cat/1.png", "cat/2.png"), "'Cat' and 'cat' .* differ only by case"),
        (("train/Cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dog/1.png"), "differ only by case"),
        (("train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dgo/1.png"), "train has no images of dgo; val has no images of dog"),
        (("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/"), "test has no images of dog"),
    ],
)
def test_layouts_that_cannot_be_used(tmp_path, paths, reason):
    with pytest.raises(DataError, match=reason):
        scan(make(tmp_path, *paths))


def test_two_spellings_of_one_accent(tmp_path):
    names = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    make(tmp_path, *(f"{name}/1.png" for name in names))
    if len(os.listdir(tmp_path)) < 2:
        pytest.skip("this file system does not tell the two apart")
    with pytest.raises(DataError, match="accents"):
        scan(tmp_path)


def test_missing_path_and_file(tmp_path):
    with pytest.raises(DataError, match=r"There is no folder .*nowhere"):
        scan(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a file"):
        scan(make(tmp_path, "x.zip") / "x.zip")


def test_a_missing_folder_names_its_nearest_neighbor(tmp_path):
    make(tmp_path, "images/cat/1.png", ".imagex/cat/1.png", "notes/")
    with pytest.raises(DataError) as caught:
        scan(tmp_path / "imagez")
    assert f"Did you mean {tmp_path / 'images'}?" in str(caught.value)
    with pytest.raises(DataError) as caught:
        scan(tmp_path / "photos")
    assert "Did you mean" not in str(caught.value)


def test_unreadable_folder(tmp_path, monkeypatch):
    make(tmp_path, "a/1.png", "b/2.png")
    honest = os.scandir

    def scandir(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return honest(path)

    monkeypatch.setattr(os, "scandir", scandir)  # a chmod would not stop root
    with pytest.raises(DataError, match=r"b cannot be read: Permission denied\. Check"):
        scan(tmp_path)


def test_natural_order():
    assert sorted(["a10", "A9", "b", "10", "9", "a²"], key=natural) == ["9", "10", "A9", "a10", "a²", "b"]


def test_classes_from_the_lowest_to_the_highest(tmp_path):
    make(tmp_path, "high/1.png", "low/2.png", "low/3.png", "medium/4.png")
    files = in_order(scan(tmp_path), ("low", "medium", "high"))
    assert files.classes == ("low", "medium", "high")
    assert files.files == (("low/2.png", 0, None), ("low/3.png", 0, None), ("medium/4.png", 1, None), ("high/1.png", 2, None))
    assert files.ordered


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("low", "high"), "it lacks 'medium'"),
        (("low", "medium", "high", "top"), "there is no class 'top'"),
        (("low", "medium", "high", "low"), "a class comes twice"),
    ],
)
def test_an_order_that_is_not_that_of_the_classes_is_refused(tmp_path, given, why):
    make(tmp_path, "high/1.png", "low/2.png", "medium/4.png")
    with pytest.raises(ConfigError, match=f"--ordered {','.join(given)}: {why}. Expected every class once, from the lowest to the highest"):
        in_order(scan(tmp_path), given)
