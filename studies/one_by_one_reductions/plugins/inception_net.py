"""Inception modules whose 1x1 reductions can be left out."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, keras

# 1x1; reduction, 3x3; reduction, 5x5; projection of the pooling
MODULES = ((32, 48, 64, 8, 16, 16), (64, 64, 96, 16, 48, 32))


class InceptionNet(Architecture):
    """Four inception modules in two stages. `reduce=False` leaves out the 1x1 layers in front of the 3x3 and the 5x5 convolutions.

    Szegedy et al. 2015, https://arxiv.org/abs/1409.4842
    """

    name = "inception_net"
    min_size = 16
    reduce = Choice(True, False)

    def features(self, x, net):
        x = blocks.conv(x, net.width(32), 3, net=net)
        for module in MODULES:
            x = blocks.max_pool(x, 2)
            for _ in range(2):
                x = net.after_block(self.module(x, net, *(net.width(channels) for channels in module)))
        return x

    def module(self, x, net, one, three_in, three, five_in, five, pool):  # noqa: PLR0917  # the columns of the paper's table
        def reduced(channels):
            return blocks.conv(x, channels, 1, net=net) if self.reduce else x

        branches = [
            blocks.conv(x, one, 1, net=net),
            blocks.conv(reduced(three_in), three, 3, net=net),
            blocks.conv(reduced(five_in), five, 5, net=net),
            blocks.conv(blocks.max_pool(x, 3, stride=1), pool, 1, net=net),
        ]
        return keras.layers.Concatenate()(branches)
