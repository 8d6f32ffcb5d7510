"""Stochastic gradient descent with momentum."""

from automl_cnn import blocks
from automl_cnn.plugin import Choice, Float, keras


class SGD(blocks.ScheduledOptimizer):
    """Gradient descent with momentum: an average over about 1 / (1 - momentum) steps. Often the best at the end of a long training.

    Choose it where there is time for many epochs; it is more sensitive to its learning rate than
    Adam. `momentum` 0 is plain gradient descent, which wants a rate about ten times higher;
    `nesterov` looks one step ahead. The rate rises over the first `warm_up` share of the steps and
    then follows `schedule` (see `blocks.learning_rate`). Gradients are clipped to a global norm of
    5, which only matters when a training is about to diverge.

    Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html
    """

    name = "sgd"
    learning_rate = Float(1e-3, 1.0, default=0.05, log=True)
    momentum = Float(0.0, 0.99, default=0.9)
    nesterov = Choice(True, False)

    def build(self, steps):
        return keras.optimizers.SGD(self.rate(steps), momentum=self.momentum, nesterov=self.nesterov and self.momentum > 0, global_clipnorm=self.clip)
