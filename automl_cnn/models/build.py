"""An architecture plugin and what surrounds it -> keras.Model.

    raw pixels 0..255, any size -> Resize -> Rescaling to -1..1 -> features -> head -> classes

Preprocessing is part of the model, so that an exported file takes photos as they are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras

from automl_cnn.errors import ConfigError, PluginError
from automl_cnn.models.choose import architecture_of, regularizers_of
from automl_cnn.models.layers import Resize
from automl_cnn.models.net import BuildNet
from automl_cnn.plugin import Architecture, Regularizer
from automl_cnn.space import Configuration

if TYPE_CHECKING:
    from automl_cnn.registry import Registry


def build(
    architecture: Architecture,
    *,
    classes: int,
    channels: int,
    size: int,
    width: float = 1.0,
    depth: float = 1.0,
    regularizers: Sequence[Regularizer] = (),
    seed: int = 0,
) -> keras.Model:
    """The classifier: (batch, any, any, channels) pixels within 0..255 -> (batch, classes) probabilities.

    `size` is the square, in pixels, that the network sees; `width` and `depth` are the multipliers
    of compound scaling. Equal arguments give equal weights.

    Raises:
        PluginError: `size` is below the architecture's `min_size`, or the plugin fails or returns
            something else than a feature map.
    """
    if size < architecture.min_size:
        raise PluginError(
            f"{architecture.name} needs images of at least {architecture.min_size} px, but size = {size}. Raise the size or choose another architecture."
        )
    net = BuildNet(input_size=size, classes=classes, width=width, depth=depth, regularizers=regularizers)
    where = f"{architecture!r} at {size} px, width {width:g}, depth {depth:g}"
    with _seeded(seed):
        pixels = keras.Input((None, None, channels), name="pixels")
        x = Resize(size, name="resize")(pixels)
        x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(x)
        with _blaming(f"{where}: features"):
            x = _a_map(architecture.features(x, net), f"{where}: features")
        with _blaming(f"{where}: head"):
            x = _a_row(architecture.head(x, net), f"{where}: head")
        with _blaming(f"{where}: a regularizer's dense hook"):
            x = _a_row(net.before_dense(x), f"{where}: a regularizer's dense hook")
        x = keras.layers.Dense(classes, kernel_regularizer=net.penalty(), name="classifier")(x)
        probabilities = keras.layers.Softmax(dtype="float32", name="probabilities")(x)
        return keras.Model(pixels, probabilities, name=architecture.name)


def from_configuration(configuration: Configuration, registry: Registry, *, classes: int, channels: int, seed: int) -> keras.Model:
    """The model of one trial.

    Reads `architecture`, `resolution`, `width` and `depth` (1 where missing), `regularizer.<name>`
    (on or off) and `<plugin>.<parameter>`; other keys do not touch the model.

    Raises:
        ConfigError: `architecture` or `resolution` is missing.
        PluginError: a plugin is missing or cannot be built; a SpaceError for a value out of range.
    """
    if "resolution" not in configuration:
        raise ConfigError("The configuration has no 'resolution': expected the input size in pixels.")
    return build(
        architecture_of(configuration, registry),
        classes=classes,
        channels=channels,
        size=int(configuration["resolution"]),
        width=float(configuration.get("width", 1.0)),
        depth=float(configuration.get("depth", 1.0)),
        regularizers=regularizers_of(configuration, registry),
        seed=seed,
    )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Keras draws each layer's seed from Python's `random`; give it ours and leave the caller's as it was."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def _blaming(where: str) -> Iterator[None]:
    try:
        yield
    except PluginError:
        raise
    except Exception as error:  # a stranger's plugin may raise anything
        raise PluginError(f"{where} raised {type(error).__name__}: {error}") from error


def _a_map(x: Any, where: str) -> Any:
    shape = _shape(x, where, "a 4-D feature map (batch, height, width, channels)")
    if len(shape) != 4:
        raise PluginError(
            f"{where} returned a tensor of shape {shape}: expected a 4-D feature map (batch, height, width, channels). Leave the pooling to `head`."
        )
    if not all(shape[1:]):
        raise PluginError(
            f"{where} returned an empty or unknown map of shape {shape}: expected at least one pixel and one channel. Downsample less, or raise min_size."
        )
    return x


def _a_row(x: Any, where: str) -> Any:
    shape = _shape(x, where, "a 2-D tensor (batch, features)")
    if len(shape) != 2 or not shape[1]:
        raise PluginError(f"{where} returned a tensor of shape {shape}: expected a 2-D tensor (batch, features) with at least one feature.")
    return x


def _shape(x: Any, where: str, expected: str) -> tuple[int | None, ...]:
    if not isinstance(x, keras.KerasTensor):
        raise PluginError(f"{where} returned {type(x).__name__}: expected {expected}. Is a return missing?")
    return tuple(x.shape)
