"""A frozen network read in several ways, and one dense classifier on all its features.

    raw pixels, any size -> Resize -> each size (-> mirrored too) -> frozen network -> averages of its last stages -> classifier

One model, so that it exports and deploys as any other. The frozen network is a layer of it, shared by all sizes: its weights count once, its
mult-adds as often as it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from automl_cnn import keras_settings
from automl_cnn.layers import Downsample, Mirror, Resize
from automl_cnn.models.net import BuildNet
from automl_cnn.models.pieces import answering, blaming, checked_map, checked_row, scaled, seeded
from automl_cnn.models.stages import stage_ends
from automl_cnn.plugin import Architecture, Pretrained
from automl_cnn.tasks import Activation
from automl_cnn.transfer import MOST_STAGES, Readout

BODY = "frozen"  # the name of the layer that is the frozen network
CLASSIFIER = "classifier"


@dataclass(frozen=True)
class Look:
    """One way to look at an image: at `side` px, as it is or mirrored."""

    side: int
    mirrored: bool = False


@dataclass(frozen=True)
class ReadoutNetwork:
    """`model` is what is kept; `body` the frozen network inside it, which pretrained weights are loaded into.

    `reader` is the same frozen network with the averages of its last `MOST_STAGES` stages, whatever the readout uses of them.
    """

    model: keras.Model
    body: keras.Model
    reader: keras.Model


def looks_of(readout: Readout, resolution: int) -> tuple[Look, ...]:
    """All looks of a readout whose largest size is `resolution`, in the order of its features."""
    return tuple(Look(side, mirrored) for side in readout.pixels(resolution) for mirrored in ((False, True) if readout.mirror else (False,)))


def view_of(images: Any, look: Look, resolution: int, entry: Pretrained, named: bool = False) -> Any:
    """Images of `resolution` px -> (batch, side, side, 3) as the frozen network expects them; `named` gives the layers names of their own."""
    name = (lambda what: f"{what}_{look.side}{'_mirrored' if look.mirrored else ''}") if named else (lambda what: None)
    if look.side != resolution:
        images = Downsample(look.side, name=name("downsample"))(images)
    view = scaled(images, entry.inputs, suffix=f"_{look.side}{'_mirrored' if look.mirrored else ''}")
    return Mirror(name=name("mirror"))(view) if look.mirrored else view


@keras_settings.standard()
def readout_network(
    architecture: Architecture,
    entry: Pretrained,
    readout: Readout,
    *,
    classes: int,
    channels: int,
    size: int,
    seed: int = 0,
    activation: Activation = "softmax",
) -> ReadoutNetwork:
    """(batch, any, any, channels) pixels within 0..255 -> (batch, classes) probabilities.

    `size` is the largest image size, in pixels. The weights of `entry` are not loaded yet: `automl_cnn.models.pretrained.load` puts them into the
    frozen network.

    Raises:
        PluginError: the plugin fails, or returns something else than a feature map.
    """
    with seeded(seed):
        pixels = keras.Input((None, None, channels), name="pixels")
        images = Resize(size, name="resize")(pixels)
        looks = looks_of(readout, size)
        body, reader = frozen(architecture, entry, readout.stages, size=size, several=readout.sizes > 1)
        read = {look: _listed(body(view_of(images, look, size, entry, named=True), training=False)) for look in looks}
        rows: list[Any] = []
        for look in looks:
            if not look.mirrored:
                pair = [read[look], read[Look(look.side, True)]] if readout.mirror else [read[look]]
                rows += [keras.layers.Average()(list(both)) if len(both) > 1 else both[0] for both in zip(*pair, strict=True)]
        features = keras.layers.Concatenate(name="features")(rows) if len(rows) > 1 else rows[0]
        logits = keras.layers.Dense(classes, name=CLASSIFIER)(features)
        probabilities = answering(activation, "probabilities")(logits)
        return ReadoutNetwork(keras.Model(pixels, probabilities, name=f"{architecture.name}_readout"), body, reader)


def frozen(architecture: Architecture, entry: Pretrained, stages: int, *, size: int, several: bool = False) -> tuple[keras.Model, keras.Model]:
    """(batch, size, size, 3) scaled pixels -> the averages of the last `stages` stages, lowest first, (batch, channels) each; and of the last `MOST_STAGES`.

    With `several`, images of any size are taken.
    """
    net = BuildNet(input_size=size, classes=1, width=entry.width, depth=entry.depth, keep_strides=True)
    where = f"{architecture!r} with the weights '{entry.name}'"
    given = keras.Input((None, None, 3) if several else (size, size, 3), name="image")
    with blaming(f"{where}: features"):
        out = checked_map(architecture.features(given, net), f"{where}: features", sized=not several)
    with blaming(f"{where}: head"):
        top = checked_row(architecture.head(out, net), f"{where}: head")
    below = stage_ends(given, out, net.block_ends)[:-1][-(MOST_STAGES - 1) :]
    averages = [keras.layers.GlobalAveragePooling2D(name=f"average_{place}")(tensor) for place, tensor in enumerate(below, 1)]
    used = averages[max(0, len(averages) - stages + 1) :] if stages > 1 else []
    return keras.Model(given, [*used, top], name=BODY), keras.Model(given, [*averages, top], name="reader")


def _listed(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
