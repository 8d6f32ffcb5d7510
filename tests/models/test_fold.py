"""Batch norms folded into the convolutions before them: the same outputs, fewer layers at work."""

import keras
import numpy as np
import pytest

from automl_cnn import registry
from automl_cnn.models.fold import Same, folded
from automl_cnn.models.net import BuildNet
from automl_cnn.models.readout import frozen
from automl_cnn.plugin import Pretrained

GIVEN = (16, 16, 3)


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(3, *GIVEN)).astype("float32")


def unsettled(model, seed=0):
    """The model with random weights and statistics, as if it had been trained."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            values = [np.exp(0.5 * rng.normal(size=weight.shape)) if "variance" in weight.path else rng.normal(size=weight.shape) for weight in layer.weights]
            layer.set_weights(values)
        elif layer.get_weights():
            layer.set_weights([0.3 * rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return model


def check(model, images, norms):
    """That folding changes no output, leaves the model alone, and folds as many norms."""
    before, weights, names = model.predict_on_batch(images), model.get_weights(), [layer.name for layer in model.layers]
    made = folded(model)
    for first, second in zip(keras.tree.flatten(before), keras.tree.flatten(made.predict_on_batch(images)), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4 * np.abs(first).max())
    assert sum(isinstance(layer, Same) for layer in made.layers) == norms
    assert [layer.name for layer in model.layers] == names
    for first, second in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(keras.tree.flatten(before)[0], keras.tree.flatten(model.predict_on_batch(images))[0])
    return made


def test_norms_behind_convolutions_are_folded_and_the_outputs_stay(images):
    given = keras.Input(GIVEN)
    x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(given)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(x)
    x = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(epsilon=0.01)(x))
    x = keras.layers.Conv2D(4, 1)(x)
    model = unsettled(keras.Model(given, keras.layers.BatchNormalization()(x)))
    made = check(model, images, 3)
    assert not [layer for layer in made.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(made.get_weights()) == 6, "a kernel and a bias for each convolution"


@pytest.mark.parametrize(("scale", "center"), [(False, True), (True, False), (False, False)])
def test_norms_without_scale_or_center_are_folded(images, scale, center):
    given = keras.Input(GIVEN)
    x = keras.layers.BatchNormalization(scale=scale, center=center)(keras.layers.Conv2D(8, 3)(given))
    x = keras.layers.BatchNormalization(scale=scale, center=center)(keras.layers.DepthwiseConv2D(3, use_bias=False)(x))
    check(unsettled(keras.Model(given, x)), images, 2)


def test_a_convolution_whose_output_is_used_twice_stays_as_it_is(images):
    given = keras.Input(GIVEN)
    conv = keras.layers.Conv2D(8, 3, padding="same")(given)
    out = keras.layers.Add()([keras.layers.BatchNormalization()(conv), conv])
    check(unsettled(keras.Model(given, out)), images, 0)


def test_a_convolution_that_is_an_output_itself_stays_as_it_is(images):
    given = keras.Input(GIVEN)
    conv = keras.layers.Conv2D(8, 3, padding="same")(given)
    check(unsettled(keras.Model(given, [conv, keras.layers.BatchNormalization()(conv)])), images, 0)


def test_a_layer_with_two_calls_stays_as_it_is(images):
    given = keras.Input(GIVEN)
    conv, norm = keras.layers.Conv2D(3, 3, padding="same"), keras.layers.BatchNormalization()
    x = norm(conv(given))
    check(unsettled(keras.Model(given, norm(conv(x)))), images, 0)


def test_an_activation_between_them_keeps_the_norm(images):
    given = keras.Input(GIVEN)
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 3, activation="relu")(given))
    x = keras.layers.BatchNormalization()(keras.layers.ReLU()(keras.layers.Conv2D(8, 3)(x)))
    check(unsettled(keras.Model(given, x)), images, 0)


def test_a_norm_of_the_input_or_of_another_axis_stays(images):
    given = keras.Input(GIVEN)
    x = keras.layers.BatchNormalization()(given)
    x = keras.layers.BatchNormalization(axis=1)(keras.layers.Conv2D(8, 3, padding="same")(x))
    check(unsettled(keras.Model(given, x)), images, 0)


def test_a_convolution_in_groups_is_folded(images):
    given = keras.Input(GIVEN)
    x = keras.layers.Conv2D(6, 3, padding="same", groups=3, dilation_rate=2)(given)
    check(unsettled(keras.Model(given, keras.layers.BatchNormalization()(x))), images, 1)


@pytest.mark.parametrize("name", ["efficientnet_lite", "mobilenet_v2", "resnet"])
def test_frozen_networks_say_the_same_when_they_are_folded(name):
    architecture = registry.load(None).get("architecture", name)()
    _, reader = frozen(architecture, Pretrained("given", "package:nowhere/*.pth"), 4, size=32)
    images = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")
    norms = sum(isinstance(layer, keras.layers.BatchNormalization) for layer in reader.layers)
    made = check(reader, images, norms)
    assert norms > 10
    assert len(made.outputs) == len(reader.outputs) == 4


def test_every_architecture_can_be_folded():
    plugins = registry.load(None)
    images = np.random.default_rng(1).normal(size=(1, 64, 64, 3)).astype("float32")
    for name in ("vgg", "googlenet", "densenet", "simple_cnn"):
        if name in plugins.names("architecture"):
            given = keras.Input((64, 64, 3))
            out = plugins.get("architecture", name)().features(given, BuildNet(input_size=64, classes=3))
            model = unsettled(keras.Model(given, out)) if name == "simple_cnn" else keras.Model(given, out)
            np.testing.assert_allclose(model.predict_on_batch(images), folded(model).predict_on_batch(images), rtol=1e-3, atol=1e-3)
