"""An architecture plugin and what surrounds it -> keras.Model.

    raw pixels 0..255, any size -> Resize -> Rescaling to -1..1 -> features -> head -> classes

Preprocessing is part of the model, so that an exported file takes photos as they are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from automl_cnn import foreign, keras_settings
from automl_cnn.errors import ConfigError, PluginError
from automl_cnn.layers import Resize
from automl_cnn.models.choose import architecture_of, pretrained_of, regularizers_of
from automl_cnn.models.net import BuildNet
from automl_cnn.plugin import Architecture, Inputs, Pretrained, Regularizer
from automl_cnn.space import Configuration

if TYPE_CHECKING:
    from automl_cnn.registry import Registry


@dataclass(frozen=True)
class Network:
    """`model` is what is kept; `training` is the same network with its auxiliary classifiers as further outputs.

    `loss_weights` has one number for each output of `training`. The two share their weights.
    """

    model: keras.Model
    training: keras.Model
    loss_weights: tuple[float, ...]


@keras_settings.standard()
def network(
    architecture: Architecture,
    *,
    classes: int,
    channels: int,
    size: int,
    width: float = 1.0,
    depth: float = 1.0,
    regularizers: Sequence[Regularizer] = (),
    pretrained: Pretrained | None = None,
    seed: int = 0,
) -> Network:
    """The classifier: (batch, any, any, channels) pixels within 0..255 -> (batch, classes) probabilities.

    `size` is the square, in pixels, that the network sees; `width` and `depth` are the multipliers
    of compound scaling. With `pretrained`, the network has the form those weights fit (its own
    multipliers and strides, colours as they were trained with, gray images thrice), and its weights are
    still drawn at random: `automl_cnn.models.pretrained.load` puts them in. Equal arguments give equal weights.

    Raises:
        PluginError: `size` is below the architecture's `min_size`, or the plugin fails or returns
            something else than a feature map.
    """
    if size < architecture.min_size:
        raise PluginError(
            f"{architecture.name} needs images of at least {architecture.min_size} px, but size = {size}. Raise the size or choose another architecture."
        )
    if pretrained is not None:
        width, depth = pretrained.width, pretrained.depth
    net = BuildNet(input_size=size, classes=classes, width=width, depth=depth, regularizers=regularizers, keep_strides=pretrained is not None)
    where = f"{architecture!r} at {size} px, width {width:g}, depth {depth:g}"
    with _seeded(seed):
        pixels = keras.Input((None, None, channels), name="pixels")
        x = _scaled(Resize(size, name="resize")(pixels), pretrained.inputs if pretrained else None)
        with _blaming(f"{where}: features"):
            x = _a_map(architecture.features(x, net), f"{where}: features")
        with _blaming(f"{where}: head"):
            x = _a_row(architecture.head(x, net), f"{where}: head")
        with _blaming(f"{where}: a regularizer's dense hook"):
            x = _a_row(net.before_dense(x), f"{where}: a regularizer's dense hook")
        probabilities = _classified(x, net, "classifier", "probabilities")
        auxiliary = [_classified(row, net, f"auxiliary_classifier_{number}", f"auxiliary_{number}") for number, (row, _) in enumerate(net.auxiliaries, 1)]
        built = Network(
            model=keras.Model(pixels, probabilities, name=architecture.name),
            training=keras.Model(pixels, [probabilities, *auxiliary] if auxiliary else probabilities, name=f"{architecture.name}_training"),
            loss_weights=(1.0, *(weight for _, weight in net.auxiliaries)),
        )
    with _blaming(f"{where}: a regularizer's built hook"):
        for regularizer in regularizers:
            regularizer.built(built.training)
    return built


def build(architecture: Architecture, **given: Any) -> keras.Model:
    """The classifier alone, of the arguments of `network`."""
    return network(architecture, **given).model


def network_of(configuration: Configuration, registry: Registry, *, classes: int, channels: int, seed: int) -> Network:
    """The network of one trial, its pretrained weights not yet loaded.

    Reads `architecture`, `resolution`, `width` and `depth` (1 where missing), `pretrained.<architecture>`,
    `regularizer.<name>` (on or off) and `<plugin>.<parameter>`; other keys do not touch the model.

    Raises:
        ConfigError: `architecture` or `resolution` is missing.
        PluginError: a plugin is missing or cannot be built; a SpaceError for a value out of range.
    """
    if "resolution" not in configuration:
        raise ConfigError("The configuration has no 'resolution': expected the input size in pixels.")
    return network(
        architecture_of(configuration, registry),
        classes=classes,
        channels=channels,
        size=int(configuration["resolution"]),
        width=float(configuration.get("width", 1.0)),
        depth=float(configuration.get("depth", 1.0)),
        regularizers=regularizers_of(configuration, registry),
        pretrained=pretrained_of(configuration, registry),
        seed=seed,
    )


def from_configuration(configuration: Configuration, registry: Registry, *, classes: int, channels: int, seed: int) -> keras.Model:
    """The model of one trial alone; as `network_of`."""
    return network_of(configuration, registry, classes=classes, channels=channels, seed=seed).model


def _scaled(x: Any, inputs: Inputs | None) -> Any:
    """Pixels as the network expects them: -1..1, or what its pretrained weights were trained with."""
    if inputs is not None and x.shape[-1] == 1:
        x = keras.layers.Concatenate(name="gray_as_colour")([x, x, x])
    known = inputs or Inputs()
    alike = len(set(known.scale)) == len(set(known.offset)) == 1
    # of shape (1, 1, 3), since Keras' layer would turn a row of three to other axes where keras.json says channels_first, whenever it is called
    scale, offset = (known.scale[0], known.offset[0]) if alike else ([[list(known.scale)]], [[list(known.offset)]])
    return keras.layers.Rescaling(scale, offset=offset, name="rescale")(x)


def _classified(x: Any, net: BuildNet, dense: str, softmax: str) -> Any:
    x = keras.layers.Dense(net.classes, kernel_regularizer=net.penalty(), name=dense)(x)
    return keras.layers.Softmax(dtype="float32", name=softmax)(x)


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
    except (PluginError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a stranger's plugin may raise anything, SystemExit included
        raise PluginError(f"{where} raised {foreign.sentence(error)}") from error


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
