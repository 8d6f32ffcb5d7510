"""Labels that the winner doubts, of validation images that it did not learn from."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import prepare_arrays
from automl_cnn.evidence import Evidence, Mistake
from automl_cnn.study.running.doubts import PICTURED, with_doubts


@pytest.fixture
def dataset(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (200, 16, 16, 3), np.uint8)
    return prepare_arrays(images, [0, 1] * 100, tmp_path / "cache")


def answers(dataset, wrong):
    """Sure answers, of which those in the places `wrong` are the other class."""
    labels = dataset.labels[dataset.rows("val")].copy()
    labels[list(wrong)] = 1 - labels[list(wrong)]
    return np.eye(2)[labels] * 0.9 + 0.05


def evidence(*mistakes):
    return Evidence(0, None, ((1, 0), (0, 1)), mistakes=mistakes)


def test_what_its_mistakes_show_has_no_second_picture(dataset, tmp_path):
    rows = dataset.rows("val")
    shown = Mistake(dataset.paths[rows[3]], int(dataset.labels[rows[3]]), 1 - int(dataset.labels[rows[3]]), 0.95, 0.05)
    made = with_doubts(evidence(shown), dataset, answers(dataset, [3, 5]))
    assert {one.path: bool(one.picture) for one in made.suspects} == {dataset.paths[rows[3]]: False, dataset.paths[rows[5]]: True}
    other = next(one for one in made.suspects if one.picture)
    assert (other.truth, other.predicted) == (int(dataset.labels[rows[5]]), 1 - int(dataset.labels[rows[5]]))
    assert Image.open(io.BytesIO(base64.b64decode(other.picture))).size == (16, 16)
    made.save(tmp_path / "evidence.json")
    assert Evidence.load(tmp_path / "evidence.json") == made


def test_a_few_are_pictured_and_all_are_named(dataset):
    made = with_doubts(evidence(), dataset, answers(dataset, range(PICTURED + 2)))
    assert len(made.suspects) == PICTURED + 2
    assert sum(bool(one.picture) for one in made.suspects) == PICTURED


def test_no_doubt_is_not_the_same_as_nobody_looked(dataset, tmp_path):
    assert evidence().suspects is None
    made = with_doubts(evidence(), dataset, answers(dataset, []))
    assert made.suspects == ()
    made.save(tmp_path / "evidence.json")
    assert Evidence.load(tmp_path / "evidence.json").suspects == ()


def test_of_several_labels_each_that_is_contradicted_is_named_with_the_labels_that_fit(tmp_path):
    rng = np.random.default_rng(0)
    images, truth = rng.integers(0, 256, (200, 16, 16, 3), np.uint8), (rng.random((200, 3)) < 0.5).astype(np.uint8)
    dataset = prepare_arrays(images, truth, tmp_path / "cache", task="multilabel", names=["cat", "dog", "night"])
    rows = dataset.rows("val")
    known = dataset.truth(rows)
    seen = known.copy()
    seen[2, 1], seen[4, [0, 2]] = 1 - seen[2, 1], 1 - seen[4, [0, 2]]
    made = with_doubts(evidence(), dataset, seen * 0.94 + 0.03)
    assert {(one.path, one.predicted) for one in made.suspects} == {(dataset.paths[rows[2]], 1), (dataset.paths[rows[4]], 0), (dataset.paths[rows[4]], 2)}
    for one in made.suspects:
        assert (one.confidence, one.chance) == (pytest.approx(0.97), pytest.approx(0.03))
        assert set(one.truths) ^ set(one.answers) == {one.predicted}
        assert one.picture
    made.save(tmp_path / "evidence.json")
    assert Evidence.load(tmp_path / "evidence.json") == made
    assert with_doubts(evidence(), dataset, known * 0.94 + 0.03).suspects == ()


def test_images_that_are_gone_are_named_without_a_picture(dataset, tmp_path):
    for stored in (tmp_path / "cache").glob("*.npy"):
        stored.unlink()
    (only,) = with_doubts(evidence(), dataset, answers(dataset, [1])).suspects
    assert only.picture == ""
