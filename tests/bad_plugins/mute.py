"""Breaks one rule: it says nothing about itself."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture

BROKEN = "says_what_it_is_and_when_to_choose_it"


class Mute(Architecture):
    name = "mute"
    min_size = 8

    def features(self, x, net):
        for _ in range(net.depth(2)):
            x = blocks.conv(x, net.width(32), 3, net=net)
        return net.after_block(x)
