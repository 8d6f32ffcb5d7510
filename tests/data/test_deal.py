"""Groups of several classes are dealt out whole."""

import numpy as np
import pytest

from automl_cnn.data.deal import across
from automl_cnn.data.split import TEST, TRAIN, VAL, split

SHARES = {TEST: 0.15, VAL: 0.15}


def persons(count, classes, *, seed=0, least=1, most=3):
    """Rows of each person's photos: of every class a few."""
    rng = np.random.default_rng(seed)
    labels, owners = [], []
    for person in range(count):
        for label in range(classes):
            for _ in range(rng.integers(least, most + 1)):
                labels.append(label)
                owners.append(person)
    return np.array(labels), np.array(owners)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("count", "classes"), [(20, 10), (200, 10), (12, 3)])
def test_no_group_is_on_two_sides_and_every_class_is_near_its_share(seed, count, classes):
    labels, owners = persons(count, classes, seed=seed)
    groups = [np.flatnonzero(owners == person).tolist() for person in np.random.default_rng(seed).permutation(count)]
    dealt = across(labels, groups, SHARES, classes)
    sides = np.full(len(labels), TRAIN)
    for code, rows in dealt.items():
        sides[rows] = code
    assert all(len(set(sides[owners == person])) == 1 for person in range(count))
    for code, share in SHARES.items():
        for label in range(classes):
            got = np.mean(sides[labels == label] == code)
            assert 0 < got < 0.35
            assert abs(got - share) < (0.03 if count == 200 else 0.15)


def test_training_keeps_an_image_of_each_class():
    labels = np.array([0, 0, 0, 1, 1, 1])
    dealt = across(labels, [[0, 3], [1, 4], [2, 5]], {TEST: 0.45, VAL: 0.45}, 2)
    assert sum(map(len, dealt.values())) == 4


def test_a_split_keeps_persons_together_where_the_classes_share_them():
    labels, owners = persons(30, 4)
    keys, digests = [f"person{owner}" for owner in owners], [f"{row}" for row in range(len(labels))]
    sides = split(labels, digests, [None] * len(labels), 0, 0.15, 0.15, keys=keys, together=True)
    assert all(len(set(sides[owners == person])) == 1 for person in range(30))
    assert all(np.any(sides[labels == label] == code) for label in range(4) for code in (TRAIN, VAL, TEST))
    again = split(labels[::-1], digests[::-1], [None] * len(labels), 0, 0.15, 0.15, keys=keys[::-1], together=True)
    assert np.array_equal(sides, again[::-1])


def test_too_few_persons_are_torn_apart():
    """A model with an optimistic score is better than none; `torn` names the classes."""
    labels, owners = persons(2, 3, least=6, most=6)
    sides = split(labels, [f"{row}" for row in range(len(labels))], [None] * len(labels), 0, 0.15, 0.15, keys=[f"p{owner}" for owner in owners], together=True)
    assert all(np.any(sides[labels == label] == code) for label in range(3) for code in (TRAIN, VAL, TEST))
