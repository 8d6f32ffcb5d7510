"""VGG: nothing but 3x3 convolutions and pooling."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Inputs, Pretrained, Story

REPEATS = {"A": (1, 1, 2, 2, 2), "B": (2, 2, 2, 2, 2), "C": (2, 2, 2, 2, 2), "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)


class VGG(Architecture):
    """Plain stacks of 3x3 convolutions. Simple and strong on small images; many mult-adds.

    Choose it as the reference to beat, or to see what depth alone gives. A, B, D and E have 11,
    13, 16 and 19 weighted layers; C is B with a 1x1 layer at the end of the last three stages,
    where D has a third 3x3: more non-linearities, but nothing more of the image is seen. `norm=False`
    with `classifier="dense"` is the network of the paper; batch norm lets it train without care,
    global average pooling ("gap") saves nine tenths of its weights. Of the five poolings, the
    first is left out below 64 px and the second below 128 px.

    `kernel` 5 or 7 makes the paper's comparison of kernel shapes: in each stage, one 5x5 layer
    stands for every two 3x3 layers, or one 7x7 for every three, and what is left over becomes one
    smaller layer (3x3 for one, 5x5 for two). Every stage thus sees as far as before, with fewer
    layers and more weights: 49C² in place of 27C² for 7x7. At depth 1, A and B have no three layers
    in a row, so that 7 equals 5 there; from D on they differ.

    Simonyan and Zisserman 2015, https://arxiv.org/abs/1409.1556
    """

    name = "vgg"
    min_size = 16
    story = Story(
        2014,
        "Only 3x3 convolutions: three in a row see as far as one 7x7, with fewer weights and more non-linearities. "
        "Depth alone then improves the network, up to 19 layers.",
        "3x3 -> 3x3 -> (3x3 ->) pool      five times; the channels double from 64 to 512",
        before=("alexnet",),
        after=("resnet",),
        studies=("three_small_kernels", "vgg_depth", "vgg_configuration_c"),
        notebooks=("02_three_small_kernels", "08_overfit_then_remedy"),
    )
    variant = Choice("A", "B", "C", "D", "E")
    norm = Choice(True, False)
    classifier = Choice("gap", "dense")
    kernel = Choice(3, 5, 7)
    pretrained = tuple(
        Pretrained(
            name,
            f"keras:{name.upper()}",
            {"variant": variant, "norm": False, "classifier": "gap", "kernel": 3},
            inputs=Inputs.caffe(),
            top_1=0.713,
        )
        for name, variant in (("vgg16", "D"), ("vgg19", "E"))
    )

    def features(self, x, net):
        for stage, (repeats, channels) in enumerate(zip(REPEATS[self.variant], CHANNELS, strict=True)):
            for kernel in self.kernels(net.depth(repeats)):
                x = blocks.conv(x, net.width(channels), kernel, net=net, norm=self.norm)
            if self.variant == "C" and stage > 1:
                for _ in range(net.depth(1)):
                    x = blocks.conv(x, net.width(channels), 1, net=net, norm=self.norm)
            if stage > 1 or net.early_stride(stage) == 2:
                x = blocks.max_pool(x, 2)
            x = net.after_block(x)
        return x

    def kernels(self, layers):
        """The kernels that see as far as `layers` of 3x3."""
        large, left = divmod(layers, self.kernel // 2)
        return [self.kernel] * large + [2 * left + 1] * bool(left)

    def head(self, x, net):
        if self.classifier == "gap":
            return blocks.global_average_pool(x)
        x = blocks.flatten(x)
        for _ in range(2):
            x = blocks.dense(net.before_dense(x), net.width(4096), net=net)
        return x
