"""ResNet: layers that learn what to add to their input."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Inputs, Pretrained, Story

REPEATS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
THIN = (20, 32, 44, 56, 110)  # 6n + 2 layers, for images of 32 px


def _keras(variant, top_1):
    point = {"variant": variant, "downsample": "1x1"}
    return Pretrained(f"resnet{variant}", f"keras:ResNet{variant}", point, inputs=Inputs.caffe(), epsilon=1.001e-5, top_1=top_1)


class ResNet(Architecture):
    """Residual blocks: depth without degradation. The safe first choice from about 1,000 images.

    18 and 34 have blocks of two 3x3 convolutions; 50, 101 and 152 have bottlenecks (1x1, 3x3, 1x1)
    with four times the channels, whose stride `downsample` puts on the 3x3, or on the first 1x1 as
    in the paper. 20 to 110 are the paper's thin networks for images of 32 px, with three stages of
    16, 32 and 64 channels and shortcuts without weights: choose them where a model must have few.
    All leave the first and the second downsampling out below 64 and 128 px; the thin ones have
    theirs on top of the paper's.

    `shortcut=False` is the plain network of the paper's figure 1, which shows why the shortcuts
    are there. `squeeze_ratio` adds squeeze-excitation to each block (Hu et al. 2018,
    https://arxiv.org/abs/1709.01507); 0 is without.

    He et al. 2016, https://arxiv.org/abs/1512.03385
    """

    name = "resnet"
    min_size = 16
    story = Story(
        2015,
        "Each block learns a residual to add to its input. Passing the input on is easy: the branch need only be zero. "
        "Networks of a hundred layers then train as well as those of ten.",
        """x ---- 3x3 -> 3x3 ----+---- ReLU
   '------------------'      the shortcut""",
        before=("vgg", "googlenet"),
        after=("mobilenet_v2", "senet"),
        studies=("degradation", "squeeze_excitation"),
        notebooks=("04_deep_plain_networks", "06_squeeze_excitation"),
    )
    pretrained = (_keras(50, 0.749), _keras(101, 0.764), _keras(152, 0.766))
    variant = Choice(*REPEATS, *THIN)
    shortcut = Choice(True, False)
    downsample = Choice("3x3", "1x1")
    squeeze_ratio = Choice(0, 16, 8, 4)

    def features(self, x, net):
        thin = self.variant in THIN
        if thin:
            x = blocks.conv(x, net.width(16), 3, net=net, stride=net.early_stride(0))
            base, stages, first = 16, ((self.variant - 2) // 6,) * 3, net.early_stride(1)
        else:
            x = net.stem(x, 64)
            base, stages, first = 64, REPEATS[self.variant], 1
        for stage, repeats in enumerate(stages):
            for index in range(net.depth(repeats)):
                x = blocks.residual_block(
                    x,
                    net.width(base * 2**stage),
                    net=net,
                    stride=1 if index else 2 if stage else first,
                    bottleneck=not thin and self.variant >= 50,
                    shortcut=self.shortcut,
                    project=not thin,
                    squeeze=1 / self.squeeze_ratio if self.squeeze_ratio else 0.0,
                    downsample=self.downsample,
                )
        return x
