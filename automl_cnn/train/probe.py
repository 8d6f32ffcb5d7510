"""A logistic regression on a network's features, put into its classifier: the whole of a `probe`, the beginning of a fine-tuning."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import keras
import numpy as np

from automl_cnn.models.readout import BODY
from automl_cnn.tasks import Task
from automl_cnn.train.regression import Regression, regress

BATCH = 32
CLASSIFIER = "classifier"

Watching = Callable[[int, int], bool]  # images done, of how many; False ends it


def features(model: keras.Model, images: np.ndarray, rows: np.ndarray, watching: Watching | None = None) -> np.ndarray:
    """What the classifier sees of `images[rows]`, float32 (rows, features); fewer rows where `watching` ended it."""
    reader = keras.Model(model.input, model.get_layer(CLASSIFIER).input)
    return np.concatenate(list(_read(reader, images, rows, watching)))


def fit(
    task: Task,
    model: keras.Model,
    seen: np.ndarray,
    labels: np.ndarray,
    *,
    balanced: bool,
    seed: int,
    groups: np.ndarray | None = None,
    strength: float | None = None,
) -> Regression:
    """Set the classifier's weights to the regression of the labels on the features `seen` (images, features), and return it.

    `groups` and `strength` are as in `regress`.

    Raises:
        TrialError: the features are not finite, or there is only one class among them.
    """
    layer = model.get_layer(CLASSIFIER)
    regression = regress(task, seen, labels, balanced=balanced, seed=seed, groups=groups, strength=strength)
    layer.kernel.assign(regression.kernel)
    layer.bias.assign(regression.bias)
    return regression


def is_readout(model: keras.Model) -> bool:
    """Whether a model is a frozen network with a classifier on what it reads."""
    return any(layer.name == BODY for layer in model.layers)


def with_features(model: keras.Model) -> keras.Model:
    """The model with what its classifier is given as a first output, (images, features) beside the probabilities."""
    return keras.Model(model.input, [model.get_layer(CLASSIFIER).input, model.output])


def _read(reader: keras.Model, images: np.ndarray, rows: np.ndarray, watching: Watching | None) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BATCH):
        chosen = rows[start : start + BATCH]
        batch = np.asarray(images[np.resize(chosen, BATCH)])  # always of one shape, else the network is traced again
        yield keras.ops.convert_to_numpy(reader.predict_on_batch(batch))[: len(chosen)]
        if watching is not None and not watching(min(start + BATCH, len(rows)), len(rows)):
            return


class Stopwatch:
    """Seconds since it was made, and whether a limit is passed."""

    def __init__(self, limit: float | None = None) -> None:
        self._began = time.monotonic()
        self._limit = limit

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def over(self) -> bool:
        return self._limit is not None and self.seconds > self._limit
