"""Convolution, norm, activation: the bricks."""

from __future__ import annotations

import math
from typing import Any

from automl_cnn.plugin import Net, keras

Tensor = Any  # a Keras tensor; Keras has no public type for it

NORM_MOMENTUM = 0.9  # the moving statistics follow within some tens of steps, so that short trainings are scored fairly
NORM_EPSILON = 1e-3


def conv(
    x: Tensor,
    channels: int,
    kernel: int | tuple[int, int],
    *,
    net: Net,
    stride: int = 1,
    activation: str | None = "relu",
    norm: bool = True,
    bias: bool | None = None,
    groups: int = 1,
    dilation: int = 1,
    padding: str | int = "same",
    zero_scale: bool = False,
) -> Tensor:
    """Convolution, batch norm, activation: the brick of nearly every network.

    `activation` is any name Keras knows ("relu", "relu6", "silu", "gelu") or None. `bias` is a
    learned offset of the convolution, by default only where no norm follows. `padding` is "same",
    "valid", or the number of pixels of zeros on every side (as in PyTorch). With `groups`, TensorFlow trains
    on a CPU many times slower than with as many convolutions side by side. `zero_scale` starts
    the norm's scale at 0, so that a residual branch begins as nothing (Goyal et al. 2017,
    https://arxiv.org/abs/1706.02677).
    """
    if isinstance(padding, int):
        x, padding = keras.layers.ZeroPadding2D(padding, data_format="channels_last")(x), "valid"
    x = keras.layers.Conv2D(
        channels,
        kernel,
        strides=stride,
        padding=padding,
        data_format="channels_last",
        groups=groups,
        dilation_rate=dilation,
        use_bias=not norm if bias is None else bias,
        kernel_initializer="he_normal",
        kernel_regularizer=net.penalty(),
    )(x)
    return _finish(x, norm, activation, zero_scale)


def depthwise(x: Tensor, kernel: int, *, net: Net, stride: int = 1, activation: str | None = "relu", norm: bool = True, bias: bool | None = None) -> Tensor:
    """One kernel per channel, batch norm, activation: the cheap half of a depthwise separable layer.

    Follow it with `conv(x, channels, 1, net=net)`, which mixes the channels, or use `separable`,
    which is both. Howard et al. 2017, https://arxiv.org/abs/1704.04861
    """
    x = keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same",
        data_format="channels_last",
        use_bias=not norm if bias is None else bias,
        depthwise_initializer=keras.initializers.RandomNormal(
            stddev=math.sqrt(2 / kernel**2)
        ),  # "he_normal" would count the channels, which do not add up here
        depthwise_regularizer=net.penalty(),
    )(x)
    return _finish(x, norm, activation)


def separable(x: Tensor, channels: int, kernel: int, *, net: Net, stride: int = 1, activation: str | None = "relu", norm: bool = True) -> Tensor:
    """A depthwise and a 1x1 convolution, norm and activation after each: the block of MobileNet.

    Against a full convolution it costs about 1 / `kernel`² of the weights and mult-adds. Howard et
    al. 2017, https://arxiv.org/abs/1704.04861
    """
    x = depthwise(x, kernel, net=net, stride=stride, activation=activation, norm=norm)
    return conv(x, channels, 1, net=net, activation=activation, norm=norm)


def activate(x: Tensor, activation: str | None) -> Tensor:
    """The activation of that name ("relu", "relu6", "silu", "gelu", any that Keras knows); None leaves `x` as it is."""
    return keras.layers.Activation(activation)(x) if activation else x


def local_response_norm(x: Tensor) -> Tensor:
    """Each channel divided by the energy of its five neighbors: what AlexNet and GoogLeNet had before batch norm.

    Without weights; it follows an activation. Krizhevsky et al. 2012, section 3.3, with its constants
    """
    from automl_cnn.layers import LocalResponseNorm  # imports Keras, hence TensorFlow

    return LocalResponseNorm()(x)


def _finish(x: Tensor, norm: bool, activation: str | None, zero_scale: bool = False) -> Tensor:
    if norm:
        x = keras.layers.BatchNormalization(momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, gamma_initializer="zeros" if zero_scale else "ones")(x)
    return activate(x, activation)
