"""What every search looks at: all of the check that needs no network, in the time that there is, kept as JSON."""

import itertools
import json
import shutil

import numpy as np
import pytest
from made_photos import pets, picture
from PIL import Image

from automl_cnn.check.early import ALBUM, early
from automl_cnn.check.material import Material
from automl_cnn.check.pictures import Album, pictures_of
from automl_cnn.data import dataset_of, prepare_arrays, read
from automl_cnn.data.assemble import Splitting
from automl_cnn.errors import StoreError
from automl_cnn.problems import Case, Checked, Problem, in_order


@pytest.fixture
def folder(tmp_path):
    """Two classes of 24 photos each, an empty picture, a copy, a photo in both classes and a file that is none."""
    place = pets(tmp_path / "pets")
    Image.new("RGB", (64, 64), "gray").save(place / "dog" / "empty.png")
    shutil.copy(place / "cat" / "photo 000 of one.png", place / "cat" / "again.png")
    shutil.copy(place / "cat" / "photo 001 of one.png", place / "dog" / "wrong.png")
    (place / "dog" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return place


def material(folder, tmp_path, splitting=None, group_by=None):
    source = read(folder, tmp_path / "cache")
    return Material.of(source, dataset_of(source, tmp_path / "cache", splitting or Splitting(), group_by), group_by)


def kinds(checked):
    return [problem.kind for problem in checked.problems]


def test_it_sees_what_needs_no_network_and_says_what_does(folder, tmp_path):
    checked = early(material(folder, tmp_path), 60.0)
    assert kinds(checked) == ["conflict", "unreadable", "blank", "copies"]
    assert [reason for reason in checked.unchecked if "time" in reason] == []
    assert any(reason.startswith("labels") for reason in checked.unchecked)
    assert "dog/empty.png" in checked.pictures


def test_it_can_be_kept_and_read_again(folder, tmp_path):
    checked = early(material(folder, tmp_path), 60.0)
    checked.save(tmp_path / "check.json")
    assert Checked.load(tmp_path / "check.json") == checked
    assert Checked.load(tmp_path / "nothing.json") is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1}', "[" * 100_000])
def test_a_damaged_file_is_a_sentence(text, tmp_path):
    (tmp_path / "check.json").write_text(text)
    with pytest.raises(StoreError, match="cannot be read as a check of images"):
        Checked.load(tmp_path / "check.json")


def test_an_unknown_severity_is_damage_and_another_format_is_another_version(folder, tmp_path):
    early(material(folder, tmp_path), 60.0).save(tmp_path / "check.json")
    values = json.loads((tmp_path / "check.json").read_text())
    (tmp_path / "check.json").write_text(json.dumps({**values, "problems": [{**values["problems"][0], "severity": "fatal"}]}))
    with pytest.raises(StoreError, match="fatal"):
        Checked.load(tmp_path / "check.json")
    (tmp_path / "check.json").write_text(json.dumps({**values, "format": 0}))
    assert Checked.load(tmp_path / "check.json") is None


def test_without_time_the_files_and_classes_are_counted_and_the_rest_is_named(folder, tmp_path):
    checked = early(material(folder, tmp_path), 0.0)
    assert kinds(checked) == ["unreadable"]
    assert [reason for reason in checked.unchecked if reason.endswith("time ran out")] == [
        "sizes, shapes and formats: time ran out",
        "groups in the names: time ran out",
        "copies: time ran out",
        "brightness and sharpness of 51 images: time ran out",
    ]


def test_a_look_that_ends_early_says_how_many_images_it_missed(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (256, 16, 16, 1), np.uint8)
    dataset = prepare_arrays(images, [0, 1] * 128, tmp_path / "cache")
    clock = itertools.count()
    checked = early(Material.in_memory(dataset), 4.5, lambda: next(clock))  # one reading at the beginning, two for the steps, one for each block of 64
    assert "brightness and sharpness of 128 images: time ran out" in checked.unchecked


def test_exact_copies_in_memory_are_known_by_their_pixels(tmp_path):
    images = np.stack([np.asarray(picture(number)) for number in range(48)])
    images[1] = images[0]
    images[47] = images[2]
    dataset = prepare_arrays(images, [0] * 24 + [1] * 24, tmp_path / "cache")
    checked = early(Material.in_memory(dataset), 60.0)
    assert {"copies", "conflict"} <= set(kinds(checked))
    assert "near_copies" not in kinds(checked)
    assert "sizes, shapes and formats: the images came without files" in checked.unchecked
    assert checked.folder == ""


def test_groups_that_the_user_named_are_neither_a_problem_nor_copies(tmp_path):
    for person in range(12):
        for shot in range(4):
            path = tmp_path / "signs" / ("one" if person % 2 else "two") / f"person{person}_{shot}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(person * 100 + shot).save(path)
    assert kinds(early(material(tmp_path / "signs", tmp_path), 60.0)) == ["groups"]
    named = early(material(tmp_path / "signs", tmp_path, group_by="auto"), 60.0)
    assert kinds(named) == []
    assert any("the named groups" in reason for reason in named.unchecked)


def test_a_leak_that_was_dropped_is_none(tmp_path):
    for split, seeds in (("train", range(0, 48)), ("test", range(100, 148))):
        for number in seeds:
            path = tmp_path / "given" / split / ("cat" if number % 2 else "dog") / f"view of {number} a.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(number).save(path)
    picture(3).save(tmp_path / "given" / "test" / "cat" / "seen before.png")
    assert "leak" in kinds(early(material(tmp_path / "given", tmp_path), 60.0))
    assert "leak" not in kinds(early(material(tmp_path / "given", tmp_path, Splitting(drop_leaks=True)), 60.0))


def test_every_problem_has_a_picture_before_any_has_a_second(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    dataset = prepare_arrays(images, [0, 1] * 30, tmp_path / "cache")
    problems = [
        Problem(kind, "note", "", "", "", 20, tuple(Case(str(start + number), row=start + number) for number in range(20)))
        for kind, start in (("dark", 0), ("bright", 20), ("blank", 40))
    ]
    assert list(pictures_of(dataset, problems, Album(shown=6, others=1, side=80, most=5))) == ["0", "20", "40", "1", "21"]
    assert len(pictures_of(dataset, problems, ALBUM)) == 18


def test_the_worst_come_first_and_titles_are_made_where_none_is_known():
    made = [
        Problem(kind, severity, "", "It does nothing.", "", count)
        for kind, severity, count in (("new_kind", "note", 9), ("dark", "warning", 2), ("blank", "error", 1), ("bright", "warning", 5))
    ]
    assert [problem.kind for problem in in_order(made)] == ["blank", "bright", "dark", "new_kind"]
    assert made[0].title == "New kind"
    assert made[0].line.strip() == "The search does nothing."
