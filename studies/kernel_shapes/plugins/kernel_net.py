"""A plain network, all of whose convolutions have one shape."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice


class KernelNet(Architecture):
    """Three stages of two convolutions with 32, 64 and 128 channels. `kernel` is the shape of all of them, the first one included."""

    name = "kernel_net"
    min_size = 16
    kernel = Choice("3x3", "1x1", "5x5", "7x7", "1x7_7x1", "depthwise", "dilated")

    def features(self, x, net):
        for channels in (32, 64, 128):
            for _ in range(2):
                x = self.layer(x, net.width(channels), net)
            x = net.after_block(blocks.max_pool(x, 2))
        return x

    def layer(self, x, channels, net):
        if self.kernel == "1x7_7x1":
            return blocks.conv(blocks.conv(x, channels, (1, 7), net=net), channels, (7, 1), net=net)
        if self.kernel == "depthwise":
            return blocks.separable(x, channels, 3, net=net)
        if self.kernel == "dilated":
            return blocks.conv(x, channels, 3, net=net, dilation=2)
        return blocks.conv(x, channels, int(self.kernel[0]), net=net)
