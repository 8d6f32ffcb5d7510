"""Breaks one rule: its learning rate falls below zero."""

from automl_cnn.plugin import Float, Optimizer, keras

BROKEN = "the_learning_rate_is_a_rate"


class Downhill(Optimizer):
    """SGD whose rate falls in a straight line, and on. Choose it to unlearn at the end."""

    name = "downhill"
    learning_rate = Float(1e-3, 1e-1, default=1e-2, log=True)

    def build(self, steps):
        rate = keras.optimizers.schedules.PolynomialDecay(self.learning_rate, steps, end_learning_rate=-self.learning_rate)
        return keras.optimizers.SGD(rate)
