"""One network with the blocks of MobileNetV2 or of ResNet."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice

# channels, repeats, stride
STAGES = ((16, 1, 1), (24, 2, 2), (48, 3, 2), (96, 2, 2))
EXPANSION = 6
WIDER = 4  # how many times wider a bottleneck is at its ends


class BlockNet(Architecture):
    """Four stages of eight blocks. `block` "inverted" is MobileNetV2's, "bottleneck" and "basic" are ResNet's.

    "inverted_relu" has an activation where MobileNetV2's block is linear.
    """

    name = "block_net"
    min_size = 16
    block = Choice("inverted", "inverted_relu", "bottleneck", "basic")

    def features(self, x, net):
        x = blocks.conv(x, net.width(16), 3, net=net)
        for channels, repeats, stride in STAGES:
            for index in range(repeats):
                x = self.layer(x, net.width(channels), 1 if index else stride, net)
        return x

    def layer(self, x, channels, stride, net):
        if self.block == "inverted":
            return blocks.inverted_residual(x, channels, net=net, expand=EXPANSION, stride=stride)
        if self.block == "inverted_relu":
            branch = blocks.conv(x, EXPANSION * x.shape[-1], 1, net=net, activation="relu6")
            branch = blocks.depthwise(branch, 3, net=net, stride=stride, activation="relu6")
            branch = blocks.conv(branch, channels, 1, net=net, activation="relu6")
            return blocks.residual(x, branch, net=net) if stride == 1 and x.shape[-1] == channels else net.after_block(branch)
        return blocks.residual_block(x, channels, net=net, stride=stride, bottleneck=self.block == "bottleneck")
