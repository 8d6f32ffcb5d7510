"""GoogLeNet: several kernel sizes side by side, made affordable by 1x1 reductions."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Story, keras
from automl_cnn_plugins.tables import GOOGLENET

AUXILIARY = ((1, 0), (1, 3))  # 4a and 4d


class GoogLeNet(Architecture):
    """Nine inception modules. A ninth of AlexNet's weights and far more accurate; choose it where objects come in many sizes.

    `auxiliary` puts two more classifiers on the modules 4a and 4d while training, whose losses
    (times 0.3) bring gradients to the early layers; worth a try with `norm=False`, since batch norm
    is the later cure for the same. `norm=False` with `local_response_norm=True` is as published (with the `dropout`
    regularizer at 0.4). `classifier` "dense" puts a fully connected layer of 1024 in place of the
    global average pooling ("gap"), for the paper's comparison.

    The first convolution and the first pooling lose their strides below 64 and 128 px. The depth
    multiplier stretches each stage's list of modules, repeating some.

    Szegedy et al. 2015, https://arxiv.org/abs/1409.4842
    """

    name = "googlenet"
    min_size = 16
    story = Story(
        2014,
        "Kernels of several sizes look at the same map side by side, so that objects of any size match one of them. "
        "1x1 convolutions thin the channels first and make that affordable, and an average over the map replaces the dense layers.",
        """        .-- 1x1 ---------------.
map ----+-- 1x1 -> 3x3 --------+---- joined channels
        +-- 1x1 -> 5x5 --------+
        '-- pool 3x3 -> 1x1 ---'""",
        before=("alexnet",),
        after=("resnet", "mobilenet", "senet"),
        studies=("one_by_one_reductions", "pooling_or_dense", "auxiliary_heads"),
        notebooks=("03_reductions_and_pooling",),
    )
    norm = Choice(True, False)
    classifier = Choice("gap", "dense")
    auxiliary = Choice(False, True)
    local_response_norm = Choice(False, True)

    def features(self, x, net):
        x = blocks.conv(x, net.width(64), 7, net=net, stride=net.early_stride(0), padding=3, norm=self.norm)
        x = self.normalize(blocks.max_pool(x, 3, stride=net.early_stride(1)))
        x = blocks.conv(x, net.width(64), 1, net=net, norm=self.norm)
        x = self.normalize(blocks.conv(x, net.width(192), 3, net=net, norm=self.norm))
        for stage, modules in enumerate(GOOGLENET):
            x = blocks.max_pool(x, 3, stride=2)
            count = net.depth(len(modules))
            rows = [index * len(modules) // count for index in range(count)]
            for index, row in enumerate(rows):
                *columns, pool = map(net.width, modules[row])
                x = blocks.inception(x, *columns, pool=pool, net=net, norm=self.norm)
                if self.auxiliary and (stage, row) in AUXILIARY and row not in rows[index + 1 :]:
                    self.classify_early(x, net)
        return x

    def normalize(self, x):
        return blocks.local_response_norm(x) if self.local_response_norm else x

    def classify_early(self, x, net):
        x = keras.layers.AveragePooling2D(min(5, x.shape[1]), strides=3, data_format="channels_last")(x)
        x = blocks.conv(x, net.width(128), 1, net=net, norm=self.norm)
        x = blocks.dense(blocks.flatten(x), net.width(1024), net=net)
        net.auxiliary(keras.layers.Dropout(0.7)(x), weight=0.3)

    def head(self, x, net):
        if self.classifier == "gap":
            return blocks.global_average_pool(x)
        return blocks.dense(net.before_dense(blocks.flatten(x)), net.width(1024), net=net)
