"""Temperature scaling: make confidence match accuracy, without changing a label.

The temperature is kept only if it helps images that it was not fitted on.

Guo et al. 2017, On calibration of modern neural networks, https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from automl_cnn import metrics
from automl_cnn.records import Calibration
from automl_cnn.train.probe import CLASSIFIER
from automl_cnn.train.watch import predict

HOTTEST = 20.0
BINS = 10  # of confidence, in the error of calibration and in the report's diagram alike
FOLDS = 5  # parts of the validation images: each is judged with a temperature that was fitted on the others
LEAST = 1e-30  # probability below which float32 loses digits, and then all of it


def calibrate(model: keras.Model, logits: np.ndarray, labels: np.ndarray, groups: Sequence[int] | np.ndarray = ()) -> Calibration:
    """Divide the logits of `model` by the temperature that fits `logits` (images, classes) and `labels` (images) best.

    The temperature is kept only if cross-validation confirms it: on images that it was not fitted on, both the log-likelihood and the Brier score
    must improve. (The calibration error is no judge: on few images, bins make it noisy.) Otherwise the model stays as it was trained, with temperature 1.

    `groups` holds a number for each image, the same for versions of one photo, which stay in one fold; without it every image stands alone.

    Dividing all logits by one number changes no label. The layer that gives them is the dense classifier, or an ensemble's `LogMean`: either
    divides them when its weights are divided.
    """
    temperature = best_temperature(labels, logits)
    before, after, held_out = softmax(logits, 1.0), softmax(logits, temperature), out_of_fold(labels, logits, groups)
    loss, error = metrics.cross_entropy(labels, before), calibration_error(labels, before)
    held_out_error = calibration_error(labels, held_out)
    if metrics.cross_entropy(labels, held_out) >= loss or brier(labels, held_out) >= brier(labels, before):
        return Calibration(1.0, loss, loss, error, error, held_out_error)
    layer = model.get_layer(CLASSIFIER)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])
    return Calibration(temperature, loss, metrics.cross_entropy(labels, after), error, calibration_error(labels, after), held_out_error)


def out_of_fold(labels: np.ndarray, logits: np.ndarray, groups: Sequence[int] | np.ndarray = ()) -> np.ndarray:
    """Probabilities (images, classes), each image's scaled by a temperature that was fitted on other photos; unscaled where there is one photo only."""
    photos, photo = np.unique(groups if len(groups) == len(labels) else np.arange(len(labels)), return_inverse=True)
    folds = min(FOLDS, len(photos))
    place = (np.random.default_rng(0).permutation(len(photos)) % folds)[photo]
    out = softmax(logits, 1.0)
    for fold in range(folds if folds > 1 else 0):
        held = place == fold
        out[held] = softmax(logits[held], best_temperature(labels[~held], logits[~held]))
    return out


def logits_of(model: keras.Model, images: np.ndarray, rows: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
    """What `model` says of `images[rows]` before the softmax, (rows, classes), but for a number added to all of an image's, which softmax does not see.

    Where its `probabilities` are given, and none of them is too small to take the logarithm of, it is not run.
    """
    if probabilities is not None and probabilities.shape == (len(rows), model.output.shape[-1]) and probabilities.min() > LEAST:
        return np.log(probabilities.astype(np.float64))
    return predict(keras.Model(model.input, model.get_layer(CLASSIFIER).output), images, rows)


def best_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """The temperature between 1/20 and 20 with the smallest mean negative log-likelihood.

    One more image in n + 2 counts as wrong (as Platt 1999 does): else images without a single error would ask for infinite confidence.
    """
    from scipy.optimize import minimize_scalar

    count, classes = logits.shape
    doubt = 1 / (count + 2)
    wanted = np.full((count, classes), doubt / max(1, classes - 1))
    wanted[np.arange(count), labels] = 1 - doubt

    def loss(log: float) -> float:
        return float(-np.mean(np.sum(wanted * np.log(np.clip(softmax(logits, float(np.exp(log))), 1e-12, 1.0)), axis=1)))

    span = float(np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=(-span, span), method="bounded").x))


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities of logits that are divided by the temperature first."""
    cooled = logits.astype(np.float64) / temperature
    shifted = np.exp(cooled - cooled.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The Brier score: mean squared distance of the probabilities from the truth, 0 (best) to 2 (Brier 1950)."""
    wanted = np.eye(probabilities.shape[1])[labels]
    return float(np.mean(np.sum((probabilities - wanted) ** 2, axis=1)))


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: how far confidence and accuracy are apart, averaged over bins of confidence."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(sum(abs(right[place == number].mean() - confidence[place == number].mean()) * np.mean(place == number) for number in np.unique(place)))
