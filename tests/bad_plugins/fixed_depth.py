"""Breaks one rule: its repeats are fixed."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture

BROKEN = "the_depth_multiplier_deepens"


class FixedDepth(Architecture):
    """Two convolutions, whatever is asked for. Choose it to waste a search."""

    name = "fixed_depth"
    min_size = 8

    def features(self, x, net):
        for _ in range(2):
            x = blocks.conv(x, net.width(32), 3, net=net)
        return net.after_block(x)
