"""Breaks one rule: with five stages nothing is left of a small image."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Int, keras

BROKEN = "builds_at_every_edge_of_its_space"


class Vanishing(Architecture):
    """Stages that halve the map. Choose it to fail in the middle of a search."""

    name = "vanishing"
    min_size = 16
    stages = Int(1, 5, default=2)

    def features(self, x, net):
        for _ in range(self.stages):
            for _ in range(net.depth(1)):
                x = blocks.conv(x, net.width(32), 3, net=net)
            x = keras.layers.MaxPooling2D(2, padding="valid")(x)
        return net.after_block(x)
