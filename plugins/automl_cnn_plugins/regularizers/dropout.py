"""Dropout: no unit may rely on another."""

from automl_cnn.plugin import Float, Regularizer, keras


class Dropout(Regularizer):
    """Sets a random share of the values to zero while training. The classic answer to overfitting in a dense head.

    `rate` acts in front of each dense layer, the classifier included. `block_rate` drops whole
    channels at the end of each block (in a residual block, of its branch); batch norm bears little
    of it, so it is off by default.

    Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html; whole channels: Tompson et
    al. 2015, https://arxiv.org/abs/1411.4280
    """

    name = "dropout"
    rate = Float(0.0, 0.8, default=0.3)
    block_rate = Float(0.0, 0.3, default=0.0)

    def block(self, x):
        return keras.layers.SpatialDropout2D(self.block_rate)(x) if self.block_rate else x

    def dense(self, x):
        return keras.layers.Dropout(self.rate)(x) if self.rate else x
