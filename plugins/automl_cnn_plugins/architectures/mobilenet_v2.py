"""MobileNetV2: cheap depthwise convolutions between thin linear bottlenecks."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Pretrained, Story

#          channels, repeats, stride; the first has no expansion
STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
HEAD = 1280


class MobileNetV2(Architecture):
    """Inverted residuals. Much accuracy for few mult-adds and weights: choose it for phones and small CPUs.

    The channels are widened `expansion` times inside each block. As in the paper, the last layer
    keeps its 1280 channels below width 1. The first and the second downsampling are left out below
    64 and 128 px.

    Sandler et al. 2018, https://arxiv.org/abs/1801.04381
    """

    name = "mobilenet_v2"
    min_size = 16
    story = Story(
        2018,
        "ResNet's block turned inside out: thin at its ends and wide in the middle, where depthwise kernels are cheap. "
        "The thin end has no activation, which would destroy information in few channels.",
        """x ---- 1x1 widens -> depthwise 3x3 -> 1x1 narrows, linear ----+----
   '----------------------------------------------------------'""",
        before=("mobilenet", "resnet"),
        after=("efficientnet",),
        studies=("inverted_residuals",),
        notebooks=("05_what_depthwise_saves",),
    )
    pretrained = (
        Pretrained("mobilenet_v2", "keras:MobileNetV2", top_1=0.713),
        Pretrained("mobilenet_v2_140", "keras:MobileNetV2?alpha=1.4", width=1.4, top_1=0.747),
        Pretrained("mobilenet_v2_130", "keras:MobileNetV2?alpha=1.3", width=1.3, top_1=0.744),
        Pretrained("mobilenet_v2_075", "keras:MobileNetV2?alpha=0.75", width=0.75, top_1=0.698),
        Pretrained("mobilenet_v2_050", "keras:MobileNetV2?alpha=0.5", width=0.5, top_1=0.654),
        Pretrained("mobilenet_v2_035", "keras:MobileNetV2?alpha=0.35", width=0.35, top_1=0.603),
    )
    expansion = Choice(6, 4, 3)

    def features(self, x, net):
        x = blocks.conv(x, net.width(32), 3, net=net, stride=net.early_stride(0), activation="relu6")
        for stage, (channels, repeats, stride) in enumerate(STAGES):
            for index in range(net.depth(repeats)):
                step = 1 if index else net.early_stride(1) if stage == 1 else stride
                x = blocks.inverted_residual(x, net.width(channels), expand=self.expansion if stage else 1, stride=step, net=net)
        return blocks.conv(x, max(HEAD, net.width(HEAD)), 1, net=net, activation="relu6")
