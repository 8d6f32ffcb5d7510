"""Adam: a step size of its own for every weight."""

from automl_cnn import blocks
from automl_cnn.plugin import Choice, Float, Optimizer, keras


class Adam(Optimizer):
    """Steps scaled by each gradient's recent size. The safe first choice: fast progress at its default rate.

    Choose it for short trainings and for networks without batch norm. The rate rises over the first
    `warm_up` share of the steps and then follows `schedule` (see `blocks.learning_rate`). Gradients
    are clipped to a global norm of 5.

    Kingma and Ba 2015, https://arxiv.org/abs/1412.6980
    """

    name = "adam"
    learning_rate = Float(1e-4, 3e-2, default=2e-3, log=True)
    beta_1 = Float(0.8, 0.99, default=0.9)
    schedule = Choice("cosine", "constant", "step", "one_cycle")
    warm_up = Float(0.0, 0.2, default=0.05)

    def build(self, steps):
        rate = blocks.learning_rate(self.learning_rate, steps, schedule=self.schedule, warm_up=self.warm_up)
        return keras.optimizers.Adam(rate, beta_1=self.beta_1, global_clipnorm=5.0)
