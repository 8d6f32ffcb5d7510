"""A frozen network read in several ways, as one model."""

import keras
import numpy as np
import pytest

from automl_cnn import registry
from automl_cnn.errors import PluginError
from automl_cnn.models.build import network_of
from automl_cnn.models.cost import cost
from automl_cnn.models.net import BuildNet
from automl_cnn.models.readout import Look, frozen, looks_of
from automl_cnn.models.stages import bottlenecks, stage_ends
from automl_cnn.plugin import Pretrained
from automl_cnn.transfer import Readout

CONFIGURATION = {"architecture": "mobilenet_v2", "resolution": 64, "pretrained.mobilenet_v2": "mobilenet_v2", "finetune.mobilenet_v2": "probe"}


@pytest.fixture(scope="module")
def plugins():
    return registry.load(None)


def read(plugins, sizes=1, stages=1, mirror=False, channels=3):
    name = CONFIGURATION["architecture"]
    entry = plugins.get("architecture", name).pretrained[0].name
    readout = {f"readout_sizes.{name}": sizes, f"readout_stages.{name}": stages, f"readout_mirror.{name}": mirror}
    return network_of({**CONFIGURATION, f"pretrained.{name}": entry, **readout}, plugins, classes=3, channels=channels, seed=0)


def features(network, images):
    return keras.Model(network.model.input, network.model.get_layer("classifier").input).predict_on_batch(images)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("uint8")


def test_every_architecture_has_stages_that_end_in_its_feature_map(plugins):
    for name in plugins.names("architecture"):
        net = BuildNet(input_size=128, classes=3, keep_strides=True)
        given = keras.Input((128, 128, 3))
        out = plugins.get("architecture", name)().features(given, net)
        ends = stage_ends(given, out, net.block_ends)
        assert ends[-1] is out, name
        assert len(ends) >= 3, name
        sides = [tensor.shape[1] for tensor in ends]
        assert sides == sorted(sides, reverse=True), name
        shapes = [tuple(tensor.shape) for tensor in ends]
        assert len(set(shapes)) == len(shapes), name


def test_the_last_four_stages_of_efficientnet_lite_are_those_of_the_paper(plugins):
    net = BuildNet(input_size=64, classes=3, keep_strides=True)
    given = keras.Input((64, 64, 3))
    out = plugins.get("architecture", "efficientnet_lite")().features(given, net)
    assert [tensor.shape[-1] for tensor in stage_ends(given, out, net.block_ends)][-4:] == [112, 192, 320, 1280]


def test_a_shortcut_is_no_bottleneck():
    given = keras.Input((8, 8, 4))
    branch = keras.layers.Conv2D(4, 3, padding="same")(given)
    inner = keras.layers.ReLU()(branch)
    out = keras.layers.Add()([given, keras.layers.Conv2D(4, 3, padding="same")(inner)])
    assert bottlenecks(given, out) == [given, out]


def test_stages_without_marks_end_where_the_map_becomes_smaller():
    given = keras.Input((16, 16, 3))
    first = keras.layers.Conv2D(4, 3, padding="same")(given)
    second = keras.layers.Conv2D(8, 3, padding="same")(first)
    third = keras.layers.Conv2D(8, 3, strides=2, padding="same")(second)
    assert stage_ends(given, third) == [second, third]


@pytest.mark.parametrize(
    ("largest", "sizes", "expected"), [(288, 1, (288,)), (288, 2, (288, 160)), (224, 2, (224, 128)), (288, 3, (288, 160, 96)), (32, 3, (32,))]
)
def test_sizes_are_multiples_of_32_below_the_largest(largest, sizes, expected):
    assert Readout(sizes).pixels(largest) == expected


def test_a_plain_readout_sees_the_last_map_alone(plugins, images):
    plain, four = read(plugins), read(plugins, stages=4)
    four.body.set_weights(plain.body.get_weights())
    wide = features(four, images)
    top = features(plain, images)
    assert wide.shape[1] == 96 + 160 + 320 + 1280
    np.testing.assert_allclose(wide[:, -1280:], top, atol=1e-5)


def test_several_sizes_are_read_side_by_side(plugins, images):
    one, both = read(plugins, stages=2), read(plugins, sizes=2, stages=2)
    both.body.set_weights(one.body.get_weights())
    wide = features(both, images)
    np.testing.assert_allclose(wide[:, : 320 + 1280], features(one, images), atol=1e-4)
    assert wide.shape[1] == 2 * (320 + 1280)


def test_a_mirrored_image_has_the_same_features(plugins, images):
    network = read(plugins, sizes=2, stages=2, mirror=True)
    np.testing.assert_allclose(features(network, images), features(network, images[:, :, ::-1]), atol=1e-4)
    plain = read(plugins, sizes=2, stages=2)
    assert np.abs(features(plain, images) - features(plain, images[:, :, ::-1])).max() > 1e-3


def test_mult_adds_count_all_looks_and_weights_once(plugins):
    alone, mirrored, both = (cost(read(plugins, **given).model) for given in ({}, {"mirror": True}, {"sizes": 2, "stages": 3, "mirror": True}))
    body = alone.mult_adds - 1280 * 3
    assert mirrored.mult_adds == 2 * body + 1280 * 3
    assert 2 * body < both.mult_adds < 4 * body
    assert both.params - alone.params == (2 * (160 + 320 + 1280) - 1280) * 3


def test_a_readout_is_saved_and_loaded(plugins, images, tmp_path):
    network = read(plugins, sizes=2, stages=3, mirror=True, channels=3)
    network.model.save(tmp_path / "readout.keras")
    loaded = keras.saving.load_model(tmp_path / "readout.keras", safe_mode=True)
    np.testing.assert_allclose(loaded.predict_on_batch(images), network.model.predict_on_batch(images), atol=1e-5)


def test_gray_images_are_read_as_color(plugins):
    network = read(plugins, sizes=2, stages=2, mirror=True, channels=1)
    gray = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 1)).astype("uint8")
    color = read(plugins, sizes=2, stages=2, mirror=True)
    color.body.set_weights(network.body.get_weights())
    np.testing.assert_allclose(features(network, gray), features(color, gray.repeat(3, axis=3)), atol=1e-4)


def test_a_plugin_that_returns_no_map_is_named(plugins):
    class Broken(plugins.get("architecture", "simple_cnn")):
        def features(self, x, net):
            return keras.layers.Flatten()(x)

    with pytest.raises(PluginError, match="feature map"):
        frozen(Broken(), Pretrained("given", "package:nowhere/*.pth"), 2, size=64)


def test_looks_of_a_readout_are_in_the_order_of_its_features():
    assert looks_of(Readout(2, 1, True), 288) == (Look(288), Look(288, True), Look(160), Look(160, True))
