"""The check of images with several labels, without a network."""

import csv
import re
import shutil

import numpy as np
import pytest
from made_photos import picture
from PIL import Image
from typer.testing import CliRunner

from automl_cnn import registry
from automl_cnn.check import check, fixes, page
from automl_cnn.check.early import early
from automl_cnn.check.material import Material
from automl_cnn.cli import app
from automl_cnn.config import StudyConfig
from automl_cnn.data import dataset_of, read
from automl_cnn.data.corrections import corrected
from automl_cnn.data.corrections import read as read_list
from automl_cnn.data.inputs import scan_input
from automl_cnn.study.notes import on_images

LABELS = ("cat|dog", "cat", "cat|night", "|")


@pytest.fixture
def table(tmp_path):
    """48 photos, of which 36 have the label cat, 12 dog and 12 night, and 12 have none."""
    rows = []
    for number in range(48):
        picture(number).save(tmp_path / f"{number}.png")
        rows.append([f"{number}.png", LABELS[number % 4]])
    return written(tmp_path / "labels.csv", rows)


def written(place, rows):
    with place.open("w", newline="") as out:
        csv.writer(out).writerows([["path", "label"], *rows])
    return place


def rows_of(table):
    with table.open(newline="") as lines:
        return list(csv.reader(lines))[1:]


@pytest.fixture
def spoiled(table):
    """The same with a copy that has the same labels, and one that has others."""
    shutil.copy(table.parent / "0.png", table.parent / "same.png")
    shutil.copy(table.parent / "1.png", table.parent / "other.png")
    return written(table, [*rows_of(table), ["same.png", LABELS[0]], ["other.png", "dog|night"]])


def test_labels_are_counted_and_named_as_labels(table, tmp_path):
    checked = check(table, tmp_path / "cache", None)
    assert checked.facts["classes"] == {"cat": 36, "dog": 12, "night": 12}
    assert (checked.facts["task"], checked.facts["labels_per_image"]) == ("multilabel", [12, 12, 24])
    rare, unequal = checked.of("small_class"), checked.of("unequal")
    assert (rare.title, rare.sentence) == ("Rare labels", "2 labels have fewer than 20 images.")
    assert (unequal.title, unequal.sentence, unequal.count) == ("Imbalanced labels", "The labels are imbalanced: 'cat' is on 36 images, 'dog' on 12.", 48)
    assert "mean average precision" in unequal.search
    assert checked.unchecked == (
        "images unlike the others: an image may have several labels",
        "labels, and altered copies with different labels: no network looked at the images",
    )


def test_copies_with_different_labels_are_a_conflict(spoiled, tmp_path):
    checked = check(spoiled, tmp_path / "cache", None)
    conflict, same = checked.of("conflict"), checked.of("copies")
    assert conflict.title == "One photo with different labels"
    assert conflict.sentence == "1 photo has different labels in different files: at least one label of each is wrong."
    assert "labeled 'cat' and 'dog|night'" in conflict.cases[0].detail
    assert same.sentence == "1 file is an exact copy of another with the same labels (1 group)."
    assert any("byte for byte, with different labels" in note for note in checked.facts["notes"])


def test_no_problem_speaks_of_classes(spoiled, tmp_path):
    checked = check(spoiled, tmp_path / "cache", None)
    texts = [text for one in checked.problems for text in (one.title, one.sentence, one.search, one.advice)]
    assert not [text for text in (*texts, *checked.unchecked, *checked.facts["notes"]) if "class" in text]
    assert "class" not in re.sub(r"<style>.*?</style>|<[^>]*>", " ", page.html(checked), flags=re.DOTALL)


def test_a_list_of_suspects_is_applied(spoiled, tmp_path):
    checked = check(spoiled, tmp_path / "cache", None)
    place = tmp_path / "suspects.csv"
    assert fixes.write(checked, place) == 2
    place.write_text(place.read_text().replace("keep,other.png", "exclude,other.png"))
    files = corrected(scan_input(spoiled, cache=tmp_path / "cache"), read_list(place), place)
    assert len(files.files) == 49
    assert "dog|night" not in files.classes


def test_terminal_and_page_count_labels(table, tmp_path):
    done = CliRunner().invoke(app, ["check", "--data", str(table), "--quick", "--store", str(tmp_path / "runs")])
    assert done.exit_code == 0
    assert "48 images, several of 3 labels each (12 to 36 images each), 1.2 labels an image on average" in done.stdout
    text = page.html(check(table, tmp_path / "cache", None))
    assert "<dt>labels per image</dt><dd>1.2<small>on average: none on 12, 1 on 12, 2 on 24 images" in text
    assert "<h2>Labels</h2>" in text


def test_the_search_checks_the_same_and_names_what_a_full_check_adds(spoiled, tmp_path):
    source = read(scan_input(spoiled, cache=tmp_path / "cache"), tmp_path / "cache")
    dataset = dataset_of(source, tmp_path / "cache")
    checked = early(Material.of(source, dataset), 60.0)
    assert "labels, and altered copies with different labels: no network looked at the images" in checked.unchecked
    lines = on_images(checked, dataset, StudyConfig(data=spoiled))
    assert "checks the labels too" in lines[-1]
    assert not [line for line in lines if "class" in line]


@pytest.fixture
def tinted(tmp_path):
    """160 photos, red, dark, neither or both, in a table that labels five of them wrongly; the place of each with the labels that it should have."""
    place, rows, rng = tmp_path / "tinted", [], np.random.default_rng(0)
    place.mkdir()
    wrong = {3: "dark", 40: "dark|red", 77: "|", 110: "red", 150: "dark|red"}
    for number in range(160):
        labels = rng.random(2) < 0.5 if number not in wrong else np.array([name in wrong[number] for name in ("dark", "red")])
        pixels = np.asarray(picture(number), float) * (0.3 if labels[0] else 1.0) * ((1.0, 0.3, 0.3) if labels[1] else (1.0, 1.0, 1.0))
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number}.png")
        given = labels ^ (np.array([number in (40, 150, 3), number in (77, 110, 150)]))
        rows.append([f"{number}.png", "|".join(name for name, has in zip(("dark", "red"), given, strict=True) if has) or "|"])
    return written(place / "labels.csv", rows), {f"{number}.png": labels for number, labels in wrong.items()}


def test_a_network_names_labels_that_are_missing_or_too_much(tinted, tmp_path):
    table, right = tinted
    checked = check(table, tmp_path / "cache", registry.load())
    problem = checked.of("label")
    assert problem.title == "Suspect labels"
    assert problem.count == len(problem.cases) == len({case.path for case in problem.cases})
    assert {case.path: case.suggested for case in problem.cases if case.path in right} == right
    assert len(problem.cases) <= 8
    details = {case.path: case.detail for case in problem.cases}
    assert re.fullmatch(r"without a label, 'dark' is likely missing \(0\.9\d\)", details["3.png"])
    assert re.fullmatch(r"labeled 'red', 'red' is likely too much \(0\.9\d\)", details["77.png"])
    assert details["150.png"].count("is likely missing") == 2
    assert re.search(rf"\d+ labels of {problem.count} images are suspect", problem.sentence)
    assert not [reason for reason in checked.unchecked if reason.startswith("labels")]
    assert "class" not in problem.sentence
    place = tmp_path / "suspects.csv"
    fixes.write(checked, place)
    place.write_text("\n".join(line.replace("keep", "relabel", 1) if line.split(",")[1] in right else line for line in place.read_text().splitlines()))
    files = corrected(scan_input(table, cache=tmp_path / "cache"), read_list(place), place)
    assert {path: files.classes[label] for path, label, _ in files.files if path in right} == right


def test_what_was_checked_is_read_again_with_its_headings(spoiled, tmp_path):
    checked = check(spoiled, tmp_path / "cache", None)
    checked.save(tmp_path / "check.json")
    assert type(checked).load(tmp_path / "check.json").problems == checked.problems
