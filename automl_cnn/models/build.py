"""An architecture plugin and what surrounds it -> keras.Model.

    raw pixels 0..255, any size -> Resize -> Rescaling to -1..1 -> features -> head -> classes

Preprocessing is part of the model, so that an exported file takes photos as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from automl_cnn import keras_settings
from automl_cnn.errors import ConfigError, PluginError
from automl_cnn.layers import Resize
from automl_cnn.models.choose import architecture_of, pretrained_of, regularizers_of
from automl_cnn.models.net import BuildNet
from automl_cnn.models.pieces import answering, blaming, checked_map, checked_row, scaled, seeded
from automl_cnn.models.readout import readout_network
from automl_cnn.plugin import Architecture, Pretrained, Regularizer
from automl_cnn.space import Configuration
from automl_cnn.tasks import Activation
from automl_cnn.transfer import is_probe, readout_of

if TYPE_CHECKING:
    from automl_cnn.registry import Registry


@dataclass(frozen=True)
class Network:
    """`model` is what is kept; `training` is the same network with its auxiliary classifiers as further outputs.

    `loss_weights` has one number for each output of `training`. The two share their weights. `body` is the part that pretrained weights
    belong to: the model itself, or the frozen network inside a readout. `reader` gives the averages of a readout's stages; None elsewhere.
    """

    model: keras.Model
    training: keras.Model
    loss_weights: tuple[float, ...]
    body: keras.Model
    reader: keras.Model | None = None


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
    activation: Activation = "softmax",
) -> Network:
    """The classifier: (batch, any, any, channels) pixels within 0..255 -> (batch, classes) probabilities.

    `activation` is softmax for one class of several, sigmoid where any number of labels may apply.
    `size` is the square, in pixels, that the network sees; `width` and `depth` are the multipliers
    of compound scaling. With `pretrained`, the network has the form those weights fit (its own
    multipliers and strides, colors as they were trained with, gray images thrice), and its weights are
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
    with seeded(seed):
        pixels = keras.Input((None, None, channels), name="pixels")
        x = scaled(Resize(size, name="resize")(pixels), pretrained.inputs if pretrained else None)
        with blaming(f"{where}: features"):
            x = checked_map(architecture.features(x, net), f"{where}: features")
        with blaming(f"{where}: head"):
            x = checked_row(architecture.head(x, net), f"{where}: head")
        with blaming(f"{where}: a regularizer's dense hook"):
            x = checked_row(net.before_dense(x), f"{where}: a regularizer's dense hook")
        probabilities = _classified(x, net, "classifier", answering(activation, "probabilities"))
        auxiliary = [
            _classified(row, net, f"auxiliary_classifier_{number}", answering(activation, f"auxiliary_{number}"))
            for number, (row, _) in enumerate(net.auxiliaries, 1)
        ]
        model = keras.Model(pixels, probabilities, name=architecture.name)
        built = Network(
            model=model,
            training=keras.Model(pixels, [probabilities, *auxiliary] if auxiliary else probabilities, name=f"{architecture.name}_training"),
            loss_weights=(1.0, *(weight for _, weight in net.auxiliaries)),
            body=model,
        )
    with blaming(f"{where}: a regularizer's built hook"):
        for regularizer in regularizers:
            regularizer.built(built.training)
    return built


def build(architecture: Architecture, **given: Any) -> keras.Model:
    """The classifier alone, of the arguments of `network`."""
    return network(architecture, **given).model


def network_of(configuration: Configuration, registry: Registry, *, classes: int, channels: int, seed: int, activation: Activation = "softmax") -> Network:
    """The network of one trial, its pretrained weights not yet loaded.

    Reads `architecture`, `resolution`, `width` and `depth` (1 where missing), `pretrained.<architecture>`,
    `regularizer.<name>` (on or off) and `<plugin>.<parameter>`; other keys do not touch the model.

    Raises:
        ConfigError: `architecture` or `resolution` is missing.
        PluginError: a plugin is missing or cannot be built; a SpaceError for a value out of range.
    """
    if "resolution" not in configuration:
        raise ConfigError("The configuration has no 'resolution': expected the input size in pixels.")
    size, entry = int(configuration["resolution"]), pretrained_of(configuration, registry)
    if entry is not None and is_probe(configuration):
        architecture, readout = architecture_of(configuration, registry), readout_of(configuration)
        read = readout_network(architecture, entry, readout, classes=classes, channels=channels, size=size, seed=seed, activation=activation)
        return Network(read.model, read.model, (1.0,), read.body, read.reader)
    return network(
        architecture_of(configuration, registry),
        classes=classes,
        channels=channels,
        size=size,
        width=float(configuration.get("width", 1.0)),
        depth=float(configuration.get("depth", 1.0)),
        regularizers=regularizers_of(configuration, registry),
        pretrained=entry,
        seed=seed,
        activation=activation,
    )


def from_configuration(
    configuration: Configuration, registry: Registry, *, classes: int, channels: int, seed: int, activation: Activation = "softmax"
) -> keras.Model:
    """The model of one trial alone; as `network_of`."""
    return network_of(configuration, registry, classes=classes, channels=channels, seed=seed, activation=activation).model


def _classified(x: Any, net: BuildNet, dense: str, last: keras.layers.Layer) -> Any:
    return last(keras.layers.Dense(net.classes, kernel_regularizer=net.penalty(), name=dense)(x))
