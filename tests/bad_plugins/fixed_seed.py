"""Breaks one rule: every network begins with the same weights."""

from automl_cnn.plugin import Architecture, keras

BROKEN = "the_seed_decides_the_weights"


class FixedSeed(Architecture):
    """Convolutions that always begin alike. Choose it to call one lucky draw a result."""

    name = "fixed_seed"
    min_size = 8

    def features(self, x, net):
        for _ in range(net.depth(4)):
            initializer = keras.initializers.HeNormal(seed=1)
            x = keras.layers.Conv2D(net.width(32), 3, padding="same", kernel_initializer=initializer, kernel_regularizer=net.penalty())(x)
            x = keras.layers.ReLU()(x)
        return net.after_block(x)
