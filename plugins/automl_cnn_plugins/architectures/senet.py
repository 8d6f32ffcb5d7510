"""SENet: known networks whose blocks weigh their channels by what the whole image holds."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Story
from automl_cnn_plugins.tables import GOOGLENET, MOBILENET

RESNET = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}


class SENet(Architecture):
    """Squeeze-excitation in every block of a known network: a point or so of accuracy for hardly more mult-adds and a tenth more weights.

    Choose it to improve the `trunk` that already does well. "mobilenet" has the fewest weights and
    mult-adds, for small sets and CPUs; "resnet50" is the paper's main network, "inception" is
    GoogLeNet with batch norm. Each block's channels are squeezed to a `ratio`-th of themselves.
    The depth multiplier stretches the inception stages' lists of modules, repeating some. The
    first and the second downsampling are left out below 64 and 128 px.

    Hu et al. 2018, https://arxiv.org/abs/1709.01507
    """

    name = "senet"
    min_size = 16
    story = Story(
        2017,
        "Each block computes from the whole map how much each channel matters, and scales it. It fits into any network, for hardly any mult-adds.",
        """map ----+---------------------------------------------- x ----
        '-- mean of each channel -> dense -> dense, sigmoid --'""",
        before=("resnet", "googlenet"),
        after=("efficientnet",),
        studies=("squeeze_excitation",),
        notebooks=("06_squeeze_excitation",),
    )
    trunk = Choice("mobilenet", "resnet18", "resnet50", "inception")
    ratio = Choice(16, 8, 4, 32)

    def features(self, x, net):
        if self.trunk == "mobilenet":
            return self.mobilenet(x, net)
        return self.inception(x, net) if self.trunk == "inception" else self.resnet(x, net)

    def mobilenet(self, x, net):
        x = blocks.conv(x, net.width(32), 3, net=net, stride=net.early_stride(0), activation="relu6")
        for stage, (channels, repeats, stride) in enumerate(MOBILENET):
            for index in range(net.depth(repeats)):
                step = 1 if index else net.early_stride(1) if stage == 1 else stride
                x = blocks.separable(x, net.width(channels), 3, net=net, stride=step, activation="relu6")
                x = net.after_block(blocks.squeeze_excite(x, 1 / self.ratio, net=net))
        return x

    def resnet(self, x, net):
        x = net.stem(x, 64)
        for stage, repeats in enumerate(RESNET[self.trunk]):
            for index in range(net.depth(repeats)):
                x = blocks.residual_block(
                    x,
                    net.width(64 * 2**stage),
                    net=net,
                    stride=2 if stage and not index else 1,
                    bottleneck=self.trunk == "resnet50",
                    squeeze=1 / self.ratio,
                    downsample="1x1",
                )
        return x

    def inception(self, x, net):
        x = net.stem(x, 64)
        x = blocks.conv(x, net.width(64), 1, net=net)
        x = blocks.conv(x, net.width(192), 3, net=net)
        for modules in GOOGLENET:
            x = blocks.max_pool(x, 3, stride=2)
            count = net.depth(len(modules))
            for index in range(count):
                channels = modules[index * len(modules) // count]
                *columns, pool = map(net.width, channels)
                x = blocks.inception(x, *columns, pool=pool, net=net, norm=True, squeeze=1 / self.ratio)
        return x
