"""What most optimizer plugins share: a rate that rises and falls, and gradients that are clipped."""

from __future__ import annotations

from typing import Any

from automl_cnn.blocks.schedules import SCHEDULES, learning_rate
from automl_cnn.plugin import Choice, Float, Optimizer

CLIP = 5.0  # the global norm of the gradients, which only matters when a training is about to diverge


class ScheduledOptimizer(Optimizer):
    """An optimizer whose learning rate follows a schedule. Derive from it, and give `build` the rate of `self.rate(steps)`.

    The rate rises over the first `warm_up` share of the steps and then follows `schedule` (see `learning_rate`). `clip` is the global norm that gradients are
    clipped to. Declare `learning_rate` again where its range is another.
    """

    learning_rate = Float(1e-4, 3e-2, default=2e-3, log=True)
    schedule = Choice(*SCHEDULES)
    warm_up = Float(0.0, 0.2, default=0.05)
    clip = CLIP

    def rate(self, steps: int) -> Any:
        """The learning rate over a training of `steps` batches: a float or a Keras schedule."""
        return learning_rate(self.learning_rate, steps, schedule=self.schedule, warm_up=self.warm_up)
