"""Change a finished training for a few steps, and measure what that does: evidence where curves alone allow several explanations.

Each intervention starts from the trial's checkpoint and takes as long as about one epoch:

* the same learning rate, ten times the rate, and a tenth of it. A rate that was too low gains most from ten times, one that was too high from a tenth,
  a training that was cut off from the same;
* 64 training images alone, at the best of these rates. A network that cannot fit them lacks capacity, or its regularization is too strong.

The memorization test follows Zhang et al. 2017, Understanding deep learning requires rethinking generalization, https://arxiv.org/abs/1611.03530.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import keras
import numpy as np

from automl_cnn.data import Dataset
from automl_cnn.data.batches import Batches
from automl_cnn.errors import TrialError
from automl_cnn.interventions import Interventions
from automl_cnn.records import Progress
from automl_cnn.registry import Registry
from automl_cnn.train.clean import clean
from automl_cnn.train.spec import Emit, TrialSpec
from automl_cnn.train.trial import Training
from automl_cnn.train.watch import clean_rows, predict

FACTORS = {"same": 1.0, "up": 10.0, "down": 0.1}  # of the learning rate
SCORED = 300  # validation images, at most
WORST = 100.0  # nats: the loss of a network that diverged


def intervene(spec: TrialSpec, dataset: Dataset, registry: Registry, emit: Emit) -> Interventions:
    """What the network of `spec.start`, a trial's model file, does under each intervention. Writes no file.

    Raises:
        TrialError: there is no such file, it holds another network, or it was asked to stop.
        PluginError: the configuration cannot be built.
    """
    if spec.start is None:
        raise TrialError("the trial's model file is gone, so its training cannot be changed")
    began = time.monotonic()
    with clean():
        keras.utils.set_random_seed(spec.seed)
        training = Training(spec, dataset, registry, emit, began=began)
        training.prepare(spec.start)
        return dataclasses.replace(_Subject(training, emit).all(), seconds=time.monotonic() - began)


class _Subject:
    """The network under test; every intervention begins with the checkpoint's weights and an optimizer without memory."""

    def __init__(self, training: Training, emit: Emit) -> None:
        self.training, self.emit = training, emit
        self.network = training.net.training
        self.weights = self.network.get_weights()
        training.freeze_norms()
        self.regularizers, rates = training.compile()
        self.rate = float(np.max(rates))
        self.optimizer = self.network.optimizer
        self.fresh = [keras.ops.convert_to_numpy(variable) for variable in self.optimizer.variables]
        self.seen = clean_rows(training.dataset)
        held = training.dataset.rows("val")
        self.held = held[np.unique(np.linspace(0, len(held) - 1, min(SCORED, len(held))).astype(int))]
        self.done = 0

    def all(self) -> Interventions:
        loss, held = self._losses()
        changed = {name: self._at(factor) for name, factor in FACTORS.items()}
        best = min(FACTORS, key=lambda name: changed[name][0])
        fitted = self._fitted(FACTORS[best])
        made = {name: value for name, (value, _) in changed.items()}
        seen = {f"val_{name}": value for name, (_, value) in changed.items()}
        return Interventions(steps=Interventions.STEPS, loss=loss, val_loss=held, fitted=fitted, **made, **seen)

    def _at(self, factor: float) -> tuple[float, float]:
        """The losses on training and on validation images after some steps at the rate times `factor`."""
        self._restart(factor)
        self._train(self.training.batches(self.training.rows, self.regularizers), Interventions.STEPS)
        return self._losses()

    def _fitted(self, factor: float) -> float:
        """The share of a few training images, as they are, that is right once the network was trained on those alone."""
        training = self.training
        rows = np.sort(np.random.default_rng(0).permutation(training.rows)[: Interventions.FEW])
        self._restart(factor)
        self._train(training.batches(rows, ()), Interventions.FEW_STEPS)
        probabilities = predict(training.net.model, training.images, rows)
        return training.task.share_right(training.dataset.truth(rows), probabilities) if np.isfinite(probabilities).all() else 0.0

    def _restart(self, factor: float) -> None:
        self.network.set_weights(self.weights)
        for variable, value in zip(self.optimizer.variables, self.fresh, strict=True):
            variable.assign(value)
        self.optimizer.learning_rate = self.rate * factor

    def _train(self, batches: Batches, steps: int) -> None:
        full = max(1, len(batches.rows) // batches.batch_size)  # a smaller last batch would be compiled for separately
        for step in range(steps):
            if step and step % full == 0:
                batches.on_epoch_begin()
            self._step(batches[step % full])
            self.done += 1
            if not self.emit(Progress(1, 1, self.done, len(FACTORS) * Interventions.STEPS + Interventions.FEW_STEPS)):
                raise TrialError("it was asked to stop")

    def _step(self, batch: tuple[Any, ...]) -> None:
        images, labels, *weights = batch
        self.network.train_on_batch(images, labels, sample_weight=weights[0] if weights else None)

    def _losses(self) -> tuple[float, float]:
        """The losses on training images as they are, and on validation images; of a network that diverged, a large number."""
        training = self.training
        made = []
        for rows in (self.seen, self.held):
            probabilities = predict(training.net.model, training.images, rows)
            loss = training.task.loss_of(training.dataset.truth(rows), probabilities) if np.isfinite(probabilities).all() else math.inf
            made.append(loss if math.isfinite(loss) else WORST)
        return made[0], made[1]
