"""The input of training: batches of pixels and targets, the same again for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from automl_cnn.tasks import Task

Augmentation = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
Softening = Callable[[np.ndarray], np.ndarray]


class Batches(keras.utils.PyDataset):
    """`pixels[rows]` with their labels, batch by batch, for Keras' `fit` (`train.feed` hands them over).

    A batch is (images uint8 (b, size, size, channels), targets float32 (b, outputs)). With `weights` of the outputs,
    it also has the images' weights, float32 (b,). For a network with several `outputs`, the labels and weights
    are repeated for each. `soften` changes the targets last, after `augment` and after the images are weighted: smoothed
    labels must not give an image the weight of labels that it does not have. The last batch may be smaller. With `shuffle`, every
    epoch has another order, which depends only on `seed` and the number of the epoch. The same holds for the generator of each
    batch that `augment` draws from: the order in which threads read does not matter. Within a
    batch the rows ascend, which makes reading faster if the images do not fit into memory.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        rows: np.ndarray,
        truth: Callable[[np.ndarray], np.ndarray],
        task: Task,
        batch_size: int,
        *,
        seed: int,
        shuffle: bool,
        augment: Augmentation | None = None,
        soften: Softening | None = None,
        weights: np.ndarray | None = None,
        outputs: int = 1,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.pixels = pixels
        self.rows = np.asarray(rows)
        self.truth = truth
        self.task = task
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.augment = augment
        self.soften = soften
        self.weights = None if weights is None else np.asarray(weights, np.float32)
        self.outputs = outputs
        self.epoch = 0
        self._begun = False
        self._order = self._shuffled()

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        rows = np.sort(self._order[index * self.batch_size : (index + 1) * self.batch_size])
        images = np.asarray(self.pixels[rows])
        targets = self.task.targets(self.truth(rows))
        if self.augment is not None:
            images, targets = self.augment(images, targets, np.random.default_rng((self.seed, self.epoch, index)))
            images, targets = _bytes(images), np.asarray(targets, np.float32)
        weights = None if self.weights is None else self.task.image_weights(targets, self.weights)
        if self.soften is not None:
            targets = np.asarray(self.soften(targets), np.float32)
        labels = targets if self.outputs == 1 else (targets,) * self.outputs
        if weights is None:
            return images, labels
        return images, labels, weights if self.outputs == 1 else (weights,) * self.outputs

    def on_epoch_begin(self) -> None:
        """Called by Keras before each epoch. Every epoch after the first changes the order.

        (`on_epoch_end` would not do: Keras also calls it when it resets, before the first epoch.)
        """
        if self._begun:
            self.epoch += 1
            self._order = self._shuffled()
        self._begun = True

    def _shuffled(self) -> np.ndarray:
        if not self.shuffle:
            return self.rows
        return np.random.default_rng((self.seed, self.epoch)).permutation(self.rows)


def _bytes(images: np.ndarray) -> np.ndarray:
    """Round to uint8: every batch of a training has the same type, whatever the augmentation returns."""
    if images.dtype == np.uint8:
        return images
    return np.asarray(np.clip(np.rint(images), 0, 255), np.uint8)
