import numpy as np
import pytest

from automl_cnn.data.split import TEST, TRAIN, VAL, split, torn
from automl_cnn.errors import DataError

LABELS = np.repeat([0, 1, 2], [100, 40, 7])
DIGESTS = [f"digest {row}" for row in range(len(LABELS))]
FREE = [None] * len(LABELS)


def test_stratified_by_class():
    codes = split(LABELS, DIGESTS, FREE, 0, 0.15, 0.25)
    assert codes.dtype == np.int8
    counts = [np.bincount(codes[label == LABELS], minlength=3).tolist() for label in range(3)]
    assert counts == [[60, 15, 25], [24, 6, 10], [4, 1, 2]]


def test_same_seed_same_split_whatever_the_order_of_the_files():
    codes = split(LABELS, DIGESTS, FREE, 3, 0.15, 0.15)
    assert np.array_equal(codes, split(LABELS, DIGESTS, FREE, 3, 0.15, 0.15))
    assert not np.array_equal(codes, split(LABELS, DIGESTS, FREE, 4, 0.15, 0.15))
    order = np.random.default_rng(0).permutation(len(LABELS))
    assert np.array_equal(codes[order], split(LABELS[order], [DIGESTS[row] for row in order], FREE, 3, 0.15, 0.15))


@pytest.mark.parametrize(("given", "carved"), [(("train", "val"), TEST), (("train", "test"), VAL)])
def test_given_splits_stay_and_the_missing_one_is_carved_from_train(given, carved):
    names = [given[row % 2] for row in range(len(LABELS))]
    codes = split(LABELS, DIGESTS, names, 0, 0.2, 0.2)
    second = np.array(names) == given[1]
    assert set(codes[second]) == {VAL + TEST - carved}
    assert set(codes[~second]) == {TRAIN, carved}
    assert np.sum(codes[(LABELS == 0) & ~second] == carved) == 10  # a fifth of the fifty in train


def test_all_given_is_kept():
    names = [("train", "val", "test")[row % 3] for row in range(len(LABELS))]
    assert split(LABELS, DIGESTS, names, 0, 0.2, 0.2).tolist() == [row % 3 for row in range(len(LABELS))]


@pytest.mark.parametrize("seed", range(10))
def test_copies_stay_together(seed):
    digests = [f"digest {row // 3}" for row in range(100)] + DIGESTS[100:]
    codes = split(LABELS, digests, FREE, seed, 0.15, 0.15)
    assert all(len({code for code, other in zip(codes, digests, strict=True) if other == digest}) == 1 for digest in digests)
    assert not {digest for digest, code in zip(digests, codes, strict=True) if code == TRAIN} & {
        digest for digest, code in zip(digests, codes, strict=True) if code != TRAIN
    }
    assert 10 <= np.sum(codes[LABELS == 0] == TEST) <= 15


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("sizes", [(1, 1, 1), (9, 1, 1), (5, 5, 5), (2, 2, 3), (30, 2, 2, 1), (1, 50, 50)])
@pytest.mark.parametrize("shares", [(0.15, 0.15), (0.4, 0.4), (0.4, 0.05)])
def test_every_class_has_an_image_in_each_split(seed, sizes, shares):
    digests = [f"{seed} {group}" for group, size in enumerate(sizes) for _ in range(size)]
    codes = split([0] * len(digests), digests, [None] * len(digests), seed, *shares)
    assert set(codes.tolist()) == {TRAIN, VAL, TEST}


def test_an_image_under_two_labels_only_trains():
    digests = [*DIGESTS[:-1], DIGESTS[0]]
    codes = split(LABELS, digests, FREE, 0, 0.4, 0.4)
    assert codes[0] == codes[-1] == TRAIN


def test_a_training_copy_of_a_given_validation_image_never_becomes_a_test_image():
    digests = [*DIGESTS[:50], *DIGESTS[:50], *DIGESTS[100:]]
    names = ["val"] * 50 + ["train"] * 50 + [("train", "val")[row % 2] for row in range(47)]
    names[60:100] = ["train"] * 40
    digests[60:100] = [f"own {row}" for row in range(40)]
    codes = split(LABELS, digests, names, 0, 0.4, 0.4)
    assert set(codes[50:60]) == {TRAIN}
    trained = {digest for digest, code in zip(digests, codes, strict=True) if code == TRAIN}
    assert sum(code != TRAIN and digest in trained for digest, code in zip(digests, codes, strict=True)) == 10


@pytest.mark.parametrize(
    ("count", "digests", "given", "reason"),
    [
        (2, "ab", [None] * 2, r"class 'rare' has 2 readable images: expected at least 3 .* Add images"),
        (0, "", [], "class 'rare' has 0 readable images"),
        (4, "aabb", [None] * 4, "4 readable images, only 2 of them different"),
        (3, "abc", ["train", "train", "test"], None),
        (2, "ab", ["train", "test"], r"'rare' has 1 readable image in train.*at least 2 .*val is taken"),
        (2, "ab", ["train", "train"], "'rare' has no readable image in test"),
    ],
)
def test_too_few_images(count, digests, given, reason):
    splits = sorted({name or "" for name in given}) if given and given[0] else [None]
    if splits != [None]:
        splits = ["train", "test"]
    common = [(f"common {row}", splits[row % len(splits)]) for row in range(20)]
    labels = [0] * 20 + [1] * count
    every = [name for name, _ in common] + list(digests)
    names = [name for _, name in common] + given
    if reason is None:
        assert set(split(labels, every, names, 0, 0.2, 0.2, classes=("common", "rare"))[20:]) == {TRAIN, VAL, TEST}
        return
    with pytest.raises(DataError, match=reason):
        split(labels, every, names, 0, 0.2, 0.2, classes=("common", "rare"))


def test_all_classes_that_are_too_small_are_named_at_once_with_their_counts():
    counts = {"fine": 10, "pair": 2, "one": 1, "none": 0, "copies": 4, "also fine": 3}
    labels = [label for label, count in enumerate(counts.values()) for _ in range(count)]
    digests = [f"{label} {0 if label == 4 else number}" for number, label in enumerate(labels)]
    with pytest.raises(DataError, match="4 classes have too few images") as caught:
        split(labels, digests, [None] * len(labels), 0, 0.2, 0.2, classes=tuple(counts))
    text = str(caught.value)
    for part in (
        "'pair' has 2 readable images;",
        "'one' has 1 readable image;",
        "'none' has 0 readable images;",
        "'copies' has 4 readable images, only 1 of them",
    ):
        assert part in text
    assert "fine" not in text


def test_all_classes_that_miss_in_given_splits_are_named_at_once():
    labels = [0] * 6 + [1] * 3 + [2] * 2
    given = ["train"] * 3 + ["test"] * 3 + ["train"] * 3 + ["train", "test"]
    with pytest.raises(DataError, match=r"'b' has no readable image in test: .*'c' has 1 readable image in train: expected at least 2 .*val is taken"):
        split(labels, [str(row) for row in range(11)], given, 0, 0.2, 0.2, classes=("a", "b", "c"))


def test_versions_of_one_photo_stay_together_and_nothing_else_changes():
    keys = [f"photo {row // 6}" if row < 84 else digest for row, digest in enumerate(DIGESTS)]
    codes = split(LABELS, DIGESTS, FREE, 0, 0.15, 0.15, keys=keys)
    assert all(len(set(codes[start : start + 6])) == 1 for start in range(0, 84, 6))
    assert set(codes[:84].tolist()) == {TRAIN, VAL, TEST}
    assert torn(LABELS, keys, FREE, codes) == {}
    assert np.array_equal(split(LABELS, DIGESTS, FREE, 0, 0.15, 0.15, keys=DIGESTS), split(LABELS, DIGESTS, FREE, 0, 0.15, 0.15))


def test_a_class_with_too_few_photos_is_split_by_image_and_named():
    keys = [*DIGESTS[:140], "photo 1", "photo 1", "photo 1", "photo 1", "photo 2", "photo 2", "photo 2"]
    codes = split(LABELS, DIGESTS, FREE, 0, 0.15, 0.15, keys=keys)
    assert set(codes[140:].tolist()) == {TRAIN, VAL, TEST}
    assert torn(LABELS, keys, FREE, codes) == {2: 2}
