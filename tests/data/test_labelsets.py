"""Several labels for each image: in a table's cells, in columns of zeros and ones, in Python."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from automl_cnn.data import Dataset, prepare, prepare_arrays
from automl_cnn.data.indicators import label_sets_in
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.split_labels import split_labels
from automl_cnn.data.tables import images_in, scan_table
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.tasks import Multiclass, Multilabel

SETS = [("cat",), ("cat", "night"), ("dog",), (), ("dog", "cat"), ("night",)] * 4


@pytest.fixture
def table(tmp_path):
    """Writes a table of 24 images, their labels as the given function puts them into a row."""

    def write(row, name="pets.csv"):
        rows = [{"path": f"{number}.png", **row(labels)} for number, labels in enumerate(SETS)]
        for number in range(len(rows)):
            pixels = np.random.default_rng(number).integers(0, 255, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        if name.endswith("csv"):
            pd.DataFrame(rows).to_csv(tmp_path / name, index=False)
        elif name.endswith("parquet"):
            pd.DataFrame(rows).to_parquet(tmp_path / name)
        else:
            (tmp_path / name).write_text("\n".join(json.dumps(one) for one in rows))
        return tmp_path / name

    return write


def in_a_cell(labels):
    return {"label": "|".join(labels) or "|"}


def in_columns(labels):
    return {"width": 12.5, **{name: int(name in labels) for name in ("night", "cat", "dog")}}


def expected(files):
    """The label sets of the files, by the number in their names."""
    return {int(path.split(".")[0]): {files.meaning.names[one] for one in files.meaning.sets[label]} for path, label, _ in files.files}


@pytest.mark.parametrize(
    ("row", "name"),
    [(in_a_cell, "pets.csv"), (in_columns, "pets.csv"), (in_columns, "pets.parquet"), (lambda labels: {"label": list(labels)}, "pets.jsonl")],
)
def test_labels_are_read_from_cells_columns_and_lists(table, row, name):
    files = scan_table(table(row, name))
    assert files.meaning.names == ("cat", "dog", "night")
    assert expected(files) == {number: set(labels) for number, labels in enumerate(SETS)}


def test_columns_of_the_users_choice(table):
    files = scan_table(table(in_columns), "label=cat|night")
    assert files.meaning.names == ("cat", "night")
    with pytest.raises(ConfigError, match=r"has no column 'nigth'\. Did you mean 'night'"):
        scan_table(table(in_columns), "label=cat|nigth")
    with pytest.raises(DataError, match=r"Line 2 of .*: the column 'width' has '12.5', expected 0 or 1"):
        scan_table(table(in_columns), "label=cat|width", task="multilabel")


def test_an_empty_cell_is_no_label_known_and_a_bar_is_no_label_that_applies(table):
    files = scan_table(table(lambda labels: {"label": "|".join(labels)}))
    assert len(files.files) == 20
    assert "4 rows of pets.csv without a label were left out: such images can only be predicted." in files.notes
    assert set() not in expected(files).values()


def test_the_task_decides_where_it_is_set(table):
    one_each = table(lambda labels: {"label": labels[0] if labels else "none"})
    assert scan_input(one_each, cache=one_each.parent).meaning is None
    assert scan_input(one_each, cache=one_each.parent, task="multilabel").meaning.names == ("cat", "dog", "night", "none")
    several = table(in_a_cell)
    assert "cat|night" in scan_input(several, cache=one_each.parent, task="multiclass").classes
    (one_each.parent / "folders" / "cat").mkdir(parents=True)
    for name in ("cat", "dog"):
        (one_each.parent / "folders" / name).mkdir(exist_ok=True)
        Image.new("RGB", (9, 9)).save(one_each.parent / "folders" / name / "1.png")
    with pytest.raises(ConfigError, match="one folder for each class, so that every image has one label"):
        scan_input(one_each.parent / "folders", cache=one_each.parent, task="multilabel")


def test_the_data_set_has_labels_as_zeros_and_ones(table, tmp_path):
    dataset = prepare(table(in_a_cell), tmp_path / "cache")
    assert isinstance(dataset.task, Multilabel)
    assert dataset.classes == ("cat", "dog", "night")
    of_row = {int(path.split(".")[0]): set(np.array(dataset.classes)[dataset.truth(np.array([row]))[0] > 0]) for row, path in enumerate(dataset.paths)}
    assert of_row == {number: set(labels) for number, labels in enumerate(SETS)}
    assert dataset.of_each(np.arange(24)).tolist() == [12, 8, 8]
    assert all((dataset.counts(split) > 0).all() for split in ("train", "val", "test"))
    assert {dataset.label_names[label] for label in dataset.labels} == {"cat", "cat|night", "dog", "(no label)", "cat|dog", "night"}
    dataset.save(tmp_path / "set.json")
    again = Dataset.load(tmp_path / "set.json")
    assert again.label_sets == dataset.label_sets
    assert again.task == dataset.task
    np.testing.assert_array_equal(again.truth(np.arange(24)), dataset.truth(np.arange(24)))


def test_the_same_sets_of_other_labels_are_another_data_set(table, tmp_path):
    before = prepare(table(in_a_cell), tmp_path / "cache")
    renamed = prepare(table(lambda labels: {"label": "|".join(labels).replace("cat", "cow") or "|"}), tmp_path / "cache")
    assert renamed.classes == ("cow", "dog", "night")
    assert renamed.fingerprint != before.fingerprint
    assert prepare(table(in_a_cell), tmp_path / "cache").fingerprint == before.fingerprint


def test_the_task_of_one_class_each_is_as_before(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8), dtype=np.uint8)
    dataset = prepare_arrays(images, np.arange(12) % 2, tmp_path)
    assert dataset.task == Multiclass(2)
    assert dataset.label_names == dataset.classes
    np.testing.assert_array_equal(dataset.truth(np.arange(12)), dataset.labels)
    dataset.save(tmp_path / "set.json")
    assert "label_sets" not in json.loads((tmp_path / "set.json").read_text()), "earlier versions can read it"


def test_labels_in_python_are_an_array_or_a_list_for_each_image(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (24, 8, 8), dtype=np.uint8)
    names = ("cat", "dog", "night")
    array = np.array([[name in labels for name in names] for labels in SETS], int)
    for given, called in ((array, names), (pd.DataFrame(array, columns=names), None), ([set(labels) for labels in SETS], None), (SETS, names)):
        dataset = prepare_arrays(images, given, tmp_path, task="multilabel", names=called)
        assert dataset.classes == names
        np.testing.assert_array_equal(dataset.truth(np.arange(24)), array)


@pytest.mark.parametrize(
    ("labels", "names", "words"),
    [
        (np.array([[0, 2]]), None, "hold 2: expected an array"),
        (np.array([[0, 1], [1, 0]]), ["a"], "2 columns of labels and 1 different names"),
        (np.array([[0, 1], [1, 0]]), ["a", "a|b"], "have no '|' in them"),
        ([["cat"], 3], None, "image 1 are of the type int: expected a list or a set"),
        ([["cat"], ["a|b"]], None, "a label 'a|b': expected names"),
        ([[], []], None, "same for every image"),
        ([["cat"], ["cow"]], ["cat", "dog"], "name 'cow', which the model does not know"),
    ],
)
def test_labels_that_cannot_be_used_are_named(labels, names, words):
    with pytest.raises(DataError) as error:
        label_sets_in(labels, names)
    assert words in str(error.value)


def test_images_to_predict_have_their_labels(table):
    _, labels = images_in(table(in_columns))
    assert labels["1.png"] == "cat|night"
    assert labels["3.png"] == "|"


@pytest.mark.parametrize("seed", range(5))
def test_every_split_has_every_label_and_photos_stay_together(seed):
    rng = np.random.default_rng(seed)
    has = rng.random((120, 5)) < [0.5, 0.3, 0.2, 0.1, 0.0]
    has[:3, 4] = True  # as rare as can be
    keys = [f"{row // 2:03d}" if row > 9 else f"alone {row}" for row in range(120)]
    out = split_labels(has, [None] * 120, seed, val_share=0.15, test_share=0.15, names="abcde", keys=keys)
    assert all((has[out == code].any(axis=0)).all() for code in range(3))
    assert all(len({code for code, other in zip(out, keys, strict=True) if other == key}) == 1 for key in keys)
    assert np.bincount(out)[1:] == pytest.approx(18, abs=8)
    np.testing.assert_array_equal(out, split_labels(has, [None] * 120, seed, val_share=0.15, test_share=0.15, names="abcde", keys=keys))


def test_given_splits_stay():
    has = np.tile(np.eye(2, dtype=bool), (30, 1))
    given = ["test" if row < 10 else None for row in range(60)]
    out = split_labels(has, given, 0, val_share=0.2, test_share=0.2, names="ab", keys=[str(row) for row in range(60)])
    assert (out[:10] == 2).all()
    assert np.bincount(out).tolist() == [40, 10, 10]


def test_labels_with_too_few_images_are_all_named():
    has = np.zeros((40, 3), bool)
    has[:, 0], has[:2, 1], has[5:6, 2] = True, True, True
    with pytest.raises(DataError, match=r"2 of 3 labels have too few images to be in every split: 'b' \(2\), 'c' \(1\)\. Expected at least 3"):
        split_labels(has, [None] * 40, 0, val_share=0.15, test_share=0.15, names="abc", keys=[str(row) for row in range(40)])
