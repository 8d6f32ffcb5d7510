import random

import keras
import numpy as np
import pytest
from automl_cnn_plugins.architectures.mobilenet_v2 import MobileNetV2
from automl_cnn_plugins.regularizers.dropout import Dropout
from automl_cnn_plugins.regularizers.l2 import L2
from automl_cnn_plugins.regularizers.spatial_dropout import SpatialDropout

import automl_cnn.models as shop
from automl_cnn import blocks, registry
from automl_cnn.errors import ConfigError, PluginError
from automl_cnn.models.build import build, from_configuration
from automl_cnn.plugin import Architecture, Choice, Regularizer


class Tiny(Architecture):
    """One block."""

    name = "tiny"
    min_size = 8
    fault = Choice("none", "row", "nothing", "number", "raises", "head")

    def features(self, x, net):
        x = net.after_block(blocks.conv(x, net.width(8), 3, net=net))
        faults = {"none": x, "head": x, "row": blocks.global_average_pool(x) if self.fault == "row" else x, "nothing": None, "number": 3}
        return faults[self.fault]

    def head(self, x, net):
        return x if self.fault == "head" else super().head(x, net)


class L1(Regularizer):
    name = "l1_of_test"

    def penalty(self):
        return keras.regularizers.L1(1e-3)


def small(architecture=None, **given):
    return build(architecture or Tiny(), **{"classes": 3, "channels": 3, "size": 16, **given})


def photos(count, size, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


def answers(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_any_size_and_type_become_probabilities(channels):
    model = small(channels=channels)
    assert [model.input.name, model.output_names] == ["pixels", ["probabilities"]]
    for size in (8, 16, 23):
        images = photos(2, size, channels)
        probabilities = answers(model, images)
        assert probabilities.shape == (2, 3)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(probabilities, answers(model, images.astype("float32")), rtol=1e-6)


def test_the_network_sees_minus_one_to_one():
    model = small()
    seen = keras.Model(model.input, model.get_layer("rescale").output)
    np.testing.assert_allclose(
        answers(seen, np.array([0, 255], np.uint8).reshape(1, 1, 2, 1).repeat(3, 3).repeat(16, 1).repeat(8, 2))[0, 0, [0, -1], 0], [-1, 1]
    )


def test_resize_leaves_its_own_size_alone_and_keeps_the_mean():
    resize = shop.Resize(16)
    images = photos(2, 16)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(resize(images)), images)
    doubled = images.repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(resize(doubled)), images, atol=1e-3)
    assert resize.compute_output_shape((None, None, None, 3)) == (None, 16, 16, 3)


@pytest.mark.parametrize("size", [16, 21])
def test_a_call_without_training_neither_learns_nor_looks_at_its_neighbours(size):
    model = small(MobileNetV2(), width=0.25, regularizers=[SpatialDropout(rate=0.2)])
    before = [keras.ops.convert_to_numpy(weight).copy() for weight in model.weights]
    images = photos(4, size)
    together = keras.ops.convert_to_numpy(model(images))
    alone = np.concatenate([keras.ops.convert_to_numpy(model(images[i : i + 1])) for i in range(4)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), value)


def test_a_saved_model_loads_safely_and_answers_the_same(tmp_path):
    model = small(MobileNetV2(), width=0.25, regularizers=[L2(), L1(), Dropout()])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(answers(loaded, photos(3, 20)), answers(model, photos(3, 20)), atol=1e-6)
    assert len(loaded.losses) == len(model.losses)
    np.testing.assert_allclose(sum(map(float, loaded.losses)), sum(map(float, model.losses)), rtol=1e-5)


@pytest.mark.parametrize("architecture", [MobileNetV2(), Tiny()], ids=lambda plugin: plugin.name)
def test_every_kernel_is_penalized(architecture):
    model = small(architecture, width=0.25, regularizers=[L2()])
    kernels = [weight for weight in model.trainable_weights if weight.name == "kernel"]
    assert len(model.losses) == len(kernels) > 1
    assert small(architecture, width=0.25).losses == []


def test_several_penalties_add_up():
    total, one, other = (sum(map(float, small(regularizers=given).losses)) for given in ([L2(), L1()], [L2()], [L1()]))
    assert total == pytest.approx(one + other, rel=1e-5)


def test_equal_seeds_give_equal_weights_and_disturb_nobody():
    random.seed(7)
    expected = random.random()
    random.seed(7)
    first, second, other = (answers(small(seed=seed), photos(2, 16)) for seed in (0, 0, 1))
    assert random.random() == expected
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("row", "expected a 4-D feature map"),
        ("nothing", "Is a return missing"),
        ("number", "returned int"),
        ("raises", r"features raised KeyError: .* \(test_build.py, line \d+\)"),
        ("head", "head returned a tensor of shape"),
    ],
)
def test_a_faulty_plugin_is_told_what_is_wrong(fault, words):
    with pytest.raises(PluginError, match=words):
        small(Tiny(fault=fault))


def test_too_small_images_are_refused():
    with pytest.raises(PluginError, match="at least 8 px, but size = 7"):
        small(size=7)


def test_a_configuration_without_resolution_is_refused():
    with pytest.raises(ConfigError, match="resolution"):
        from_configuration({"architecture": "vgg"}, registry.load(), classes=2, channels=3, seed=0)


def test_a_configuration_becomes_its_model():
    configuration = {
        "architecture": "mobilenet_v2",
        "mobilenet_v2.expansion": 3,
        "resolution": 16,
        "width": 0.25,
        "depth": 0.5,
        "batch_size": 4,
        "optimizer": "adam",
    }
    built = from_configuration({**configuration, "regularizer.l2": True}, registry.load(), classes=3, channels=3, seed=5)
    same = small(MobileNetV2(expansion=3), width=0.25, depth=0.5, seed=5)
    np.testing.assert_array_equal(answers(built, photos(2, 16)), answers(same, photos(2, 16)))
    assert built.losses


def test_the_shop_window_is_pinned():
    assert shop.__all__ == ["BuildNet", "Cost", "LayerCost", "Resize", "from_configuration", "plugins_of"]
    assert all(callable(getattr(shop, name)) for name in shop.__all__)
