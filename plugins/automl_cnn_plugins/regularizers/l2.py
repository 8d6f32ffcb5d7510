"""L2: small weights."""

from automl_cnn.plugin import Float, Regularizer, keras


class L2(Regularizer):
    """`strength` times the sum of squares of every kernel is added to the loss. Cheap; helps most networks a little.

    Choose it (also called weight decay) where the training score runs ahead of the validation
    score. Biases and batch norm are left alone.

    Krogh and Hertz 1991, https://proceedings.neurips.cc/paper/1991/hash/8eefcfdf5990e441f0fb6f3fad709e21-Abstract.html
    """

    name = "l2"
    strength = Float(1e-6, 1e-2, default=1e-4, log=True)

    def penalty(self):
        return keras.regularizers.L2(self.strength)
