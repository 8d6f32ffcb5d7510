import itertools

import numpy as np
import pytest

from automl_cnn.data import Dataset
from automl_cnn.data.part import LEAST_PER_CLASS, SCORED, part, thinned

LABELS = np.array([0] * 1000 + [1] * 100 + [2] * 5)
ROWS = np.flatnonzero(np.arange(len(LABELS)) % 5 != 4)  # a training split: 800, 80 and 4 images


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
def test_every_class_gives_its_share_or_at_least_a_few(share):
    chosen = part(ROWS, LABELS, share, "a")
    counts = np.bincount(LABELS[chosen], minlength=3)
    assert counts[0] == max(LEAST_PER_CLASS, round(share * 800))
    assert counts[1] == max(LEAST_PER_CLASS, round(share * 80))
    assert counts[2] == 4
    assert set(chosen) <= set(ROWS)
    assert list(chosen) == sorted(set(chosen))


def test_a_smaller_share_is_a_part_of_a_larger_one():
    sizes = [set(part(ROWS, LABELS, share, "a").tolist()) for share in (0.05, 0.1, 0.3, 0.9, 1.0)]
    assert all(small < large for small, large in itertools.pairwise(sizes))


def test_which_images_it_is_follows_from_the_data_set():
    assert np.array_equal(part(ROWS, LABELS, 0.2, "a"), part(ROWS, LABELS, 0.2, "a"))
    assert not np.array_equal(part(ROWS, LABELS, 0.2, "a"), part(ROWS, LABELS, 0.2, "b"))


def test_the_whole_is_the_split_itself():
    assert part(ROWS, LABELS, 1.0, "a") is ROWS


def many(validated):
    splits = np.array([0] * 20000 + [1] * validated + [2] * 1000, np.int8)
    labels = (np.arange(len(splits)) % 10).astype(np.int32)
    return Dataset("many", "", tuple("0123456789"), 3, 8, ("",) * len(splits), labels, splits, "f", "")


@pytest.mark.parametrize(("share", "scored"), [(0.05, SCORED), (0.25, 1500), (0.9, 5000)])
def test_fewer_validation_images_are_scored_where_they_would_take_long(share, scored):
    whole, fewer = many(5000), thinned(many(5000), share)
    assert len(fewer.rows("train")) == round(share * 20000)
    assert len(fewer.rows("val")) == scored
    assert np.array_equal(fewer.rows("test"), whole.rows("test"))
    assert set(fewer.rows("val")) <= set(whole.rows("val"))
    assert not set(fewer.rows("train")) & set(fewer.rows("val"))


def test_a_few_validation_images_are_all_scored():
    assert len(thinned(many(800), 0.05).rows("val")) == 800


def test_a_whole_data_set_stays_as_it_is():
    whole = many(800)
    assert thinned(whole, 1.0) is whole
