import keras
import pytest

from automl_cnn.errors import PluginError
from automl_cnn.models.cost import cost


def paid(*layers, shape=(8, 8, 3)):
    return cost(keras.Sequential([keras.Input(shape), *layers]))


@pytest.mark.parametrize(
    ("layer", "mult_adds"),
    [
        (keras.layers.Conv2D(5, 3, padding="same"), 64 * 9 * 3 * 5),
        (keras.layers.Conv2D(5, 3, strides=2), 9 * 9 * 3 * 5),
        (keras.layers.Conv2D(6, 1, groups=3), 64 * 1 * 6),
        (keras.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2), 64 * 9 * 3 * 2),
        (keras.layers.SeparableConv2D(5, 3, padding="same"), 64 * (9 * 3 + 3 * 5)),
        (keras.layers.Conv2DTranspose(5, 2, strides=2), 64 * 4 * 3 * 5),
        (keras.layers.Dense(7), 64 * 3 * 7),
        (keras.layers.MaxPooling2D(), 0),
        (keras.layers.BatchNormalization(), 0),
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


def test_an_unknown_map_size_is_said():
    with pytest.raises(PluginError, match="not fixed"):
        paid(keras.layers.Conv2D(4, 3), shape=(None, None, 3))
