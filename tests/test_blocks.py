import keras
import numpy as np
import pytest

from automl_cnn import blocks
from automl_cnn.models.net import BuildNet


@pytest.mark.parametrize("channels", [8, 512])
@pytest.mark.parametrize("brick", ["conv", "depthwise"])
def test_a_fresh_layer_keeps_the_size_of_its_signal_whatever_the_number_of_channels(brick, channels):
    net = BuildNet(input_size=16, classes=2)
    given = keras.Input((16, 16, channels))
    made = {
        "conv": lambda: blocks.conv(given, channels, 3, net=net, norm=False, activation="relu"),
        "depthwise": lambda: blocks.depthwise(given, 3, net=net, norm=False, activation="relu"),
    }[brick]()
    x = np.random.default_rng(0).normal(size=(4, 16, 16, channels)).astype("float32")
    y = keras.ops.convert_to_numpy(keras.Model(given, made)(x))
    assert np.mean(y**2) / np.mean(x**2) == pytest.approx(1, rel=0.5)
