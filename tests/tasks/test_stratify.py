import numpy as np
import pytest

from automl_cnn.tasks.stratify import parts


def drawn(images=400, seed=0):
    return (np.random.default_rng(seed).random((images, 6)) < [0.5, 0.4, 0.2, 0.1, 0.05, 0.02]).astype(np.uint8)


def test_each_label_is_in_each_part_in_its_share_also_the_rare_ones():
    truth = drawn()
    place = parts(truth, [0.15, 0.15, 0.7])
    for part, share in enumerate((0.15, 0.15, 0.7)):
        wanted = share * truth.sum(axis=0)
        assert np.all(np.abs(truth[place == part].sum(axis=0) - wanted) <= np.maximum(1.5, 0.15 * wanted))
        assert np.sum(place == part) == pytest.approx(share * 400, rel=0.2)


def test_rare_labels_are_nearer_to_their_share_than_by_chance():
    truth = drawn(seed=1)
    off = {"dealt": [], "chance": []}
    for seed in range(10):
        by_chance = np.random.default_rng(seed).choice(3, 400, p=[0.15, 0.15, 0.7])
        for name, place in (("dealt", parts(truth, [0.15, 0.15, 0.7], seed=seed)), ("chance", by_chance)):
            off[name].append(np.abs(truth[place == 0, 4:].sum(axis=0) - 0.15 * truth[:, 4:].sum(axis=0)).mean())
    assert np.mean(off["dealt"]) < 0.6 * np.mean(off["chance"])


def test_groups_stay_together_and_the_same_seed_gives_the_same_parts():
    truth, groups = drawn(), np.repeat(np.arange(100), 4)
    place = parts(truth, [0.5, 0.5], groups=groups, seed=3)
    assert all(len(set(place[groups == group])) == 1 for group in range(100))
    np.testing.assert_array_equal(place, parts(truth, [0.5, 0.5], groups=groups, seed=3))
    assert np.any(place != parts(truth, [0.5, 0.5], groups=groups, seed=4))


def test_images_without_a_label_are_dealt_too():
    place = parts(np.zeros((100, 3)), [0.2, 0.8])
    assert np.bincount(place).tolist() == [20, 80]
