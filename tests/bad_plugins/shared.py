"""Breaks one rule: all trainings share one optimizer."""

from automl_cnn.plugin import Float, Optimizer, keras

BROKEN = "builds_a_fresh_one_each_time"
MADE = {}


class Shared(Optimizer):
    """SGD, made once. Choose it to begin each training where the last one ended."""

    name = "shared"
    learning_rate = Float(1e-3, 1e-1, default=1e-2, log=True)

    def build(self, steps):
        if (self, steps) not in MADE:
            MADE[self, steps] = keras.optimizers.SGD(self.learning_rate)
        return MADE[self, steps]
