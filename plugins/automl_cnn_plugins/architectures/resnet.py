"""ResNet: layers that learn what to add to their input."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice

REPEATS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class ResNet(Architecture):
    """Residual blocks: depth without degradation. The safe first choice from about 1,000 images.

    18 and 34 have blocks of two 3x3 convolutions, 50 has bottlenecks (1x1, 3x3, 1x1) with four
    times the channels. Strides are on the 3x3; where the shape changes, the shortcut is a
    projection. `shortcut=False` is the plain network of the paper's figure 1, which shows why the
    shortcuts are there.

    He et al. 2016, https://arxiv.org/abs/1512.03385
    """

    name = "resnet"
    min_size = 16
    variant = Choice(18, 34, 50)
    shortcut = Choice(True, False)

    def features(self, x, net):
        x = net.stem(x, 64)
        for stage, repeats in enumerate(REPEATS[self.variant]):
            for index in range(net.depth(repeats)):
                x = self.block(x, net.width(64 * 2**stage), stride=2 if stage and not index else 1, net=net)
        return x

    def block(self, x, channels, *, stride, net):
        if self.variant == 50:
            out = 4 * channels
            branch = blocks.conv(x, channels, 1, net=net)
            branch = blocks.conv(branch, channels, 3, net=net, stride=stride)
            branch = blocks.conv(branch, out, 1, net=net, activation=None, zero_scale=self.shortcut)
        else:
            out = channels
            branch = blocks.conv(x, channels, 3, net=net, stride=stride)
            branch = blocks.conv(branch, out, 3, net=net, activation=None, zero_scale=self.shortcut)
        if not self.shortcut:
            return net.after_block(blocks.activate(branch, "relu"))
        if stride != 1 or x.shape[-1] != out:
            x = blocks.conv(x, out, 1, net=net, stride=stride, activation=None)
        return blocks.residual(x, branch, net=net, activation="relu")
