"""Dropout: no unit may rely on another."""

from automl_cnn.plugin import Float, Regularizer, keras


class Dropout(Regularizer):
    """Sets a random share of the values in front of each dense layer to zero while training, the classifier included.

    Choose it against overfitting in a dense head, where it is the classic answer; between
    convolutions `spatial_dropout` does better.

    Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    name = "dropout"
    rate = Float(0.0, 0.8, default=0.3)

    def dense(self, x):
        return keras.layers.Dropout(self.rate)(x) if self.rate else x
