"""The common interface of all models that are ready to predict: a model file in Keras, or an exported file in its own runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn.data.levels import Levels, Scale
from automl_cnn.errors import DataError, StoreError
from automl_cnn.export.inputs import as_batches
from automl_cnn.tasks import Task, of_card

if TYPE_CHECKING:
    from automl_cnn.export.inputs import Images

BATCH = 64


class Answering(ABC):
    """Images in, answers out: of classes and labels, names and probabilities; of numbers, the numbers and their intervals.

    `images` is a path, encoded bytes, a PIL image or an array (height, width, channels), a list of any of these (or of
    arrays (height, width)), or one array (images, height, width[, channels]). The values of arrays are read at `levels`:
    unless the training images were arrays of another range, uint8 is 0..255 and floats are 0..1. `scale=(black, white)`
    states another range for a call.
    """

    @property
    @abstractmethod
    def described(self) -> Mapping[str, Any]:
        """The model's card, or the model.json beside it."""

    @abstractmethod
    def answers(self, images: Images, *, scale: Scale | None = None) -> np.ndarray:
        """The predictions of the network, float32 (images, outputs), in the order of `classes`: probabilities, or numbers in their units.

        Raises:
            DataError: an image cannot be read, or its values are out of range; the message names it.
            StoreError: the network's output is invalid for its task, for example NaN.
        """

    @property
    def classes(self) -> list[str]:
        """The names of the classes, labels or numbers, in the order of the answers."""
        return list(self.described["classes"])

    @property
    def task(self) -> Task:
        """The task of the network: one class of several, labels with their thresholds, or numbers."""
        return of_card(self.described)

    @property
    def size(self) -> int:
        """Height and width, in pixels, to which images are resized."""
        return int(self.described["size"])

    @property
    def channels(self) -> int:
        """1 for gray, 3 for color."""
        return int(self.described["channels"])

    @property
    def levels(self) -> Levels:
        """Black and white in each kind of source, as the training images had them."""
        return Levels.from_dict(self.described.get("levels"))

    def batches(self, images: Images, scale: Scale | None = None) -> Iterator[np.ndarray]:
        """The images as the network takes them, uint8 (at most `BATCH`, size, size, channels)."""
        stored, fit = int(self.described.get("stored", self.size)), self.described.get("fit", "squash")
        return as_batches(images, self.size, self.channels, BATCH, stored=stored, levels=self.levels.stated(scale), fit=fit)

    def predict(self, images: Images, *, scale: Scale | None = None) -> Any:
        """The most likely class of each image, as a list. With several labels, an item is the list of labels that reach their thresholds.

        Numbers are in their units, float64 (images,), or (images, numbers) if there are several, in the order of `classes`.

        Raises:
            DataError: an image cannot be read; the message names it.
        """
        return self.task.named(self.answers(images, scale=scale), self.classes)

    def predict_proba(self, images: Images, *, scale: Scale | None = None) -> np.ndarray:
        """The probability of each class or label, float32 (images, classes), in the order of `classes`.

        Raises:
            DataError: an image cannot be read (the message names it), or the model predicts numbers, which have no probabilities.
        """
        if why := self.task.no_probabilities:
            raise DataError(why)
        return self.answers(images, scale=scale)

    def predict_interval(self, images: Images, *, scale: Scale | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The lower and the upper end of each number's prediction interval, in the units and the shape of `predict`.

        The coverage is the `level` in the model's `intervals`, 0.9, if new images come from the same distribution as those of the search (split
        conformal prediction; see `automl_cnn.tasks.conformal`).

        Raises:
            DataError: an image cannot be read (the message names it), or the model predicts no numbers or has no intervals.
        """
        return self.task.span(self.answers(images, scale=scale))


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The predictions of all batches in one array.

    Raises:
        DataError: there are no batches.
    """
    if not parts:
        raise DataError("There are no images to predict: received an empty list.")
    return np.concatenate(parts)


def sound(task: Task, answers: np.ndarray, what: str) -> np.ndarray:
    """Check that `answers` are valid for the task, and return them.

    Raises:
        StoreError: they are not.
    """
    if not task.sound(answers):
        problem = "numbers that are not probabilities" if task.probable else "numbers that are not finite"
        raise StoreError(f"{what} answers with {problem}. Its file is damaged or not a model of automl-cnn's: copy it again.")
    return answers
