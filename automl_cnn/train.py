"""One configuration -> one trial: build, fit, keep the best epoch, save.

A training is planned in epochs and, where the fidelity names seconds, cut to what fits: after a
few steps, and again after every epoch, the pace is known and the number of epochs planned anew. The learning-rate
schedule follows the plan without compiling again, because the trainer sets the rate itself at
every step, read off the optimizer plugin's schedule at the same share of progress.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from automl_cnn import metrics
from automl_cnn.config import Metric
from automl_cnn.data import Dataset, pixels
from automl_cnn.data.batches import Batches, class_weights
from automl_cnn.errors import TrialError
from automl_cnn.models.build import from_configuration
from automl_cnn.models.choose import plugins_of
from automl_cnn.models.cost import cost
from automl_cnn.plugin import Regularizer
from automl_cnn.records import Epoch, Event, Fidelity, Finished, Progress, Started, State
from automl_cnn.registry import Registry
from automl_cnn.space import Configuration

NOMINAL_STEPS = 1000  # the resolution at which a schedule is read off
HEARTBEAT = 0.5  # seconds between two signs of life
IMBALANCED = 1.5  # largest class over smallest from which "auto" weights the classes
PREDICT_BATCH = 128
EARLY_PLANS = (3, 10)  # steps after which the pace is known well enough to plan by

Emit = Callable[[Event], bool]  # hands on an event; False asks the training to stop


@dataclass(frozen=True)
class TrialSpec:
    """What a worker needs to train one trial."""

    number: int
    configuration: Configuration
    fidelity: Fidelity
    metric: Metric
    class_weights: str  # auto, on, off
    seed: int
    checkpoint: str  # where the best epoch's model goes


def train(spec: TrialSpec, dataset: Dataset, registry: Registry, emit: Emit) -> Finished:
    """Train `spec` on the dataset's training split and score it on its validation split.

    Raises:
        TrialError: the training diverged.
        PluginError: the configuration cannot be built.
    """
    began = time.monotonic()
    keras.backend.clear_session()
    keras.utils.set_random_seed(spec.seed)
    model = from_configuration(spec.configuration, registry, classes=len(dataset.classes), channels=dataset.channels, seed=spec.seed)
    _, optimizer_plugin, regularizers = plugins_of(spec.configuration, registry)
    optimizer, rates = _with_own_rate(optimizer_plugin.build(NOMINAL_STEPS))
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=_jit(),
    )

    images = pixels(dataset, int(spec.configuration["resolution"]))
    weighted = spec.class_weights == "on" or (spec.class_weights == "auto" and dataset.imbalance >= IMBALANCED)
    rows = dataset.rows("train")
    augmenting = [regularizer for regularizer in regularizers if type(regularizer).augment is not Regularizer.augment]

    def augment(batch: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        for regularizer in augmenting:
            batch, labels = regularizer.augment(batch, labels, rng)
        return batch, labels

    batches = Batches(
        images,
        rows,
        dataset.labels,
        len(dataset.classes),
        int(spec.configuration["batch_size"]),
        seed=spec.seed,
        shuffle=True,
        augment=augment if augmenting else None,
        class_weights=class_weights(dataset.labels[rows], len(dataset.classes)) if weighted else None,
    )
    watch = _Watch(spec=spec, net=model, rates=rates, images=images, dataset=dataset, steps=len(batches), began=began, emit=emit)
    emit(Started(cost(model).summary, watch.epochs))
    try:
        model.fit(batches, epochs=spec.fidelity.epochs, callbacks=[watch], verbose=0, shuffle=False)
        return _finish(spec, model, watch, dataset, began)
    finally:
        del model, batches, images
        keras.backend.clear_session()
        gc.collect()


def predict(model: Any, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Class probabilities (rows, classes) of `images[rows]`, batch by batch."""
    parts = [
        keras.ops.convert_to_numpy(model.predict_on_batch(np.asarray(images[rows[start : start + PREDICT_BATCH]])))
        for start in range(0, len(rows), PREDICT_BATCH)
    ]
    return np.concatenate(parts)


def _jit() -> str | bool:
    return False if keras.backend.backend() == "tensorflow" else "auto"  # XLA makes depthwise nets 8 times slower on a CPU


def _with_own_rate(optimizer: Any) -> tuple[Any, np.ndarray]:
    """The optimizer with a plain learning rate, and the rate at every nominal step of its schedule."""
    config = optimizer.get_config()
    schedule = getattr(optimizer, "_learning_rate", None)
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return optimizer, np.full(NOMINAL_STEPS, float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
    steps = np.arange(NOMINAL_STEPS)
    rates = np.array([float(keras.ops.convert_to_numpy(schedule(step))) for step in steps[:: NOMINAL_STEPS // 200]])
    config["learning_rate"] = float(rates[0])
    return type(optimizer).from_config(config), np.interp(steps, steps[:: NOMINAL_STEPS // 200], rates)


@dataclass
class _Best:
    weights: list[np.ndarray]
    epoch: int
    score: float
    loss: float
    probabilities: np.ndarray


class _Watch(keras.callbacks.Callback):
    """Sets the rate, plans the epochs, scores each, keeps the best, and knows when to stop."""

    def __init__(self, *, spec: TrialSpec, net: Any, rates: np.ndarray, images: np.ndarray, dataset: Dataset, steps: int, began: float, emit: Emit) -> None:
        super().__init__()
        self.spec, self.net, self.rates, self.images, self.dataset = spec, net, rates, images, dataset
        self.steps, self.began, self.emit = steps, began, emit
        self.rows = dataset.rows("val")
        self.labels = dataset.labels[self.rows]
        self.epochs = spec.fidelity.epochs
        self.epoch = 0
        self.done = 0
        self.best: _Best | None = None
        self.asked_to_stop = False
        self.out_of_time = False
        self.setup: float | None = None
        self.fit_seconds = 0.0
        self.timed_steps = 0
        self._beat = 0.0
        self._step_ended = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the trial began."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds of training left; infinite without a limit."""
        limit = self.spec.fidelity.seconds
        return math.inf if limit is None else limit - (self.elapsed - (self.setup or self.elapsed))

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch + 1
        self._step_ended = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        progress = self.done / max(1, self.epochs * self.steps)
        self.net.optimizer.learning_rate = self.rates[min(int(progress * NOMINAL_STEPS), NOMINAL_STEPS - 1)]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        now = time.monotonic()
        self.done += 1
        if self.setup is None:  # the first step compiles
            self.setup = self.elapsed
        else:
            self.fit_seconds += now - self._step_ended  # waiting for the batch included
            self.timed_steps += 1
            if self.timed_steps in EARLY_PLANS:
                self._plan(self.fit_seconds / self.timed_steps * self.steps)
        self._step_ended = now
        if now - self._beat >= HEARTBEAT:
            self._beat = now
            self._check(logs)
            if not self.emit(Progress(self.epoch, self.epochs, batch + 1, self.steps)):
                self.asked_to_stop = True
        if self.left <= 0:
            self.out_of_time = True
        if self.asked_to_stop or self.out_of_time:
            self.net.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._check(logs)
        if self.asked_to_stop and self.best is not None:
            return  # a part of an epoch is not worth scoring when somebody waits
        probabilities = predict(self.net, self.images, self.rows)
        score = metrics.score(self.spec.metric, self.labels, probabilities)
        loss = metrics.cross_entropy(self.labels, probabilities)
        if not math.isfinite(loss):
            raise TrialError(f"the validation loss became {loss} in epoch {self.epoch}: a lower learning rate may help")
        if self.best is None or (score, -loss) > (self.best.score, -self.best.loss):
            self.best = _Best(self.net.get_weights(), self.epoch, score, loss, probabilities)
        if self.setup is not None and self.timed_steps:
            self._plan((self.elapsed - self.setup) / self.timed_steps * self.steps)  # scoring included
        logs = logs or {}
        event = Epoch(
            number=self.epoch,
            epochs=self.epochs,
            seconds=self.elapsed,
            loss=float(logs.get("loss", math.nan)),
            accuracy=float(logs.get("accuracy", math.nan)),
            val_loss=loss,
            val_accuracy=float(np.mean(probabilities.argmax(axis=1) == self.labels)),
            score=score,
            learning_rate=float(keras.ops.convert_to_numpy(self.net.optimizer.learning_rate)),
        )
        if not self.emit(event):
            self.asked_to_stop = True
        patience = max(8, self.epochs // 3)
        if self.asked_to_stop or self.out_of_time or self.epoch >= self.epochs or self.epoch - self.best.epoch >= patience:
            self.net.stop_training = True

    def _plan(self, epoch_seconds: float) -> None:
        """How many epochs fit, at so many seconds each."""
        if math.isinf(self.left):
            return
        within = 1 - (self.done % self.steps) / self.steps if self.done % self.steps else 0.0  # what is left of this epoch
        fits = self.epoch + math.floor(self.left / max(epoch_seconds, 1e-6) - within)
        self.epochs = max(self.epoch, min(self.spec.fidelity.epochs, fits))

    def _check(self, logs: dict[str, float] | None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise TrialError(f"the loss became {loss} in epoch {self.epoch}: a lower learning rate may help")


def _finish(spec: TrialSpec, model: Any, watch: _Watch, dataset: Dataset, began: float) -> Finished:
    if watch.best is None:
        raise TrialError("it was stopped before its first epoch was scored")
    model.set_weights(watch.best.weights)
    Path(spec.checkpoint).parent.mkdir(parents=True, exist_ok=True)
    model.save(spec.checkpoint)
    images_per_second = watch.timed_steps * int(spec.configuration["batch_size"]) / watch.fit_seconds if watch.fit_seconds else None
    return Finished(
        state=State.STOPPED if watch.asked_to_stop else State.COMPLETE,
        score=watch.best.score,
        interval=metrics.interval(spec.metric, watch.labels, watch.best.probabilities),
        best_epoch=watch.best.epoch,
        seconds=time.monotonic() - began,
        setup=watch.setup,
        images_per_second=images_per_second,
        checkpoint=spec.checkpoint,
    )
