import numpy as np
import pytest

pytest.importorskip("keras")

from automl_cnn.data.batches import Batches  # after the check that Keras is there
from automl_cnn.tasks import Multiclass

PIXELS = np.arange(23, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)  # each image shows its row
LABELS = np.arange(23, dtype=np.int32) % 3
ROWS = np.arange(0, 22, 2)  # 11 of them


def batches(**changes):
    settings = {"seed": 5, "shuffle": True, **changes}
    return Batches(PIXELS, ROWS, LABELS.__getitem__, Multiclass(3), 4, **settings)


def next_epoch(feeder):
    if feeder.epoch == 0:
        feeder.on_epoch_begin()  # as Keras does before the first
    feeder.on_epoch_begin()


def seen(feeder):
    return [batch[0][:, 0, 0, 0].tolist() for batch in feeder]


def test_without_shuffling_the_rows_come_in_order():
    feeder = batches(shuffle=False)
    assert len(feeder) == 3
    assert seen(feeder) == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18, 20]]
    next_epoch(feeder)
    assert seen(feeder)[0] == [0, 2, 4, 6]
    with pytest.raises(IndexError):
        feeder[3]


def test_images_and_labels_belong_together():
    for images, onehot in batches():
        assert images.dtype == np.uint8
        assert onehot.dtype == np.float32
        assert onehot.argmax(axis=1).tolist() == (images[:, 0, 0, 0] % 3).tolist()
        assert onehot.sum(axis=1).tolist() == [1] * len(images)


def test_targets_are_softened_last_and_images_weigh_by_what_they_were():
    weights = np.array([1.0, 2.0, 3.0])
    plain = batches(shuffle=False, weights=weights)
    soft = batches(shuffle=False, weights=weights, augment=lambda images, labels, rng: (images, labels[::-1]), soften=lambda labels: labels / 2)
    for (_, labels, given), (_, softened, weighed) in zip(plain, soft, strict=True):
        np.testing.assert_array_equal(softened, labels[::-1] / 2)
        np.testing.assert_array_equal(weighed, given[::-1])


def test_every_epoch_has_each_row_once_in_another_but_repeatable_order():
    mine, same, other = batches(), batches(), batches(seed=6)
    orders = []
    for _ in range(3):
        order = seen(mine)
        assert sorted(row for batch in order for row in batch) == ROWS.tolist()
        assert all(batch == sorted(batch) for batch in order)
        assert order == seen(same)
        assert order != seen(other)
        orders.append(order)
        for feeder in (mine, same, other):
            next_epoch(feeder)
    assert orders[0] != orders[1] != orders[2]


def test_augmentation_is_repeatable_whatever_batch_is_read_first():
    def noise(images, labels, rng):
        return images + rng.normal(0, 20, images.shape).astype(np.float32), labels[::-1] * 0.5

    mine, same = batches(augment=noise), batches(augment=noise)
    backwards = [same[index] for index in (2, 1, 0)][::-1]
    for one, two in zip(mine, backwards, strict=True):
        assert one[0].dtype == np.uint8
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1])
        assert one[1].max() == 0.5
    first = mine[0][0]
    next_epoch(mine)
    assert not np.array_equal(first, mine[0][0])


def test_an_augmentation_beyond_the_range_is_clipped_not_wrapped():
    bright = batches(augment=lambda images, labels, rng: (images.astype(np.float32) + 254.6, labels), shuffle=False)
    assert seen(bright)[0] == [255, 255, 255, 255]


def test_weights_follow_the_labels():
    weights = np.array([1, 2, 4], np.float32)
    for _, onehot, weight in batches(weights=weights):
        assert weight.dtype == np.float32
        assert weight.tolist() == weights[onehot.argmax(axis=1)].tolist()


def test_class_weights_balance_the_classes():
    labels = np.repeat([0, 1, 3], [60, 30, 10])
    weights = Multiclass(4).weights(labels)
    assert weights[labels].mean() == pytest.approx(1)
    assert [weights[labels][labels == label].sum() for label in (0, 1, 3)] == pytest.approx([100 / 3] * 3, rel=1e-5)
    assert weights[2] == 0
