"""AdamW: Adam whose weights decay."""

from automl_cnn import blocks
from automl_cnn.plugin import Choice, Float, Optimizer, keras


class AdamW(Optimizer):
    """Adam with decoupled weight decay: every kernel shrinks by the rate times `weight_decay` a step, whatever its gradient.

    Choose it over Adam where the training score runs ahead of the validation score: an L2 penalty
    means little to Adam, which divides it away. Biases and norms do not decay. The rate rises over
    the first `warm_up` share of the steps and then follows `schedule` (see `blocks.learning_rate`).
    Gradients are clipped to a global norm of 5.

    Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101
    """

    name = "adamw"
    learning_rate = Float(1e-4, 3e-2, default=2e-3, log=True)
    beta_1 = Float(0.8, 0.99, default=0.9)
    weight_decay = Float(1e-4, 0.5, default=0.02, log=True)
    schedule = Choice("cosine", "constant", "step", "one_cycle")
    warm_up = Float(0.0, 0.2, default=0.05)

    def build(self, steps):
        rate = blocks.learning_rate(self.learning_rate, steps, schedule=self.schedule, warm_up=self.warm_up)
        return blocks.decay_kernels(keras.optimizers.AdamW(rate, beta_1=self.beta_1, global_clipnorm=5.0), self.weight_decay)
