"""Temperature scaling: make confidence match accuracy, without changing an answer.

The temperature is kept only if it helps images that it was not fitted on.

Guo et al. 2017, On calibration of modern neural networks, https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from automl_cnn.records import Calibration
from automl_cnn.tasks import Task
from automl_cnn.train.probe import CLASSIFIER
from automl_cnn.train.watch import predict

HOTTEST = 20.0
BINS = 10  # of confidence, in the error of calibration and in the report's diagram alike
FOLDS = 5  # parts of the validation images: each is judged with a temperature that was fitted on the others
LEAST = 1e-30  # probability below which float32 loses digits, and then all of it


def calibrate(task: Task, model: keras.Model, logits: np.ndarray, truth: np.ndarray, groups: Sequence[int] | np.ndarray = ()) -> Calibration:
    """Divide the logits of `model` by the temperature that fits `logits` (images, outputs) and `truth` best.

    The temperature is kept only if cross-validation confirms it: on images that it was not fitted on, both the log-likelihood and the Brier score
    must improve. (The calibration error is not reliable: on few images, bins make it noisy.) Otherwise the model stays as it was trained, with temperature 1.

    `groups` holds a number for each image, the same for versions of one photo, which stay in one fold; without it every image stands alone.

    Dividing all logits by one number changes no label. The layer that gives them is the dense classifier, or an ensemble's `LogMean`: either
    divides them when its weights are divided. Numbers are not probabilities, and stay as they are.
    """
    if not task.probable:
        loss = task.loss_of(truth, task.activate(logits))
        return Calibration(1.0, loss, loss, 0.0, 0.0)
    temperature = best_temperature(task, truth, logits)
    before, after, held_out = task.activate(logits), task.activate(logits, temperature), out_of_fold(task, truth, logits, groups)
    loss, error = task.loss_of(truth, before), calibration_error(task, truth, before)
    held_out_error = calibration_error(task, truth, held_out)
    if task.loss_of(truth, held_out) >= loss or task.brier(truth, held_out) >= task.brier(truth, before):
        return Calibration(1.0, loss, loss, error, error, held_out_error)
    layer = model.get_layer(CLASSIFIER)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])
    return Calibration(temperature, loss, task.loss_of(truth, after), error, calibration_error(task, truth, after), held_out_error)


def out_of_fold(task: Task, truth: np.ndarray, logits: np.ndarray, groups: Sequence[int] | np.ndarray = ()) -> np.ndarray:
    """Answers (images, outputs), each image's scaled by a temperature that was fitted on other photos; unscaled where there is one photo only."""
    photos, photo = np.unique(groups if len(groups) == len(truth) else np.arange(len(truth)), return_inverse=True)
    folds = min(FOLDS, len(photos))
    place = (np.random.default_rng(0).permutation(len(photos)) % folds)[photo]
    out = task.activate(logits)
    for fold in range(folds if folds > 1 else 0):
        held = place == fold
        out[held] = task.activate(logits[held], best_temperature(task, truth[~held], logits[~held]))
    return out


def logits_of(task: Task, model: keras.Model, images: np.ndarray, rows: np.ndarray, probabilities: np.ndarray | None = None) -> np.ndarray:
    """The logits of `model` for `images[rows]`, (rows, outputs), but for what `Task.activate` does not see.

    Where its `probabilities` are given, and none of them is too small to take the logarithm of, it is not run.
    """
    if not task.probable:
        return task.logits(predict(model, images, rows) if probabilities is None else probabilities)
    if probabilities is not None and probabilities.shape == (len(rows), model.output.shape[-1]) and probabilities.min() > LEAST:
        return task.logits(probabilities)
    return predict(keras.Model(model.input, model.get_layer(CLASSIFIER).output), images, rows)


def best_temperature(task: Task, truth: np.ndarray, logits: np.ndarray) -> float:
    """The temperature between 1/20 and 20 with the smallest mean negative log-likelihood.

    One more image in n + 2 counts as wrong (as Platt 1999 does): else images without a single error would ask for infinite confidence.
    """
    from scipy.optimize import minimize_scalar

    wanted, exact = task.softened(truth), logits.astype(np.float64)

    def loss(log: float) -> float:
        return task.cross_entropy(wanted, task.activate(exact, float(np.exp(log))))

    span = float(np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=(-span, span), method="bounded").x))


def calibration_error(task: Task, truth: np.ndarray, answers: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: how far confidence and accuracy are apart, averaged over bins of confidence."""
    confidence, right = task.confidence(truth, answers)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(sum(abs(right[place == number].mean() - confidence[place == number].mean()) * np.mean(place == number) for number in np.unique(place)))
