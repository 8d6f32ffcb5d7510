"""Several trained networks as one `keras.Model`: the mean of their probabilities, or of their numbers.

    raw pixels, any size -> Resize to one size -> each member, at its own size -> LogMean -> Softmax or sigmoid
                                                                                -> weighted sum, where they answer numbers

Choose it where the last point of accuracy is worth the members' summed size and time. It is a model as any other:
it loads with stock Keras and `automl_cnn.layers`, it exports, and its layer "classifier" gives logits, so that it calibrates.

Deep ensembles: Lakshminarayanan et al. 2017, https://arxiv.org/abs/1612.01474
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from automl_cnn import keras_settings
from automl_cnn.errors import ConfigError
from automl_cnn.layers import Downsample, LogMean, Resize
from automl_cnn.models.pieces import answering
from automl_cnn.tasks import Activation, Units

RESIZE = "resize"


@keras_settings.standard()
def ensemble(members: Sequence[keras.Model], shares: Sequence[float], names: Sequence[str], *, stored: int, activation: Activation = "softmax") -> keras.Model:
    """One model of `members` (as `build` makes them), each with its share in the mean and a name of its own. The members become its layers.

    Where they differ in size, it takes images at `stored` px, from which training made those of every size: each member then sees what it was trained on.

    Raises:
        ConfigError: they are fewer than two, do not answer alike, or their shares do not sum to 1.
    """
    _fitting(members, shares, names)
    sizes = [size_of(member) for member in members]
    common = sizes[0] if len(set(sizes)) == 1 else stored
    pixels = keras.Input((None, None, members[0].input_shape[-1]), name="pixels")
    images = Resize(common, name=RESIZE)(pixels)
    seen = {size: Downsample(size, name=f"downsample_{size}")(images) if size < common else images for size in sorted(set(sizes))}  # a larger one enlarges them
    outputs = []
    for member, name, size in zip(members, names, sizes, strict=True):
        member.name = name
        outputs.append(member(seen[size], training=False))
    if isinstance(activation, Units):
        parts = [keras.layers.Rescaling(share, dtype="float32", name=f"share_of_{name}")(one) for one, share, name in zip(outputs, shares, names, strict=True)]
        return keras.Model(pixels, keras.layers.Add(dtype="float32", name="numbers")(parts), name="ensemble")
    logits = LogMean(list(shares), odds=activation == "sigmoid", name="classifier")(outputs)
    return keras.Model(pixels, answering(activation, "probabilities")(logits), name="ensemble")


def size_of(member: keras.Model) -> int:
    """The square, in pixels, that the network sees."""
    return int(member.get_layer(RESIZE).size)


def _fitting(members: Sequence[keras.Model], shares: Sequence[float], names: Sequence[str]) -> None:
    if len(members) < 2 or len(members) != len(shares) or len(members) != len(set(names)):
        summary = f"{len(members)} networks, {len(shares)} shares and the names {', '.join(names)}"
        raise ConfigError(f"An ensemble needs at least two networks, each with a share and a name of its own: received {summary}.")
    ends = {(member.input_shape[-1], member.output_shape[-1]) for member in members}
    if len(ends) > 1:
        raise ConfigError(f"The networks differ in channels and classes: received {sorted(ends)}, expected the same of all.")
    if abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
        raise ConfigError(f"The shares {', '.join(f'{share:g}' for share in shares)} are not shares of a whole: expected positive numbers whose sum is 1.")
