"""Breaks one rule: its second convolution does not ask for the penalty."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, keras

BROKEN = "every_kernel_is_penalized"


class Unpenalized(Architecture):
    """Two kinds of convolutions. Choose it to see L2 act on half of the network."""

    name = "unpenalized"
    min_size = 8

    def features(self, x, net):
        x = blocks.conv(x, net.width(32), 3, net=net)
        for _ in range(net.depth(2)):
            x = keras.layers.Conv2D(net.width(32), 3, padding="same", activation="relu")(x)
        return net.after_block(x)
