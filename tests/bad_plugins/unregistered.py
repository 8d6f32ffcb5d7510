"""Breaks one rule: a layer of its own that is not registered."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, keras

BROKEN = "holds_only_layers_that_can_be_loaded"


class Unregistered(Architecture):
    """Convolutions and a layer that doubles. Choose it to have a model that nobody can load."""

    name = "unregistered"
    min_size = 8

    def features(self, x, net):
        class Double(keras.layers.Layer):
            def call(self, x):
                return 2 * x

        for _ in range(net.depth(2)):
            x = blocks.conv(x, net.width(32), 3, net=net)
        return net.after_block(Double()(x))
