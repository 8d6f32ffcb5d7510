"""A training's curves as arrays, with what is read off them by several rules."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from automl_cnn.diagnosis import thresholds as at
from automl_cnn.diagnosis.context import Context
from automl_cnn.records import Trial
from automl_cnn.tasks import Words
from automl_cnn.transfer import weights_of

SAMPLE = 500  # training images scored as they are, at most; as the trainer draws them
UNKNOWN_IMAGES = 200  # of validation, where nothing tells how many


@dataclass(frozen=True)
class Curves:
    """One trial's curves, an entry an epoch. `loss` and `accuracy` are on training images, as they are where that was `measured`, else as trained."""

    trial: Trial
    context: Context
    loss: np.ndarray
    accuracy: np.ndarray
    raw_loss: np.ndarray
    val_loss: np.ndarray
    val_accuracy: np.ndarray
    measured: bool
    images: int  # of validation
    sample: int  # of training images scored
    nothing: float  # the loss of a constant prediction
    untrained: float  # the loss before any training

    @classmethod
    def of(cls, trial: Trial, context: Context) -> Curves:
        epochs = trial.epochs
        measured = any(epoch.clean_loss is not None for epoch in epochs)
        raw = np.array([epoch.loss for epoch in epochs], float)
        val_loss = np.array([epoch.val_loss for epoch in epochs], float)
        images = context.val_images or _told(trial) or UNKNOWN_IMAGES
        equal = math.log(context.classes) if context.classes else float(max(val_loss[0], raw[0], 0.1))  # untrained networks know nothing
        nothing = context.blind_loss or equal
        return cls(
            trial,
            context,
            _filled([epoch.clean_loss for epoch in epochs], raw),
            _filled([epoch.clean_accuracy for epoch in epochs], np.array([epoch.accuracy for epoch in epochs], float)),
            raw,
            val_loss,
            np.array([epoch.val_accuracy for epoch in epochs], float),
            measured,
            images,
            min(SAMPLE, context.train_images or SAMPLE),
            nothing,
            max(nothing, context.untrained_loss or 0.0),
        )

    def __len__(self) -> int:
        return len(self.val_loss)

    @property
    def words(self) -> Words:
        """How people read of the task."""
        return self.context.words

    @property
    def numbers(self) -> list[int]:
        return [epoch.number for epoch in self.trial.epochs]

    def end(self, values: np.ndarray) -> float:
        """The mean of the last epochs."""
        return float(np.mean(values[-max(1, round(at.END * len(values))) :]))

    @property
    def gap(self) -> float:
        """Accuracy on training images less that on validation images, at the end."""
        return self.end(self.accuracy) - self.end(self.val_accuracy)

    @property
    def gap_error(self) -> float:
        """The standard error of the gap, by the numbers of images."""
        return math.hypot(error(self.end(self.accuracy), self.sample), error(self.end(self.val_accuracy), self.images))

    @property
    def learned(self) -> float:
        """The share of a constant prediction's loss that is gone at the end; below 0 where the loss is higher."""
        return 1 - float(self.loss[-1]) / self.nothing

    @property
    def blank(self) -> bool:
        """Whether it learned nothing; False where the loss of a constant prediction is unknown."""
        return self.context.classes is not None and self.learned <= at.IDLE

    @property
    def late(self) -> float:
        """The share of all it learned that it learned in its second half; 0 where it learned nothing, 1 of a network from scratch with a single epoch."""
        whole = self.nothing - self.loss[-1]
        if whole <= at.IDLE * self.nothing:
            return 0.0
        if len(self) < 2:
            return float(weights_of(self.trial.configuration) is None and self.trial.continue_from is None)
        middle = min(float(self.loss[(len(self) - 1) // 2]), self.nothing)
        return float((middle - self.loss[-1]) / whole)

    @property
    def steps(self) -> int | None:
        """Steps of training, where batch and images are known."""
        batch, images = self.trial.configuration.get("batch_size"), self.context.train_images
        return None if not batch or not images else len(self) * math.ceil(images * self.trial.fidelity.share / int(batch))

    @property
    def rise(self) -> float:
        """By what share the validation loss at the end is above its lowest."""
        lowest = float(np.min(self.val_loss))
        return self.end(self.val_loss) / max(lowest, 1e-3) - 1


def error(share: float, images: int) -> float:
    """The standard error of a share of `images` images; never 0, as if one more had been right and one more wrong (Agresti and Coull 1998)."""
    near = (min(1.0, max(0.0, share)) * images + 1) / (images + 2)  # an estimated share may lie outside
    return math.sqrt(near * (1 - near) / (images + 2))


def _told(trial: Trial) -> int | None:
    return int(trial.right.partition(":")[0]) if trial.right else None


def _filled(values: list[float | None], trained: np.ndarray) -> np.ndarray:
    """Epochs without a measurement: as trained, and as far above or below as their measured neighbors are."""
    known = [index for index, value in enumerate(values) if value is not None]
    if not known:
        return trained
    off = [float(value) - float(other) for value, other in zip(values, trained, strict=True) if value is not None]
    return np.asarray(trained + np.interp(np.arange(len(values)), known, off))
