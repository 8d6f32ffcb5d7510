"""AdamW: Adam whose weights decay."""

from automl_cnn import blocks
from automl_cnn.plugin import Float, keras


class AdamW(blocks.ScheduledOptimizer):
    """Adam with decoupled weight decay: every kernel shrinks by the rate times `weight_decay` a step, whatever its gradient.

    Choose it over Adam where the training score runs ahead of the validation score: an L2 penalty
    means little to Adam, which divides it away. Biases and norms do not decay. The rate rises over
    the first `warm_up` share of the steps and then follows `schedule` (see `blocks.learning_rate`).
    Gradients are clipped to a global norm of 5.

    Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101
    """

    name = "adamw"
    beta_1 = Float(0.8, 0.99, default=0.9)
    weight_decay = Float(1e-4, 0.5, default=0.02, log=True)

    def build(self, steps):
        return blocks.decay_kernels(keras.optimizers.AdamW(self.rate(steps), beta_1=self.beta_1, global_clipnorm=self.clip), self.weight_decay)
