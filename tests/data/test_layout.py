"""Which folders are classes, which are splits, and which hold images without labels."""

from __future__ import annotations

import pytest
from folders import make

from automl_cnn.data.roles import Part, part_of
from automl_cnn.data.scan import scan
from automl_cnn.errors import DataError

TRAIN = ("train/cat/1.png", "train/dog/1.png")
CLASSES = ("cat/1.png", "dog/1.png")


def splits(scanned):
    return {split for _, _, split in scanned.files}


@pytest.mark.parametrize(
    "test",
    [
        ("test/1.png", "test/2.png"),
        ("TEST/1.png",),
        ("test/images/1.png",),
        ("test/unknown/1.png",),
        ("test/all/1.png", "test/0.png"),
        ("test/test/1.png",),
        ("test1/1.png",),
        ("test_images/1.png",),
        ("testset/1.png",),
        ("unlabeled/1.png",),
        ("unlabelled/1.png",),
        ("predict/1.png",),
        ("submission/a/1.png", "submission/b/1.png"),
        ("val/1.png",),
        ("seg_pred/seg_pred/1.png",),
    ],
)
def test_images_without_labels_beside_train_are_left_out_with_one_line(tmp_path, test):
    scanned = scan(make(tmp_path, *TRAIN, *test))
    assert scanned.classes == ("cat", "dog")
    assert splits(scanned) == {"train"}
    (note,) = scanned.notes
    name = test[0].split("/")[0]
    assert f"in '{name}'" in note
    assert f"automl-cnn predict MODEL {tmp_path / name}" in note


@pytest.mark.parametrize("test", [("test/1.png",), ("Test/images/1.png",), ("test/a/1.png", "test/b/1.png"), ("unlabelled_data/1.png",), ("validation/1.png",)])
def test_images_without_labels_beside_classes_are_no_class(tmp_path, test):
    scanned = scan(make(tmp_path, *CLASSES, *test))
    assert scanned.classes == ("cat", "dog")
    assert splits(scanned) == {None}
    assert len(scanned.notes) == 1
    assert "left out" in scanned.notes[0]


def test_a_command_line_in_a_note_can_be_copied(tmp_path):
    scanned = scan(make(tmp_path / "my photos", *TRAIN, "test/1.png"))
    assert f"predict MODEL '{tmp_path / 'my photos' / 'test'}'" in scanned.notes[0]


def test_a_test_folder_with_the_same_classes_is_a_split_even_beside_the_classes(tmp_path):
    scanned = scan(make(tmp_path, *CLASSES, "test/cat/2.png", "test/dog/2.png"))
    assert scanned.classes == ("cat", "dog")
    assert splits(scanned) == {"train", "test"}
    assert any("'test'" in note for note in scanned.notes)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("training_set/cat/1.png", "training_set/dog/1.png", "test_set/cat/2.png", "test_set/dog/2.png"), {"train", "test"}),
        (("seg_train/seg_train/cat/1.png", "seg_train/seg_train/dog/1.png", "seg_test/seg_test/cat/2.png", "seg_test/seg_test/dog/2.png"), {"train", "test"}),
        (("train/images/cat/1.png", "train/images/dog/1.png", "valid/images/cat/2.png", "valid/images/dog/2.png"), {"train", "val"}),
        ((*TRAIN, "train/stray.png", "test/cat/2.png", "test/dog/2.png"), {"train", "test"}),
        ((*TRAIN, "eval/cat/1.png", "eval/dog/1.png"), {"train", "val"}),
        ((*TRAIN, "docs/1.png", "test/cat/2.png", "test/dog/2.png"), {"train", "test"}),
        ((*TRAIN, "docs/1.png"), {"train"}),
        ((*TRAIN, "extra/cat/1.png"), {"train"}),
        (TRAIN, {"train"}),
    ],
)
def test_splits_by_other_names_and_with_other_things_beside_them(tmp_path, paths, expected):
    scanned = scan(make(tmp_path, *paths))
    assert scanned.classes == ("cat", "dog")
    assert splits(scanned) == expected
    if any(not path.startswith(("train/cat", "train/dog", "test/", "valid/")) for path in paths):
        assert scanned.notes


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        (("train/1.png", "test/2.png"), r"'test' and 'train' .* hold images directly, without class folders"),
        (("train/1.png", "val/2.png", "test/3.png"), "without class folders"),
        (("my_train/1.png", "my_test/2.png"), "without class folders"),
        (("val/cat/1.png", "val/dog/1.png", "test/cat/1.png", "test/dog/1.png"), "no training folder"),
        (("train/1.png", "test/cat/1.png", "test/dog/1.png"), "a training folder without class folders"),
        (("OK/1.png", "test/1.png"), "single class, 'OK'.* 'test' was taken for images without labels"),
        (("test/cat/1.png", "test/dog/1.png"), r"single class, 'test'.*cat, dog: if these are the classes, pass .*test"),
        ((*TRAIN, "test/cats/1.png", "test/dogs/1.png"), "train has no images of cats, dogs; test has no images of cat, dog"),
        ((*TRAIN, "val/cat/1.png"), "val has no images of dog"),
        (("A/1.png", "a/1.png", "B/1.png", "b/1.png"), r"'A' and 'a', 'B' and 'b' .* differ only by case"),
    ],
)
def test_splits_that_cannot_be_used_are_an_error_not_classes(tmp_path, paths, reason):
    with pytest.raises(DataError, match=reason):
        scan(make(tmp_path, *paths))


@pytest.mark.parametrize(
    ("paths", "classes"),
    [
        (("bus/1.png", "train/1.png"), ("bus", "train")),
        (("invalid/1.png", "valid/1.png"), ("invalid", "valid")),
        (("alpha/x/1.png", "alpha/y/1.png", "beta/x/1.png", "beta/y/1.png", "test/x/1.png", "test/y/1.png"), ("alpha", "beta", "test")),
        (("bus/a/1.png", "car/1.png", "train/steam/1.png", "train/tram/1.png"), ("bus", "car", "train")),
    ],
)
def test_a_class_with_the_name_of_a_split_is_a_class_and_a_line_says_so(tmp_path, paths, classes):
    scanned = scan(make(tmp_path, *paths))
    assert scanned.classes == classes
    assert any("was taken for a class" in note for note in scanned.notes)


def test_names_that_only_hold_such_a_word_are_classes_without_a_line(tmp_path):
    scanned = scan(make(tmp_path, "test tube/1.png", "flask/1.png", "train station/1.png"))
    assert scanned.classes == ("flask", "test tube", "train station")
    assert scanned.notes == ()


def test_groups_with_the_same_folders_are_classes_with_a_line(tmp_path):
    scanned = scan(make(tmp_path, "day/cat/1.png", "day/dog/1.png", "night/cat/1.png", "night/dog/1.png"))
    assert scanned.classes == ("day", "night")
    assert "cat, dog" in scanned.notes[0]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Test", Part("test", True)),
        ("test_images_2", Part("test", True)),
        ("validationset", Part("val", True)),
        ("unlabelled test", Part("unlabelled", True)),
        ("test tube", Part("test", False)),
        ("train_val", None),
        ("latest", None),
        ("12", None),
    ],
)
def test_what_a_name_suggests(name, part):
    assert part_of(name) == part
