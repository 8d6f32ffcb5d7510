"""Spatial dropout: no channel may rely on another."""

from automl_cnn.plugin import Float, Regularizer, keras


class SpatialDropout(Regularizer):
    """Sets whole channels to zero while training, at the end of each block (in a residual block, of its branch).

    Choose it where the convolutions themselves overfit: single values, which `dropout` would take,
    can be inferred from their neighbors. Batch norm tolerates little of it: keep `rate` low.

    Tompson et al. 2015, https://arxiv.org/abs/1411.4280
    """

    name = "spatial_dropout"
    rate = Float(0.0, 0.3, default=0.1)

    def block(self, x):
        return keras.layers.SpatialDropout2D(self.rate, data_format="channels_last")(x) if self.rate else x
