"""Temperature scaling: probabilities that mean what they say, labels unchanged.

Guo et al. 2017, On calibration of modern neural networks, https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

import keras
import numpy as np

from automl_cnn import metrics
from automl_cnn.records import Calibration
from automl_cnn.train.probe import CLASSIFIER
from automl_cnn.train.watch import predict

HOTTEST = 20.0
BINS = 10  # of confidence, in the error of calibration and in the report's diagram alike
LEAST = 1e-30  # probability below which float32 loses digits, and then all of it


def calibrate(model: keras.Model, logits: np.ndarray, labels: np.ndarray) -> Calibration:
    """Divide the logits of `model` by the temperature that suits images of which it says `logits` best; where none helps, it stays as it is.

    Dividing all logits by one number changes no label. The layer that gives them is the dense classifier, or an ensemble's `LogMean`: either
    divides them when its weights are divided.
    """
    layer = model.get_layer(CLASSIFIER)
    temperature = best_temperature(labels, logits)
    before, after = softmax(logits, 1.0), softmax(logits, temperature)
    loss, loss_after = metrics.cross_entropy(labels, before), metrics.cross_entropy(labels, after)
    error, error_after = calibration_error(labels, before), calibration_error(labels, after)
    if loss_after >= loss:
        return Calibration(1.0, loss, loss, error, error)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])
    return Calibration(temperature, loss, loss_after, error, error_after)


def logits_of(model: keras.Model, images: np.ndarray, rows: np.ndarray, told: np.ndarray | None = None) -> np.ndarray:
    """What `model` says of `images[rows]` before the softmax, (rows, classes), but for a number added to all of an image's, which softmax does not see.

    Where its probabilities were `told` already, and none of them is too small to take the logarithm of, it is not run.
    """
    if told is not None and told.shape == (len(rows), model.output.shape[-1]) and told.min() > LEAST:
        return np.log(told.astype(np.float64))
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


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: how far confidence and accuracy are apart, averaged over bins of confidence."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(sum(abs(right[place == number].mean() - confidence[place == number].mean()) * np.mean(place == number) for number in np.unique(place)))
