"""Breaks one rule: its channels are fixed."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture

BROKEN = "the_width_multiplier_widens"


class FixedWidth(Architecture):
    """Convolutions of 32 channels, whatever is asked for. Choose it to waste a search."""

    name = "fixed_width"
    min_size = 8

    def features(self, x, net):
        for _ in range(net.depth(2)):
            x = blocks.conv(x, 32, 3, net=net)
        return net.after_block(x)
