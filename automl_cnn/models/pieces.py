"""Common parts of every network: scaled pixels, checks of what a plugin returns, errors that name the plugin."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from automl_cnn import foreign
from automl_cnn.errors import PluginError
from automl_cnn.plugin import Inputs
from automl_cnn.tasks import Activation, Units


def scaled(x: Any, inputs: Inputs | None, suffix: str = "") -> Any:
    """Pixels as the network expects them: -1..1, or what its pretrained weights were trained with."""
    if inputs is not None and x.shape[-1] == 1:
        x = keras.layers.Concatenate(name=f"gray_as_colour{suffix}")([x, x, x])
    known = inputs or Inputs()
    alike = len(set(known.scale)) == len(set(known.offset)) == 1
    # of shape (1, 1, 3), since Keras' layer would turn a row of three to other axes where keras.json says channels_first, whenever it is called
    scale, offset = (known.scale[0], known.offset[0]) if alike else ([[list(known.scale)]], [[list(known.offset)]])
    return keras.layers.Rescaling(scale, offset=offset, name=f"rescale{suffix}")(x)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Keras draws each layer's seed from Python's `random`; give it ours and leave the caller's as it was."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def blaming(where: str) -> Iterator[None]:
    """Turn whatever a plugin raises into a PluginError that says `where`."""
    try:
        yield
    except (PluginError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a stranger's plugin may raise anything, SystemExit included
        raise PluginError(f"{where} raised {foreign.sentence(error)}{foreign.place(error)}") from error


def checked_map(x: Any, where: str, *, sized: bool = True) -> Any:
    """What `features` returned, if it is a feature map; its height and width are known only where the network is `sized`.

    Raises:
        PluginError: it is something else, or empty.
    """
    shape = _shape(x, where, "a 4-D feature map (batch, height, width, channels)")
    if len(shape) != 4:
        raise PluginError(
            f"{where} returned a tensor of shape {shape}: expected a 4-D feature map (batch, height, width, channels). Leave the pooling to `head`."
        )
    if not all(shape[1:] if sized else shape[3:]):
        raise PluginError(
            f"{where} returned an empty or unknown map of shape {shape}: expected at least one pixel and one channel. Downsample less, or raise min_size."
        )
    return x


def answering(activation: Activation, name: str) -> keras.layers.Layer:
    """The last layer, always in float32: logits (batch, outputs) -> probabilities, or standardized numbers -> numbers in the user's units."""
    if isinstance(activation, Units):
        scale, offset = list(activation.scale), list(activation.offset)
        if len(scale) == 1:  # a number and not a row of one, which Keras' layer would turn to other axes where keras.json says channels_first
            return keras.layers.Rescaling(scale[0], offset=offset[0], dtype="float32", name=name)
        return keras.layers.Rescaling(scale, offset=offset, dtype="float32", name=name)
    if activation == "softmax":
        return keras.layers.Softmax(dtype="float32", name=name)
    return keras.layers.Activation(activation, dtype="float32", name=name)


def checked_row(x: Any, where: str) -> Any:
    """What `head` returned, if it is a row of features for each image.

    Raises:
        PluginError: it is something else, or empty.
    """
    shape = _shape(x, where, "a 2-D tensor (batch, features)")
    if len(shape) != 2 or not shape[1]:
        raise PluginError(f"{where} returned a tensor of shape {shape}: expected a 2-D tensor (batch, features) with at least one feature.")
    return x


def _shape(x: Any, where: str, expected: str) -> tuple[int | None, ...]:
    if not isinstance(x, keras.KerasTensor):
        raise PluginError(f"{where} returned {type(x).__name__}: expected {expected}. Is a return missing?")
    return tuple(x.shape)
