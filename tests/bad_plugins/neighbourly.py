"""Breaks one rule: Keras's Resizing makes the norms behind it look at the whole batch."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, keras

BROKEN = "predictions_do_not_depend_on_the_batch"


class Neighbourly(Architecture):
    """Convolutions behind a resizing layer. Choose it to be right in the notebook and wrong in production."""

    name = "neighbourly"
    min_size = 8

    def features(self, x, net):
        x = keras.layers.Resizing(x.shape[1], x.shape[2])(x)
        for _ in range(net.depth(2)):
            x = blocks.conv(x, net.width(32), 3, net=net)
        return net.after_block(x)
