"""Numbers for each image: which tables hold them, what is refused, and how a data set keeps and splits them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from automl_cnn.data import Dataset, prepare, prepare_arrays
from automl_cnn.data.corrections import Correction, corrected
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.measurements import continuous, measurements_of, numbers_in
from automl_cnn.data.numbers import are_numbers, named, numbers_of
from automl_cnn.data.tables import scan_table
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.tasks import Multiclass, Regression

AGES = [round(20 + 0.5 * number, 1) for number in range(80)]


@pytest.fixture
def table(tmp_path):
    """Writes pictures and a table with these columns beside their paths."""

    def write(name="t.csv", **columns):
        count = len(next(iter(columns.values())))
        for number in range(count):
            pixels = np.random.default_rng(number).integers(0, 255, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        frame = pd.DataFrame({"path": [f"{number}.png" for number in range(count)], **columns})
        frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_numbers_that_are_no_whole_ones_are_numbers_unasked(table, name):
    files = scan_table(table(name, label=AGES))
    assert files.meaning.names == ("label",)
    assert sorted(row[0] for row in files.meaning.rows) == AGES


def test_a_columns_head_has_the_unit(table):
    place = table(**{"age (years)": AGES, "height [cm]": [150 + age for age in AGES]})
    files = scan_table(place, "label=age (years)|height [cm]")
    assert files.meaning.names == ("age", "height")
    assert files.meaning.units == ("years", "cm")
    assert scan_table(place, task="regression").meaning == files.meaning, "all columns of numbers, where they are asked for"


@pytest.mark.parametrize(("head", "name"), [("age", ("age", "")), ("age (years)", ("age", "years")), (" x [mm] ", ("x", "mm")), ("(years)", ("(years)", ""))])
def test_heads(head, name):
    assert named(head) == name


@pytest.mark.parametrize(
    ("cells", "task", "numbers"),
    [
        (["1", "2", "3"] * 10, None, False),  # digits are classes
        ([str(one) for one in range(30)], None, True),  # as classes, each would have one image
        (["1.5", "2"] * 20, None, True),
        (["1.5", "two"] * 20, None, False),
        (["1", "2", "3"] * 10, "regression", True),
        (["1.5", "2.5"] * 10, "multiclass", False),
    ],
)
def test_what_counts_as_numbers(cells, task, numbers):
    assert are_numbers(cells, task) is numbers


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([*AGES[:-1], "old"], r"has 'old' for an image: expected a number, such as 12.5"),
        ([*AGES[:-1], "inf"], "has 'inf' for an image"),
        ([7] * 80, "gives every image the same number"),
    ],
)
def test_tables_that_are_refused(table, column, words):
    with pytest.raises(DataError, match=words):
        scan_table(table(label=column), task="regression")


def test_several_columns_name_the_one_that_is_wrong(table):
    with pytest.raises(DataError, match=r"Line 81 of .*: the column 'y' has 'old', expected a number"):
        scan_table(table(x=AGES, y=[*AGES[:-1], "old"]), "label=x|y", task="regression")


def test_images_without_a_number_are_left_out_with_a_note(table):
    files = scan_table(table(value=[*AGES[:-2], None, None]))
    assert len(files.files) == 78
    assert any("2 rows of t.csv without a number were left out" in note for note in files.notes)


def test_folders_named_after_numbers(tmp_path):
    for name in ("1.5", "2", "30"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(8):
            pixels = np.random.default_rng(number).integers(0, 255, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{number}.png")
    files = scan_input(tmp_path / "set", cache=tmp_path, task="regression")
    assert files.meaning.rows == ((1.5,), (2.0,), (30.0,))
    assert scan_input(tmp_path / "set", cache=tmp_path).meaning is None
    (tmp_path / "set" / "30").rename(tmp_path / "set" / "thirty")
    with pytest.raises(ConfigError, match="folders that are not named after numbers"):
        scan_input(tmp_path / "set", cache=tmp_path, task="regression")


@pytest.fixture
def dataset(table, tmp_path):
    return prepare(scan_table(table(**{"age (years)": AGES, "size": [age / 7 for age in AGES]}), task="regression"), tmp_path / "cache")


def test_a_data_set_keeps_the_numbers_and_splits_low_and_high_alike(dataset, tmp_path):
    assert dataset.classes == ("age", "size")
    assert isinstance(dataset.task, Regression)
    assert [target.title for target in dataset.task.named_targets] == ["age (years)", "size"]
    learned = dataset.truth(dataset.rows("train"))
    assert dataset.task.means == pytest.approx(learned.mean(axis=0))
    assert dataset.task.sds == pytest.approx(learned.std(axis=0))
    middle = np.median(dataset.truth(np.arange(len(dataset)))[:, 0])
    for split in ("val", "test"):
        high = dataset.truth(dataset.rows(split))[:, 0] > middle
        assert 0.3 <= high.mean() <= 0.7
    dataset.save(tmp_path / "set.json")
    again = Dataset.load(tmp_path / "set.json")
    assert again.task == dataset.task
    assert np.array_equal(again.truth(np.arange(80)), dataset.truth(np.arange(80)))
    assert again.label_names == dataset.label_names
    assert "20|2.857142857142857" in dataset.label_names, "as a table has them"


def test_other_numbers_are_another_data_set(table, tmp_path):
    first = prepare(scan_table(table(label=AGES)), tmp_path / "cache")
    again = prepare(scan_table(table(label=AGES)), tmp_path / "cache")
    other = prepare(scan_table(table(label=[age + 1 for age in AGES])), tmp_path / "cache")
    renamed = prepare(scan_table(table(value=AGES)), tmp_path / "cache")
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, renamed.fingerprint}) == 3


def test_a_list_of_corrections_changes_numbers(table):
    files = scan_table(table(label=AGES))
    after = corrected(files, [Correction("relabel", "0.png", "99.5", 2), Correction("exclude", "1.png", "", 3)], Path("fix.csv"))
    values = {path: after.meaning.rows[label] for path, label, _ in after.files}
    assert values["0.png"] == (99.5,)
    assert "1.png" not in values
    assert values["79.png"] == (AGES[-1],)
    with pytest.raises(DataError, match=r"Line 2 of fix.csv has 'old' for an image: expected a number"):
        corrected(files, [Correction("relabel", "0.png", "old", 2)], Path("fix.csv"))


IMAGES = np.random.default_rng(0).integers(0, 255, (60, 10, 10, 1)).astype(np.uint8)


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        (np.arange(60) / 2, None, ("number",)),
        (list(range(60)), ["age (years)"], ("age",)),
        (pd.Series(np.arange(60.0), name="age"), None, ("age",)),
        (pd.DataFrame({"x": np.arange(60), "y": np.arange(60) / 3}), None, ("x", "y")),
        (np.stack([np.arange(60), np.arange(60) ** 2], axis=1), None, ("number 1", "number 2")),
    ],
)
def test_numbers_in_memory(tmp_path, labels, names, expected):
    dataset = prepare_arrays(IMAGES, labels, tmp_path, task="regression", names=names)
    assert dataset.classes == expected
    given = measurements_of(labels)
    assert np.array_equal(dataset.truth(np.arange(60)), given)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "type NoneType"),
        (["a"] * 60, "hold something else"),
        ([1.0, None] * 30, "number of image 1 is missing"),
        (np.zeros((60, 2, 2)), r"shape \(60, 2, 2\)"),
        (np.ones(60), "gives every image the same number"),
        (np.arange(59), "60 images and 59 labels"),
        (np.arange(60) + 1j, "numbers are complex"),
        (np.arange(60).astype("datetime64[D]"), "numbers are dates"),
        (pd.Series(pd.to_timedelta(range(60), "h")), "numbers are durations"),
    ],
)
def test_numbers_in_memory_that_are_refused(tmp_path, labels, words):
    with pytest.raises(DataError, match=words):
        prepare_arrays(IMAGES, labels, tmp_path, task="regression")


def test_names_that_do_not_fit():
    with pytest.raises(DataError, match="2 columns of numbers and 1 different names"):
        numbers_in(np.zeros((60, 2)), ["x"])
    with pytest.raises(DataError, match="two numbers named 'x'"):
        numbers_of(["1|2", "2|3"], ["x (mm)", "x (cm)"], "The table")


@pytest.mark.parametrize(
    ("labels", "are"), [(np.array([0.5, 1.0]), True), (np.array([1.0, 2.0]), False), (np.array([1, 2]), False), (["0.5"], False), (None, False)]
)
def test_labels_that_can_only_be_numbers(labels, are):
    assert continuous(labels) is are


def test_digits_stay_classes(tmp_path):
    assert isinstance(prepare_arrays(IMAGES, np.arange(60) % 3, tmp_path).task, Multiclass)


def test_persons_with_one_number_each_stay_on_one_side_of_the_split(tmp_path):
    """Ten parts from low to high ages would have a person or two each: fewer parts keep everybody on one side."""
    images = np.random.default_rng(0).integers(0, 255, (240, 16, 16), dtype=np.uint8)
    lines = ["path,age,group"]
    for number, image in enumerate(images):
        person = number % 12
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{20 + 5 * person},person {person}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    made = prepare(scan_table(tmp_path / "t.csv", "label=age", task="regression"), tmp_path / "cache")
    sides = {}
    for path, split in zip(made.paths, made.splits, strict=True):
        sides.setdefault(int(path.partition(".")[0]) % 12, set()).add(int(split))
    assert all(len(one) == 1 for one in sides.values())
    assert set.union(*sides.values()) == {0, 1, 2}
    assert not any("Too few different" in note for note in made.notes)


def test_too_few_different_images_with_numbers_are_an_error(tmp_path):
    images = np.repeat(np.random.default_rng(0).integers(0, 255, (2, 16, 16), dtype=np.uint8), 20, axis=0)
    with pytest.raises(DataError, match="too few different images with numbers: expected at least 3"):
        prepare_arrays(images, np.repeat([1.0, 2.0], 20), tmp_path / "cache", task="regression")
