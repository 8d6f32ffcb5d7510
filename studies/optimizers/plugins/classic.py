"""The four classic update rules, with one range of learning rates."""

from automl_cnn.plugin import Choice, Float, Optimizer, keras


class Classic(Optimizer):
    """SGD, SGD with momentum 0.9, RMSprop or Adam at a constant learning rate, without clipping and warm-up: nothing hides a wrong rate."""

    name = "classic"
    rule = Choice("adam", "sgd", "momentum", "rmsprop")
    learning_rate = Float(1e-5, 10.0, default=1e-3, log=True)

    def build(self, steps):
        if self.rule == "adam":
            return keras.optimizers.Adam(self.learning_rate)
        if self.rule == "rmsprop":
            return keras.optimizers.RMSprop(self.learning_rate)
        return keras.optimizers.SGD(self.learning_rate, momentum=0.9 if self.rule == "momentum" else 0.0)
