"""AlexNet: large kernels first, then small ones; the network that began it."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Story, keras

#            the 11x11 and the 5x5 layer, then the 3x3 layers
CHANNELS = {"one_tower": (64, 192, (384, 256, 256)), "two_groups": (96, 256, (384, 384, 256))}


class AlexNet(Architecture):
    """An 11x11, a 5x5 and three 3x3 convolutions. Few layers, so it runs fast at 224 px; later families are more accurate.

    Choose it as the historic baseline. `variant` "two_groups" is the network of 2012, split over two
    GPUs: the second, fourth and fifth layer see only half of the channels each, for half the
    weights. "one_tower" is that of 2014, thinner and whole. `norm=False` with
    `classifier="dense"` and `local_response_norm=True` is as published (with the `dropout`
    regularizer at 0.5); batch norm lets it train without care, global average pooling ("gap")
    saves 95 % of its weights, which small sets cannot feed. `overlapping` poolings are 3x3 with
    stride 2, the others 2x2.

    The first convolution's stride is 4 from 128 px, 2 from 64 px, else 1. The depth multiplier
    acts on the number of 3x3 layers; further ones are as the last.

    Krizhevsky et al. 2012, https://papers.nips.cc/paper/4824; one tower: Krizhevsky 2014,
    https://arxiv.org/abs/1404.5997
    """

    name = "alexnet"
    min_size = 16
    story = Story(
        2012,
        "Deep convolutional networks, ReLU and dropout, trained on two graphics cards: half the error of everything before on ImageNet. "
        "Large kernels come first, and nine tenths of its weights are in two fully connected layers.",
        "11x11 /4 -> pool -> 5x5 -> pool -> 3x3 -> 3x3 -> 3x3 -> pool -> dense 4096 -> dense 4096 -> classes",
        before=("simple_cnn",),
        after=("vgg", "googlenet"),
        studies=("pooling_or_dense",),
        notebooks=("03_reductions_and_pooling",),
    )
    variant = Choice("one_tower", "two_groups")
    norm = Choice(True, False)
    classifier = Choice("gap", "dense")
    local_response_norm = Choice(False, True)
    overlapping = Choice(True, False)

    def features(self, x, net):
        first, second, rest = CHANNELS[self.variant]
        stride = net.early_stride(0) * net.early_stride(1)
        x = blocks.conv(x, net.width(first), 11, net=net, stride=stride, padding=2 if stride == 4 else 5, norm=self.norm)
        x = net.after_block(self.pool(self.normalize(x), stride))
        x = self.conv(x, second, 5, net)
        x = net.after_block(self.pool(self.normalize(x), stride))
        for index in range(net.depth(len(rest))):
            x = self.conv(x, rest[min(index, len(rest) - 1)], 3, net, whole=index == 0)
        return net.after_block(self.pool(x, stride))

    def conv(self, x, channels, kernel, net, whole=False):
        if whole or self.variant == "one_tower":
            return blocks.conv(x, net.width(channels), kernel, net=net, norm=self.norm)
        # Conv2D(groups=2) gives the same, but on a CPU Keras compiles it by XLA, many times slower.
        halves = keras.ops.split(x, 2, axis=-1)
        return keras.layers.Concatenate()([blocks.conv(half, net.width(channels) // 2, kernel, net=net, norm=self.norm) for half in halves])

    def normalize(self, x):
        return blocks.local_response_norm(x) if self.local_response_norm else x

    def pool(self, x, stride):
        # The paper's poolings drop the border; small maps have none to spare.
        return blocks.max_pool(x, 3 if self.overlapping else 2, stride=2, padding="valid" if stride == 4 else "same")

    def head(self, x, net):
        if self.classifier == "gap":
            return blocks.global_average_pool(x)
        x = blocks.flatten(x)
        for _ in range(2):
            x = blocks.dense(net.before_dense(x), net.width(4096), net=net)
        return x
