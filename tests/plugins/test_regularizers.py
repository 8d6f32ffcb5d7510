import keras
import numpy as np
import pytest
from automl_cnn_plugins.regularizers.augment import Augment
from automl_cnn_plugins.regularizers.dropout import Dropout
from automl_cnn_plugins.regularizers.l2 import L2

STILL = {"flip": "none", "shift": 0.0, "zoom": 0.0, "rotation": 0.0, "colour": 0.0}
ROUNDING = 1  # Pillow's bilinear sampling rounds down
EDGES = [{key: value} for key, domain in Augment.domains().items() for value in domain.edges()]


def batch(count=6, size=(12, 12), channels=3, dtype=np.uint8):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, *size, channels)).astype(dtype), np.eye(count, dtype=np.float32)


def changed(images, labels, seed=0, **values):
    return Augment(**values).augment(images, labels, np.random.default_rng(seed))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_type_shape_range_and_labels_stay_and_nothing_given_is_written(edge, dtype, channels):
    images, labels = batch(channels=channels, dtype=dtype)
    before = images.copy()
    images.setflags(write=False)
    labels.setflags(write=False)
    found, same = changed(images, labels, **edge)
    assert (found.dtype, found.shape) == (images.dtype, images.shape)
    assert 0 <= found.min() <= found.max() <= 255
    np.testing.assert_array_equal(same, labels)
    np.testing.assert_array_equal(images, before)


def test_the_generator_decides():
    images, labels = batch()
    first, again, other = (changed(images, labels, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first != images).any()


@pytest.mark.parametrize("size", [(12, 12), (10, 15)])
@pytest.mark.parametrize("tiny", [{}, {"shift": 1e-9}, {"zoom": 1e-9}])
def test_no_strength_changes_nothing(size, tiny):
    images, labels = batch(size=size)
    np.testing.assert_allclose(changed(images, labels, **{**STILL, **tiny})[0].astype(int), images, atol=ROUNDING)


@pytest.mark.parametrize("way", [{}, {"shift": 1e-9}], ids=["slices", "affine"])
def test_flips_mirror_whole_images(way):
    images, labels = batch(40)
    found, _ = changed(images, labels, **{**STILL, **way, "flip": "both"})
    kinds = {"as it was": lambda i: i, "left-right": lambda i: i[:, ::-1], "up-down": lambda i: i[::-1], "both": lambda i: i[::-1, ::-1]}
    seen = [name for image, new in zip(images, found, strict=True) for name, flip in kinds.items() if np.allclose(flip(image), new, atol=ROUNDING, rtol=0)]
    assert len(seen) == len(images)
    assert set(seen) == set(kinds)


def test_a_horizontal_flip_never_turns_upside_down():
    images, labels = batch(30)
    found, _ = changed(images, labels, **{**STILL, "flip": "horizontal"})
    turned = [np.array_equal(new, image[:, ::-1]) for image, new in zip(images, found, strict=True)]
    kept = [np.array_equal(new, image) for image, new in zip(images, found, strict=True)]
    assert all(a or b for a, b in zip(turned, kept, strict=True))
    assert any(turned)
    assert any(kept)


@pytest.mark.parametrize("values", [{}, {"shift": 0.0}, {"zoom": 0.0}, {"rotation": 0.0}], ids=str)
def test_no_black_comes_in_at_the_border(values):
    images, labels = np.full((8, 16, 16, 3), 200, np.uint8), np.eye(8, dtype=np.float32)
    found, _ = changed(images, labels, **{**STILL, "shift": 0.25, "zoom": 0.5, "rotation": 30.0, **values})
    np.testing.assert_allclose(found, images, atol=ROUNDING)


def test_a_shift_moves_at_most_its_share():
    images = np.zeros((50, 20, 20, 1), np.uint8)
    images[:, 10, 10] = 255
    found, _ = changed(images, np.eye(50, dtype=np.float32), **{**STILL, "shift": 0.1})
    rows, columns = np.nonzero(found.max(axis=(0, 3)))
    assert {abs(rows - 10).max(), abs(columns - 10).max()} <= {2, 3}
    assert len(set(rows)) > 2


def test_colour_changes_brightness_but_no_edges():
    images = np.zeros((20, 8, 8, 3), np.uint8) + np.array([60, 120, 180], np.uint8)
    found, _ = changed(images, np.eye(20, dtype=np.float32), **{**STILL, "colour": 0.3})
    assert (found == found[:, :1, :1]).all()
    assert found.mean(axis=(1, 2, 3)).std() > 5
    assert (np.diff(found[:, 0, 0].astype(int)) > 0).all()


def test_dropout_acts_only_while_training():
    x = keras.ops.ones((4, 50))
    layer_in = keras.Input((50,))
    model = keras.Model(layer_in, Dropout(rate=0.5).dense(layer_in))
    assert (keras.ops.convert_to_numpy(model(x)) == 1).all()
    assert (keras.ops.convert_to_numpy(model(x, training=True)) == 0).any()


def test_block_dropout_drops_whole_channels_and_zero_adds_no_layer():
    given = keras.Input((4, 4, 64))
    found = keras.ops.convert_to_numpy(keras.Model(given, Dropout(block_rate=0.3).block(given))(keras.ops.ones((1, 4, 4, 64)), training=True))
    assert (found == found[:, :1, :1]).all()
    assert 0 < (found == 0).mean() < 1
    assert Dropout(rate=0.0).block(given) is given
    assert Dropout(rate=0.0).dense(given) is given


def test_l2_is_the_strength_times_the_squares():
    assert float(L2(strength=1e-3).penalty()(keras.ops.full((2, 2), 3.0))) == pytest.approx(0.036)
