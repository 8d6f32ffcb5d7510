"""The course of a training: the rate of every step, the plan of the epochs, their scores, the best of them."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from automl_cnn.data import Dataset
from automl_cnn.errors import Cause, TrialError
from automl_cnn.records import Epoch, Progress
from automl_cnn.train import backend
from automl_cnn.train.plan import fitting
from automl_cnn.train.rates import NOMINAL_STEPS
from automl_cnn.train.spec import Emit, TrialSpec

HEARTBEAT = 0.5  # seconds between two signs of life
PREDICT_BATCH = 128
PREDICT_PIXELS = 16 * 160**2  # of a batch, about: what a layer makes of more does not stay in the processor's cache
EARLY_PLANS = (3, 10)  # steps after which the pace is known well enough to plan by
CLEAN_MOST = 500  # training images that are scored as they are: they tell the share of right answers to ± 0.04, as close as most validation splits do
CLEAN_SHARE = 0.05  # of the time so far that scoring them may take; where it is dear, some epochs go without


def predict(model: Any, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Class probabilities (rows, classes) of `images[rows]`, batch by batch."""
    return np.concatenate([keras.ops.convert_to_numpy(made) for made in _answers(model, images, rows)])


def predict_several(model: Any, images: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """The same of a model with several outputs: an array for each."""
    return [np.concatenate([keras.ops.convert_to_numpy(made) for made in column]) for column in zip(*_answers(model, images, rows), strict=True)]


def _answers(model: Any, images: np.ndarray, rows: np.ndarray) -> list[Any]:
    """What the model makes of each batch of `images[rows]`."""
    _trace(model, images)
    size = min(PREDICT_BATCH, max(16, PREDICT_PIXELS // int(np.prod(images.shape[1:3]))))
    return [model.predict_on_batch(np.asarray(images[rows[start : start + size]])) for start in range(0, len(rows), size)]


def _trace(model: Any, images: np.ndarray) -> None:
    """Have TensorFlow trace the model for batches of every length; it would do so for the first, and once more for one of another length."""
    tensorflow = backend.tensorflow()
    if tensorflow is not None and isinstance(model, keras.Model) and model.predict_function is None:
        model.make_predict_function()
        traced: Any = model.predict_function
        traced.get_concrete_function([(tensorflow.TensorSpec((None, *images.shape[1:]), images.dtype),)])


def clean_rows(dataset: Dataset) -> np.ndarray:
    """Training images to be scored without augmentation and dropout, the same ones in every trial on the set."""
    rows = dataset.rows("train")
    return np.sort(np.random.default_rng(zlib.crc32(dataset.fingerprint.encode())).choice(rows, min(len(rows), CLEAN_MOST), replace=False))


@dataclass
class Best:
    """The best epoch so far."""

    weights: list[np.ndarray]
    epoch: int
    score: float
    loss: float
    probabilities: np.ndarray
    averaged: int = 0  # epochs whose weights these are the mean of


class Watch(keras.callbacks.Callback):
    """Sets the rate, plans the epochs, scores each, keeps the best, and decides when to stop."""

    def __init__(
        self,
        *,
        spec: TrialSpec,
        model: Any,
        rates: np.ndarray,
        images: np.ndarray,
        dataset: Dataset,
        steps: int,
        began: float,
        before: float,
        emit: Emit,
        stop: Callable[[Sequence[Epoch]], bool],
    ) -> None:
        """`model` is what is scored and kept; `before` are seconds of the fidelity that were spent already, `stop` says when more epochs are in vain."""
        super().__init__()
        self.spec, self.kept, self.rates, self.images, self.dataset = spec, model, rates, images, dataset
        self.steps, self.began, self.before, self.emit, self.stop = steps, began, before, emit, stop
        self.history: list[Epoch] = []
        self.rows = dataset.rows("val")
        self.task = dataset.task
        self.labels = dataset.truth(self.rows)
        self.clean_rows = clean_rows(dataset)
        self.clean_seconds = 0.0
        self.clean_times = 0
        self.total = spec.fidelity.epochs * steps
        self.epoch = 0
        self.done = 0
        self.best: Best | None = None
        self.asked_to_stop = False
        self.out_of_time = False
        self.setup: float | None = None
        self.fit_seconds = 0.0
        self.scoring_seconds = 0.0
        self.timed_steps = 0
        self.between = 0.0  # seconds after an epoch's last step until the next one, on the mean
        self._beat = 0.0
        self._step_ended = 0.0

    @property
    def epochs(self) -> int:
        """How many are planned; the last may be a part of one."""
        return max(self.epoch, math.ceil(self.total / self.steps))

    @property
    def elapsed(self) -> float:
        """Seconds since the trial began."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds of training left; infinite without a limit."""
        limit = self.spec.fidelity.seconds
        spent = self.before if self.setup is None else self.elapsed - self.setup
        return math.inf if limit is None else limit - spent

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch + 1
        self._step_ended = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        progress = self.done / max(1, self.total)
        self.model.optimizer.learning_rate = self.rates[min(int(progress * NOMINAL_STEPS), NOMINAL_STEPS - 1)]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        now = time.monotonic()
        self.done += 1
        if self.setup is None:  # the first step compiles
            self.setup = self.elapsed - self.before
        else:
            self.fit_seconds += now - self._step_ended  # waiting for the batch included
            self.timed_steps += 1
            if self.timed_steps in EARLY_PLANS:
                self._plan()
        self._step_ended = now
        if now - self._beat >= HEARTBEAT:
            self._beat = now
            self._check(logs)
            if not self.emit(Progress(self.epoch, self.epochs, batch + 1, self.steps)):
                self.asked_to_stop = True
        if self.left <= 0 or (self.done >= self.total and self.done % self.steps):
            self.out_of_time = True
        if self.asked_to_stop or self.out_of_time:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._check(logs)
        if self.asked_to_stop and self.best is not None:
            return  # a part of an epoch is not worth scoring when somebody waits
        scoring = time.monotonic()
        probabilities = predict(self.kept, self.images, self.rows)
        self.scoring_seconds += time.monotonic() - scoring
        score = self.task.score(self.spec.metric, self.labels, probabilities)
        loss = self.task.loss_of(self.labels, probabilities)
        if not math.isfinite(loss):
            raise TrialError(f"the validation loss became {loss} in epoch {self.epoch}: a lower learning rate may help", Cause.DIVERGED)
        if self.best is None or (score, -loss) > (self.best.score, -self.best.loss):
            self.best = Best(self.kept.get_weights(), self.epoch, score, loss, probabilities)
        clean = self._clean()
        if self.setup is not None and self.timed_steps:
            self.between = (self.elapsed - self.setup - self.before - self.fit_seconds) / self.epoch
            self._plan()
        logs = logs or {}
        event = Epoch(
            number=self.epoch,
            epochs=self.epochs,
            seconds=self.elapsed,
            loss=float(logs.get("loss", math.nan)),
            accuracy=float(logs.get("accuracy", logs.get("probabilities_accuracy", math.nan))),  # the longer name beside auxiliary classifiers
            val_loss=loss,
            val_accuracy=self.task.share_right(self.labels, probabilities),
            score=score,
            learning_rate=float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            clean_loss=clean[0],
            clean_accuracy=clean[1],
        )
        if not self.emit(event):
            self.asked_to_stop = True
        self.history.append(event)
        if self.asked_to_stop or self.out_of_time or self.epoch >= self.epochs or self.stop(self.history):
            self.model.stop_training = True

    def _clean(self) -> tuple[float | None, float | None]:
        """Loss and accuracy on unaugmented training images; empty where that takes too long. The last epoch always has them."""
        price = self.clean_seconds / self.clean_times if self.clean_times else self.scoring_seconds / self.epoch * len(self.clean_rows) / len(self.rows)
        afforded = CLEAN_SHARE * (self.fit_seconds + self.scoring_seconds + self.clean_seconds)
        if self.clean_seconds + price > afforded and self.epoch < self.epochs and not self.out_of_time:
            return None, None
        began = time.monotonic()
        probabilities, labels = predict(self.kept, self.images, self.clean_rows), self.dataset.truth(self.clean_rows)
        self.clean_seconds += time.monotonic() - began
        self.clean_times += 1
        return self.task.loss_of(labels, probabilities), self.task.share_right(labels, probabilities)

    def _plan(self) -> None:
        """How many steps fit, at the pace so far, with time to score the mean of the last epochs' weights."""
        if math.isinf(self.left):
            return
        left = self.left - self.scoring_seconds / max(1, len(self.history))
        step = max(self.fit_seconds / self.timed_steps, 1e-6)
        fits = fitting(left, step=step, between=self.between, within=-self.done % self.steps, steps=self.steps)
        self.total = min(self.spec.fidelity.epochs * self.steps, self.done + fits)

    def _check(self, logs: dict[str, float] | None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise TrialError(f"the loss became {loss} in epoch {self.epoch}: a lower learning rate may help", Cause.DIVERGED)
