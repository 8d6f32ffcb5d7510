"""A logistic regression on a network's features, put into its classifier: the whole of a `probe`, the beginning of a fine-tuning."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from automl_cnn.errors import TrialError

BATCH = 32
STRENGTHS = (0.003, 0.03, 0.3, 3.0)  # of the regression, inverse: the smaller, the more it is held back
HELD = 0.2  # of the training images, for choosing the strength
ENOUGH = 4000  # images that suffice to choose it
CLASSIFIER = "classifier"

Watching = Callable[[int, int], bool]  # images done, of how many; False ends it


def features(model: keras.Model, images: np.ndarray, rows: np.ndarray, watching: Watching | None = None) -> np.ndarray:
    """What the classifier sees of `images[rows]`, float32 (rows, features); fewer rows where `watching` ended it."""
    reader = keras.Model(model.input, model.get_layer(CLASSIFIER).input)
    return np.concatenate(list(_read(reader, images, rows, watching)))


def fit(model: keras.Model, seen: np.ndarray, labels: np.ndarray, *, balanced: bool, seed: int) -> None:
    """Set the classifier's weights to the logistic regression on the features `seen` (images, features).

    How strongly it is held back is chosen on a fifth of them; `balanced` weighs each class the same.

    Raises:
        TrialError: the features are not finite, or there is only one class among them.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    if not np.isfinite(seen).all():
        raise TrialError("the pretrained features are not finite: the weights may be damaged")
    if len(np.unique(labels)) < 2:
        raise TrialError("the images seen in time are all of one class: raise --budget")
    mean, deviation = seen.mean(axis=0), seen.std(axis=0) + 1e-3
    plain = (seen - mean) / deviation

    def regression(strength: float) -> LogisticRegression:
        return LogisticRegression(C=strength, max_iter=300, tol=1e-3, class_weight="balanced" if balanced else None, random_state=seed)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged to the last digit is good enough
        chosen = STRENGTHS[1]
        if np.bincount(labels)[np.unique(labels)].min() >= 2 and len(labels) >= 20:
            some = np.random.default_rng(seed).permutation(len(labels))[:ENOUGH]
            learn, held = train_test_split(some, test_size=max(HELD, len(np.unique(labels)) / len(some)), random_state=seed, stratify=_stratified(labels[some]))
            losses = {strength: _loss(regression(strength).fit(plain[learn], labels[learn]), plain[held], labels[held]) for strength in STRENGTHS}
            chosen = min(losses, key=losses.__getitem__)
        found = regression(chosen).fit(plain, labels)
    _install(model, found, mean, deviation)


def _stratified(labels: np.ndarray) -> np.ndarray | None:
    return labels if np.bincount(labels)[np.unique(labels)].min() >= 2 else None


def _loss(regression: Any, seen: np.ndarray, labels: np.ndarray) -> float:
    probabilities = regression.predict_proba(seen)
    place = {label: column for column, label in enumerate(regression.classes_)}
    return float(np.mean([-math.log(max(1e-7, row[place[label]])) if label in place else 16.0 for row, label in zip(probabilities, labels, strict=True)]))


def _install(model: keras.Model, regression: Any, mean: np.ndarray, deviation: np.ndarray) -> None:
    """Into the dense classifier, the scaling of the features folded in."""
    coefficients, intercept, classes = regression.coef_, regression.intercept_, regression.classes_
    layer = model.get_layer(CLASSIFIER)
    kernel, bias = (np.zeros(weight.shape, np.float32) for weight in (layer.kernel, layer.bias))
    if len(coefficients) == 1:  # two classes have one row: the second against the first
        coefficients, intercept = np.stack([0 * coefficients[0], coefficients[0]]), np.array([0.0, intercept[0]])
    bias[:] = -20.0  # for a class that was not seen
    kernel[:, classes] = (coefficients / deviation).T
    bias[classes] = intercept - (coefficients / deviation) @ mean
    layer.kernel.assign(kernel)
    layer.bias.assign(bias)


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
