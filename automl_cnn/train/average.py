"""The mean of the last epochs' weights, where it does better than the best of them.

Near its end, training wanders around a minimum; the mean of its positions is nearer to the minimum. It costs one
more pass over the validation images, and one more network's weights in memory. The batch norms' moving statistics are averaged
with the rest: that served as well as estimating them again from training images, which the paper does, and costs nothing.

Izmailov et al. 2018, Averaging weights leads to wider optima, https://arxiv.org/abs/1803.05407
"""

from __future__ import annotations

import dataclasses
import time

import keras
import numpy as np

from automl_cnn.train.watch import Best, Watch, predict

FROM = 0.75  # of the planned epochs, after which they are averaged: as in the paper
LEAST = 2  # epochs that are a mean


class Average:
    """The mean of what was added, in the memory of one."""

    def __init__(self) -> None:
        self.count = 0
        self.weights: list[np.ndarray] = []

    def add(self, weights: list[np.ndarray]) -> None:
        self.count += 1
        if self.count == 1:
            self.weights = [np.array(weight) for weight in weights]
            return
        for mean, weight in zip(self.weights, weights, strict=True):
            mean[...] = mean + (weight - mean) / self.count if np.issubdtype(mean.dtype, np.floating) else weight

    def restart(self) -> None:
        self.count, self.weights = 0, []


class Averaging(keras.callbacks.Callback):
    """Averages the weights after each of the last epochs that `watch` scored; put it behind the watch.

    It does nothing where the optimizer averages the weights itself (the regularizer `ema`): the mean of means is of an older network.
    """

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch
        self.average = Average()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        watch = self.watch
        if getattr(self.model.optimizer, "use_ema", False) or not watch.history or watch.history[-1].number != epoch + 1:
            return
        if epoch + 1 <= FROM * watch.epochs:
            self.average.restart()  # the plan may have grown
        else:
            self.average.add(watch.kept.get_weights())

    @property
    def worth_scoring(self) -> bool:
        """Whether there is a mean, and time to score it, with nobody waiting."""
        watch = self.watch
        return self.average.count >= LEAST and not watch.asked_to_stop and watch.left > watch.scoring_seconds / len(watch.history)

    def last(self, best: Best) -> Best:
        """The mean of the last epochs, or the last epoch's weights, whatever their score: of a training that learns from the images it is scored on."""
        if self.average.count >= LEAST and not getattr(self.model.optimizer, "use_ema", False):
            return dataclasses.replace(best, weights=self.average.weights, epoch=self.watch.history[-1].number, averaged=self.average.count)
        return dataclasses.replace(best, weights=self.watch.kept.get_weights(), epoch=self.watch.history[-1].number)

    def better(self) -> Best | None:
        """The mean, if it beats the best epoch on the validation images by score (of equals, by loss). Leaves the network with unspecified weights."""
        watch, best = self.watch, self.watch.best
        if best is None or not self.worth_scoring:
            return None
        watch.kept.set_weights(self.average.weights)
        began = time.monotonic()
        probabilities = predict(watch.kept, watch.images, watch.rows)
        watch.scoring_seconds += time.monotonic() - began
        score, loss = watch.task.score(watch.spec.metric, watch.labels, probabilities), watch.task.loss_of(watch.labels, probabilities)
        if not np.isfinite(loss) or (score, -loss) <= (best.score, -best.loss):
            return None
        last = watch.history[-1].number
        return dataclasses.replace(
            best, weights=self.average.weights, epoch=last, score=score, loss=loss, probabilities=probabilities, averaged=self.average.count
        )
