"""Breaks one rule: its dropout acts on predictions too."""

from automl_cnn.plugin import Float, Regularizer, keras

BROKEN = "its_layers_act_in_training_only"


class AlwaysOn(Regularizer):
    """Dropout that never stops. Choose it to predict something else each time."""

    name = "always_on"
    rate = Float(0.1, 0.5)

    def dense(self, x):
        return keras.layers.Dropout(self.rate)(x, training=True)
