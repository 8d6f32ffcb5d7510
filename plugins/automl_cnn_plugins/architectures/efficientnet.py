"""EfficientNet: a small network found by search, scaled in depth, width and resolution together."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Inputs, Pretrained, Story
from automl_cnn_plugins.tables import EFFICIENTNET, EFFICIENTNET_HEAD, EFFICIENTNET_STEM


def _keras(number, width, depth, size, top_1):
    return Pretrained(f"b{number}", f"keras:EfficientNetB{number}", width=width, depth=depth, size=size, inputs=Inputs.torch(), top_1=top_1)


class EfficientNet(Architecture):
    """Inverted residuals with squeeze-excitation and SiLU. The most accuracy per mult-add and per weight; choose it to be scaled.

    Width and depth 1 are B0; B1 to B7 are nothing but the multipliers (w, d and pixels) that
    `pretrained` lists. The paper trains them with dropout in front of the classifier (0.2 to 0.5)
    and with stochastic depth (0.2): the regularizers `dropout` and `stochastic_depth`, the latter of
    which acts on every branch that is added to its input. The first and the second downsampling are
    left out below 64 and 128 px.

    Tan and Le 2019, https://arxiv.org/abs/1905.11946
    """

    name = "efficientnet"
    min_size = 16
    story = Story(
        2019,
        "A small network, found by search, and a rule that makes it larger: depth, width and resolution grow together. "
        "It reached the accuracy of much larger networks with an eighth of their weights.",
        """x ---- 1x1 widens -> depthwise -> squeeze-excitation -> 1x1 narrows ----+----
   '--------------------------------------------------------------------'
depth 1.2^phi, width 1.1^phi, resolution 1.15^phi""",
        before=("mobilenet_v2", "senet"),
        after=("efficientnet_lite",),
        studies=("compound_scaling",),
        notebooks=("09_compound_scaling_by_hand",),
    )
    pretrained = (
        _keras(0, 1.0, 1.0, 224, 0.771),
        _keras(1, 1.0, 1.1, 240, 0.791),
        _keras(2, 1.1, 1.2, 260, 0.801),
        _keras(3, 1.2, 1.4, 300, 0.816),
        _keras(4, 1.4, 1.8, 380, 0.829),
        _keras(5, 1.6, 2.2, 456, 0.836),
        _keras(6, 1.8, 2.6, 528, 0.840),
        _keras(7, 2.0, 3.1, 600, 0.843),
    )

    def features(self, x, net):
        x = blocks.conv(x, net.width(EFFICIENTNET_STEM), 3, net=net, stride=net.early_stride(0), activation="silu")
        for stage, (channels, repeats, stride, kernel, expand) in enumerate(EFFICIENTNET):
            for index in range(net.depth(repeats)):
                step = 1 if index else net.early_stride(1) if stage == 1 else stride
                out = net.width(channels)
                x = blocks.inverted_residual(x, out, net=net, expand=expand, stride=step, kernel=kernel, activation="silu", squeeze=0.25)
        return blocks.conv(x, net.width(EFFICIENTNET_HEAD), 1, net=net, activation="silu")
