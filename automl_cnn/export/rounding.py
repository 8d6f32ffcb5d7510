"""Prepare a classifier for integer quantization, on stock Keras networks (see `export.network`): even out its weights and correct its bias.

The weights of a readout's classifier differ widely: those of a feature that hardly varies are a hundred times larger. With one scale for all weights of
an output, the small ones would become 0. `evened` therefore standardizes the features and changes the weights to give the same logits, which equalizes
the scales of two layers (Nagel et al. 2019, https://arxiv.org/abs/1906.04721). `corrected` applies the bias correction of the same paper: rounding shifts
each logit by about the same amount on all images, and the mean shift on the calibration images is subtracted.
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
SURE = 1 / 512  # probabilities nearer to 0 or 1 do not determine the logit: int8 cannot represent finer ones
FEW = 10  # images that must determine an output's shift
BATCH = 32


def evened(network: Any, images: np.ndarray) -> Any:
    """`network` with the classifier's features standardized on `images` (uint8); unchanged if it does not have exactly one dense classifier."""
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
    """`network` with the bias of its classifier corrected by the mean error of `run`, its rounded version, on `images` (uint8).

    None if it does not have exactly one dense classifier.
    """
    layer = _classifier(network)
    if layer is None:
        return None
    rounded = np.concatenate([run(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])
    shift = shift_of(_predicted(network, images), rounded, task)
    kernel, bias = (np.asarray(weights) for weights in layer.get_weights())
    return _with(network, _dense(layer, kernel, bias - shift))[1]


def shift_of(answers: np.ndarray, rounded: np.ndarray, task: Task) -> np.ndarray:
    """The mean shift of each logit, or standardized number, (outputs,).

    Only predictions (images, outputs) that determine the logit in both arrays count. The shift is 0 if there are fewer than `FEW`.
    """
    if not task.probable:
        return np.asarray(np.mean(task.logits(rounded) - task.logits(answers), axis=0), np.float32)
    known = np.minimum.reduce([answers, rounded, 1 - answers, 1 - rounded]) >= SURE
    inside = (np.clip(given, SURE, 1 - SURE) for given in (rounded, answers))
    off = np.where(known, np.subtract(*(task.logits(one) for one in inside)), 0.0)
    if task.exclusive:  # logits of classes are known up to a constant for each image
        off = np.where(known, off - off.sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1), 0.0)
    counts = known.sum(axis=0)
    return np.asarray(np.where(counts >= FEW, off.sum(axis=0) / np.maximum(counts, 1), 0.0), np.float32)


def _classifier(network: Any) -> Any | None:
    """The only dense classifier; None for ensembles, and for anything that is not a network."""
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
