"""Lion: every weight steps by the same amount."""

from automl_cnn import blocks
from automl_cnn.plugin import Float, keras


class Lion(blocks.ScheduledOptimizer):
    """Only the sign of the averaged gradient counts, so that every weight moves by the rate. Half of Adam's memory.

    Choose it for large batches (64 and more) and longer trainings; short ones it does not bring
    far. Its rate is 3 to 10 times below AdamW's and its `weight_decay` as many times above, which
    the defaults heed. Biases and norms do not decay. The rate rises over the first `warm_up` share
    of the steps and then follows `schedule` (see `blocks.learning_rate`). Gradients are clipped to a
    global norm of 5.

    Chen et al. 2023, https://arxiv.org/abs/2302.06675
    """

    name = "lion"
    learning_rate = Float(3e-5, 5e-3, default=6e-4, log=True)
    beta_1 = Float(0.8, 0.99, default=0.9)
    weight_decay = Float(1e-3, 1.0, default=0.06, log=True)

    def build(self, steps):
        return blocks.decay_kernels(keras.optimizers.Lion(self.rate(steps), beta_1=self.beta_1, global_clipnorm=self.clip), self.weight_decay)
