"""L1: few weights."""

from automl_cnn.plugin import Float, Regularizer, keras


class L1(Regularizer):
    """`strength` times the sum of every kernel's absolute values is added to the loss: needless weights go to nearly zero.

    Choose it where few of the weights should matter, in a large dense head for one; else L2 is the
    milder help. Biases and batch norm are left alone.

    Tibshirani 1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x
    """

    name = "l1"
    strength = Float(1e-7, 1e-3, default=1e-5, log=True)

    def penalty(self):
        return keras.regularizers.L1(self.strength)
