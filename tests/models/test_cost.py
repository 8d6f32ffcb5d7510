import keras
import pytest

from automl_cnn.errors import PluginError
from automl_cnn.layers import LocalResponseNorm, StochasticDepth
from automl_cnn.models.cost import cost
from automl_cnn.models.estimate import estimate
from automl_cnn.registry import load


def paid(*layers, shape=(8, 8, 3)):
    return cost(keras.Sequential([keras.Input(shape), *layers]))


@pytest.mark.parametrize(
    ("layer", "mult_adds"),
    [
        (keras.layers.Conv2D(5, 3, padding="same"), 64 * 9 * 3 * 5),
        (keras.layers.Conv2D(5, 3, strides=2), 9 * 9 * 3 * 5),
        (keras.layers.Conv2D(6, 1, groups=3), 64 * 1 * 6),
        (keras.layers.Conv2D(6, 3, groups=3, padding="same"), 64 * 9 * 1 * 6),
        (keras.layers.Conv2D(5, 3, dilation_rate=2), 4 * 4 * 9 * 3 * 5),
        (keras.layers.Conv2D(5, (1, 3), padding="same"), 64 * 3 * 3 * 5),
        (keras.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2), 64 * 9 * 3 * 2),
        (keras.layers.SeparableConv2D(5, 3, padding="same"), 64 * (9 * 3 + 3 * 5)),
        (keras.layers.Conv2DTranspose(5, 2, strides=2), 64 * 4 * 3 * 5),
        (keras.layers.Dense(7), 64 * 3 * 7),
        (keras.layers.MaxPooling2D(), 0),
        (keras.layers.AveragePooling2D(2), 0),
        (keras.layers.GlobalAveragePooling2D(), 0),
        (keras.layers.ZeroPadding2D(2), 0),
        (keras.layers.BatchNormalization(), 0),
        (keras.layers.Activation("silu"), 0),
        (LocalResponseNorm(), 0),
        (StochasticDepth(0.5), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.layers.Layer) else str(value),
)
def test_mult_adds_of_one_layer(layer, mult_adds):
    assert paid(layer).mult_adds == mult_adds


def test_moving_statistics_are_no_parameters():
    assert paid(keras.layers.BatchNormalization()).params == 6


def test_the_layers_add_up_and_say_their_shapes():
    total = paid(keras.layers.Conv2D(4, 3, padding="same", name="one"), keras.layers.Flatten(), keras.layers.Dense(2))
    assert (total.params, total.mult_adds) == (sum(layer.params for layer in total.layers), sum(layer.mult_adds for layer in total.layers))
    assert (total.layers[0].name, total.layers[0].kind, total.layers[0].shape) == ("one", "Conv2D", (8, 8, 4))


def test_a_shared_layer_works_twice_but_weighs_once():
    given = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(3, 1)
    total = cost(keras.Model(given, layer(layer(given))))
    assert (total.params, total.mult_adds) == (12, 2 * 64 * 9)


def test_adding_and_weighing_maps_counts_as_nothing():
    one, two = keras.Input((8, 8, 3)), keras.Input((1, 1, 3))
    assert cost(keras.Model([one, two], keras.layers.Add()([keras.layers.Multiply()([one, two]), one]))).mult_adds == 0


def test_activations_are_the_values_of_every_layers_output():
    total = paid(keras.layers.Conv2D(4, 3, padding="same"), keras.layers.ReLU(), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2))
    assert [layer.activations for layer in total.layers] == [256, 256, 4, 2]
    assert (total.activations, total.memory) == (518, 4 * 518)


def test_pixels_that_come_in_are_no_activations_and_a_shared_layers_uses_all_count():
    given = keras.Input((8, 8, 3), name="pixels")
    layer = keras.layers.Conv2D(3, 1, name="shared")
    counted = {one.name: one.activations for one in cost(keras.Model(given, layer(layer(given)))).layers}
    assert counted == {"pixels": 0, "shared": 2 * 192}


def test_a_built_network_of_pixels_of_any_size_has_its_memory_told():
    registry = load()
    assert estimate({"architecture": "vgg", "resolution": 32}, registry, classes=10, channels=3).activations > 64 * 32 * 32


@pytest.mark.parametrize("name", load().names("architecture"))
def test_no_kernel_of_an_installed_architecture_counts_as_nothing(name):
    size = load().get("architecture", name).min_size
    counted = estimate({"architecture": name, "resolution": size, "width": 0.25, "depth": 0.25}, load(), classes=10, channels=3)
    assert [layer for layer in counted.layers if layer.params and not layer.mult_adds and layer.kind != "BatchNormalization"] == []


@pytest.mark.parametrize("layer", [keras.layers.Conv2D(4, 3), keras.layers.ReLU()], ids=["convolution", "activation"])
def test_an_unknown_map_size_is_said(layer):
    with pytest.raises(PluginError, match="not fixed"):
        paid(layer, shape=(None, None, 3))
