"""Channel attention from the whole image."""

from __future__ import annotations

from typing import Any

from automl_cnn.blocks.convolution import conv
from automl_cnn.plugin import Net, keras

Tensor = Any  # a Keras tensor; Keras has no public type for it


def squeeze_excite(x: Tensor, ratio: float = 1 / 16, *, net: Net, of: int | None = None, activation: str = "relu", gate: str = "sigmoid") -> Tensor:
    """Weigh each channel by the content of the whole image, for under 1 % more compute.

    The bottleneck has `ratio` times `of` channels (by default, those of `x`), at least one.
    Hu et al. 2018, https://arxiv.org/abs/1709.01507
    """
    squeezed = max(1, int((of or x.shape[-1]) * ratio))
    weights = keras.layers.GlobalAveragePooling2D(data_format="channels_last", keepdims=True)(x)
    weights = conv(weights, squeezed, 1, net=net, norm=False, activation=activation)
    weights = conv(weights, x.shape[-1], 1, net=net, norm=False, activation=gate)
    return keras.layers.Multiply()([x, weights])
