"""A small plain network whose kernel shape is searched."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Int, Story


class SimpleCNN(Architecture):
    """Convolutions and pooling, nothing else. The fastest to train: choose it for small images, first looks and lessons.

    `kernel` is the shape of every layer behind the first 3x3. From C to C channels it costs this many
    weights per C² (and as many mult-adds per pixel):

        3x3        9         the standard
        5x5        25        sees 5x5; two 3x3 layers do, for 18
        7x7        49        sees 7x7; three 3x3 layers do, for 27
        1xn_nx1    6         1x3, then 3x1: sees 3x3, with two non-linearities
        dilated    9         3x3 over every second pixel: sees 5x5
        separable  9/C + 1   3x3 within each channel, then 1x1 across them

    Each of the `stages` has `layers` of them and twice the channels of the one before, beginning
    with `channels`, and ends by halving the map: `pooling` "max", or "strided", a 3x3 convolution
    that learns how (Springenberg et al. 2015). Two more halvings in front come with images of
    64 and 128 px.

    Factorized: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567; dilated: Yu and Koltun 2016,
    https://arxiv.org/abs/1511.07122; separable: Howard et al. 2017, https://arxiv.org/abs/1704.04861;
    strided: https://arxiv.org/abs/1412.6806
    """

    name = "simple_cnn"
    min_size = 16
    story = Story(
        1989,
        "Convolutions and pooling, as LeNet had them, with the kernel shapes that came later. "
        "It is not from a paper: it is there to compare one choice at a time.",
        "kernel -> (kernel ->) pool      two to four times; the channels double",
        after=("alexnet",),
        studies=("optimizers", "separable", "compound_scaling"),
        notebooks=("01_what_a_convolution_shares", "05_what_depthwise_saves", "07_paths_of_optimizers", "09_compound_scaling_by_hand"),
    )
    kernel = Choice("3x3", "5x5", "7x7", "1xn_nx1", "dilated", "separable")
    stages = Int(2, 4, default=3)
    channels = Choice(32, 16, 64)
    layers = Int(1, 3, default=1)
    norm = Choice(True, False)
    pooling = Choice("max", "strided")

    def features(self, x, net):
        x = blocks.conv(x, net.width(self.channels), 3, net=net, stride=net.early_stride(0), norm=self.norm)
        if net.early_stride(1) == 2:
            x = self.halve(x, net)
        for stage in range(self.stages):
            for _ in range(net.depth(self.layers)):
                x = self.layer(x, net.width(self.channels * 2**stage), net)
            x = net.after_block(self.halve(x, net))
        return x

    def layer(self, x, channels, net):
        def conv(x, kernel, **given):
            return blocks.conv(x, channels, kernel, net=net, norm=self.norm, **given)

        if self.kernel == "1xn_nx1":
            return conv(conv(x, (1, 3)), (3, 1))
        if self.kernel == "dilated":
            return conv(x, 3, dilation=2)
        if self.kernel == "separable":
            return conv(blocks.depthwise(x, 3, net=net, norm=self.norm), 1)
        return conv(x, int(self.kernel[0]))

    def halve(self, x, net):
        return blocks.max_pool(x, 2) if self.pooling == "max" else blocks.conv(x, x.shape[-1], 3, net=net, stride=2, norm=self.norm)
