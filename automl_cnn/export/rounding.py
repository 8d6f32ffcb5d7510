"""The effect of rounding to integers on a classifier, and its correction before it is written; all of it on stock Keras networks (see `export.network`).

A readout's classifier has weights of very different size: where a feature hardly varies, they are a hundred times larger. With one scale for all weights of
an output, the small ones become 0. So the features are brought to mean 0 and deviation 1 in front of it, and its weights changed to give the same logits:
the scales of two layers evened out (Nagel et al. 2019, https://arxiv.org/abs/1906.04721). From the same paper is the correction of the bias: rounding shifts
each logit by about the same on all images, and the mean shift of the calibration images is taken off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from automl_cnn.tasks import Task
from automl_cnn.train.probe import CLASSIFIER

LEAST = 1e-3  # of a deviation: features that never vary are left small
FAR = 16.0  # times the farthest feature seen, beyond which it is cut off
SURE = 1 / 512  # probabilities nearer to 0 or 1 say nothing of the logit: whole numbers have no finer ones
FEW = 10  # images that must say something of an output's shift
BATCH = 32


def evened(network: Any, images: np.ndarray) -> Any:
    """`network` with the classifier's features brought to one scale, as they are on `images` (uint8); as it is where it has not one dense classifier."""
    layer = _classifier(network)
    if layer is None:
        return network
    read: list[Any] = []
    pixels, _ = _with(network, lambda features: read.append(features) or layer(features))  # type: ignore[func-returns-value]  # in this order
    values = _predicted(keras.Model(pixels, read[0]), images)
    mean, deviation = values.mean(axis=0), values.std(axis=0) + LEAST
    most = FAR * float(np.abs((values - mean) / deviation).max())
    kernel, bias = (np.asarray(weights) for weights in layer.get_weights())

    def standard(features: Any) -> Any:
        norm = keras.layers.BatchNormalization(epsilon=0.0, center=False, scale=False, name="evened")
        scaled = norm(features, training=False)
        norm.set_weights([mean, deviation**2])
        bounded = keras.ops.clip(scaled, -most, most)  # without it, converters fold the scales back into the weights
        return _dense(layer, kernel * deviation[:, None], bias + mean @ kernel)(bounded)

    return _with(network, standard)[1]


def corrected(network: Any, images: np.ndarray, run: Callable[[np.ndarray], np.ndarray], task: Task) -> Any | None:
    """`network` with the bias of its classifier changed by what `run`, its rounded version, is off on `images` (uint8).

    None where it has not one dense classifier.
    """
    layer = _classifier(network)
    if layer is None:
        return None
    rounded = np.concatenate([run(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])
    shift = shift_of(_predicted(network, images), rounded, task)
    kernel, bias = (np.asarray(weights) for weights in layer.get_weights())
    return _with(network, _dense(layer, kernel, bias - shift))[1]


def shift_of(answers: np.ndarray, rounded: np.ndarray, task: Task) -> np.ndarray:
    """By how much each logit, or standardized number, is off on average, (outputs,).

    It is measured where both answers (images, outputs) say something of a logit, and 0 where hardly any does.
    """
    if not task.probable:
        return np.asarray(np.mean(task.logits(rounded) - task.logits(answers), axis=0), np.float32)
    known = np.minimum.reduce([answers, rounded, 1 - answers, 1 - rounded]) >= SURE
    inside = (np.clip(given, SURE, 1 - SURE) for given in (rounded, answers))
    off = np.where(known, np.subtract(*(task.logits(one) for one in inside)), 0.0)
    if task.exclusive:  # logits of classes are known but for a number for each image
        off = np.where(known, off - off.sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1), 0.0)
    counts = known.sum(axis=0)
    return np.asarray(np.where(counts >= FEW, off.sum(axis=0) / np.maximum(counts, 1), 0.0), np.float32)


def _classifier(network: Any) -> Any | None:
    """The one dense classifier; None of ensembles, and of anything that is not a network."""
    layers = [layer for layer in getattr(network, "layers", ()) if layer.name == CLASSIFIER]
    return layers[0] if len(layers) == 1 and isinstance(layers[0], keras.layers.Dense) and layers[0].use_bias else None


def _with(network: Any, classify: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The input, and the network with `classify` (features -> logits) in place of its classifier; all other layers are shared."""

    def call(layer: Any, *arguments: Any, **named: Any) -> Any:
        return classify(arguments[0]) if layer.name == CLASSIFIER else layer(*arguments, **named)

    pixels = keras.Input(network.input_shape[1:], name="pixels")
    return pixels, keras.models.clone_model(network, input_tensors=pixels, clone_function=lambda layer: layer, call_function=call)


def _dense(layer: Any, kernel: np.ndarray, bias: np.ndarray) -> Any:
    made = keras.layers.Dense(layer.units, activation=layer.activation, name=CLASSIFIER)
    made.build((None, kernel.shape[0]))
    made.set_weights([kernel, bias])
    return made


def _predicted(network: Any, images: np.ndarray) -> np.ndarray:
    blocks = (images[start : start + BATCH].astype(np.float32) for start in range(0, len(images), BATCH))
    return np.concatenate([np.asarray(network.predict_on_batch(block)) for block in blocks])
