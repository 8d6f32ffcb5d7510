"""VGG: nothing but 3x3 convolutions and pooling."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice

REPEATS = {"A": (1, 1, 2, 2, 2), "B": (2, 2, 2, 2, 2), "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)


class VGG(Architecture):
    """Plain stacks of 3x3 convolutions. Simple and strong on small images; many mult-adds.

    Choose it as the reference to beat, or to see what depth alone gives. A, B, D and E have 11,
    13, 16 and 19 weighted layers. `norm=False` with `classifier="dense"` is the network of the
    paper; batch norm lets it train without care, global average pooling ("gap") saves nine tenths
    of its weights. Of the five poolings, the first is left out below 64 px and the second below
    128 px.

    Simonyan and Zisserman 2015, https://arxiv.org/abs/1409.1556
    """

    name = "vgg"
    min_size = 16
    variant = Choice("A", "B", "D", "E")
    norm = Choice(True, False)
    classifier = Choice("gap", "dense")

    def features(self, x, net):
        for stage, (repeats, channels) in enumerate(zip(REPEATS[self.variant], CHANNELS, strict=True)):
            for _ in range(net.depth(repeats)):
                x = blocks.conv(x, net.width(channels), 3, net=net, norm=self.norm)
            if stage > 1 or net.early_stride(stage) == 2:
                x = blocks.max_pool(x, 2)
            x = net.after_block(x)
        return x

    def head(self, x, net):
        if self.classifier == "gap":
            return blocks.global_average_pool(x)
        x = blocks.flatten(x)
        for _ in range(2):
            x = blocks.dense(net.before_dense(x), net.width(4096), net=net)
        return x
