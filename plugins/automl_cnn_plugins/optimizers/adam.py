"""Adam: a step size of its own for every weight."""

from automl_cnn import blocks
from automl_cnn.plugin import Float, keras


class Adam(blocks.ScheduledOptimizer):
    """Steps scaled by each gradient's recent size. The safe first choice: fast progress at its default rate.

    Choose it for short trainings and for networks without batch norm. The rate rises over the first
    `warm_up` share of the steps and then follows `schedule` (see `blocks.learning_rate`). Gradients
    are clipped to a global norm of 5.

    Kingma and Ba 2015, https://arxiv.org/abs/1412.6980
    """

    name = "adam"
    beta_1 = Float(0.8, 0.99, default=0.9)

    def build(self, steps):
        return keras.optimizers.Adam(self.rate(steps), beta_1=self.beta_1, global_clipnorm=self.clip)
