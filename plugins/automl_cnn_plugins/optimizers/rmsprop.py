"""RMSprop: each weight's step divided by its gradient's recent size."""

from automl_cnn import blocks
from automl_cnn.plugin import Float, keras


class RMSprop(blocks.ScheduledOptimizer):
    """Steps divided by the root of each gradient's mean square. What MobileNet and EfficientNet were trained with.

    Choose it to repeat their papers (`rho` and `momentum` 0.9 there), else try Adam first. The mean
    goes over about 1 / (1 - `rho`) steps; with `momentum` m a step weighs 1 / (1 - m) times as much,
    so lower the rate. The rate rises over the first `warm_up` share of the steps and then follows
    `schedule` (see `blocks.learning_rate`). Gradients are clipped to a global norm of 5.

    Tieleman and Hinton 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    """

    name = "rmsprop"
    learning_rate = Float(1e-4, 1e-2, default=2e-3, log=True)
    rho = Float(0.8, 0.99, default=0.9)
    momentum = Float(0.0, 0.95, default=0.0)

    def build(self, steps):
        return keras.optimizers.RMSprop(self.rate(steps), rho=self.rho, momentum=self.momentum, global_clipnorm=self.clip)
