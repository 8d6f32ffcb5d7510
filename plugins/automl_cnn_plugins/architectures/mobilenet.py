"""MobileNet: convolutions taken apart into one kernel per channel and a mix of channels."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Pretrained, Story
from automl_cnn_plugins.tables import MOBILENET


class MobileNet(Architecture):
    """Depthwise separable convolutions in a straight line. Choose it where mult-adds count and for its simplicity; MobileNetV2 is its heir.

    The paper's width multiplier alpha is the framework's width, its resolution multiplier the
    framework's resolution. `squeeze_ratio` adds squeeze-excitation to each block (Hu et al. 2018,
    https://arxiv.org/abs/1709.01507); 0 is without. The first and the second downsampling are left
    out below 64 and 128 px.

    Howard et al. 2017, https://arxiv.org/abs/1704.04861
    """

    name = "mobilenet"
    min_size = 16
    story = Story(
        2017,
        "A 3x3 convolution is split: one kernel for each channel, then a 1x1 layer that mixes the channels. "
        "That needs about a ninth of the mult-adds, and two multipliers make the network narrower or its images smaller.",
        "depthwise 3x3 -> 1x1      thirteen times; the channels double from 64 to 1024",
        before=("googlenet",),
        after=("mobilenet_v2",),
        studies=("separable", "mobilenet_multipliers", "kernel_shapes"),
        notebooks=("05_what_depthwise_saves",),
    )
    pretrained = (
        Pretrained("mobilenet", "keras:MobileNet", top_1=0.704),
        Pretrained("mobilenet_075", "keras:MobileNet?alpha=0.75", width=0.75, top_1=0.684),
        Pretrained("mobilenet_050", "keras:MobileNet?alpha=0.5", width=0.5, top_1=0.637),
        Pretrained("mobilenet_025", "keras:MobileNet?alpha=0.25", width=0.25, top_1=0.506),
    )
    squeeze_ratio = Choice(0, 16, 8, 4)

    def features(self, x, net):
        x = blocks.conv(x, net.width(32), 3, net=net, stride=net.early_stride(0), activation="relu6")
        for stage, (channels, repeats, stride) in enumerate(MOBILENET):
            for index in range(net.depth(repeats)):
                step = 1 if index else net.early_stride(1) if stage == 1 else stride
                x = blocks.separable(x, net.width(channels), 3, net=net, stride=step, activation="relu6")
                if self.squeeze_ratio:
                    x = blocks.squeeze_excite(x, 1 / self.squeeze_ratio, net=net)
                x = net.after_block(x)
        return x
