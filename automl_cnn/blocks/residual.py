"""Blocks that add to their input."""

from __future__ import annotations

from typing import Any

from automl_cnn.blocks.attention import squeeze_excite
from automl_cnn.blocks.convolution import activate, conv, depthwise
from automl_cnn.plugin import Net, keras

Tensor = Any  # a Keras tensor; Keras has no public type for it


def residual(shortcut: Tensor, branch: Tensor, *, net: Net, activation: str | None = None) -> Tensor:
    """`shortcut` plus `branch`, then the activation; the two have one shape.

    The block-level regularizers act on the branch alone, so that the shortcut stays open. Do not
    call `net.after_block` again.
    """
    x = keras.layers.Add()([shortcut, net.after_branch(net.after_block(branch))])
    return activate(x, activation)


def residual_block(
    x: Tensor,
    channels: int,
    *,
    net: Net,
    stride: int = 1,
    bottleneck: bool = False,
    shortcut: bool = True,
    project: bool = True,
    squeeze: float = 0.0,
    downsample: str = "3x3",
) -> Tensor:
    """ResNet's block: two 3x3 convolutions, or with `bottleneck` 1x1, 3x3 and 1x1 to four times `channels`; added to `x`, then ReLU.

    Where the shape changes, the shortcut is a 1x1 convolution with norm; with `project=False` (the
    paper's option A) it has no weights: pixels are left out and channels of zeros put behind, so
    that channels may grow but not shrink. `shortcut=False` is the plain block. `squeeze` is
    squeeze-excitation of the branch, with that share of its channels. `downsample` says which layer
    of a bottleneck has the stride: the "3x3", or the first "1x1" as in the paper, at fewer
    mult-adds. It calls `net.after_block` itself.

    He et al. 2016, https://arxiv.org/abs/1512.03385

    Raises:
        ValueError: `downsample` is neither.
    """
    if downsample not in ("3x3", "1x1"):
        raise ValueError(f"downsample = {downsample!r}: expected '3x3' or '1x1'.")
    out = 4 * channels if bottleneck else channels
    kept = _shortcut(x, out, net=net, stride=stride, project=project) if shortcut else None  # before the branch, as published weights are ordered
    if bottleneck:
        first, second = (stride, 1) if downsample == "1x1" else (1, stride)
        branch = conv(x, channels, 1, net=net, stride=first)
        branch = conv(branch, channels, 3, net=net, stride=second)
        branch = conv(branch, out, 1, net=net, activation=None, zero_scale=shortcut)
    else:
        branch = conv(x, channels, 3, net=net, stride=stride)
        branch = conv(branch, out, 3, net=net, activation=None, zero_scale=shortcut)
    if squeeze:
        branch = squeeze_excite(branch, squeeze, net=net)
    if kept is None:
        return net.after_block(activate(branch, "relu"))
    return residual(kept, branch, net=net, activation="relu")


def _shortcut(x: Tensor, out: int, *, net: Net, stride: int, project: bool) -> Tensor:
    if stride == 1 and x.shape[-1] == out:
        return x
    if project:
        return conv(x, out, 1, net=net, stride=stride, activation=None)
    if stride != 1:
        x = keras.layers.MaxPooling2D(1, strides=stride, padding="same", data_format="channels_last")(x)
    if x.shape[-1] == out:
        return x
    # "channels_first" takes the channels, which come last, for columns: stock Keras pads no channels otherwise
    return keras.layers.ZeroPadding2D(((0, 0), (0, out - x.shape[-1])), data_format="channels_first")(x)


def inverted_residual(
    x: Tensor,
    out: int,
    *,
    net: Net,
    expand: float = 6,
    stride: int = 1,
    kernel: int = 3,
    activation: str = "relu6",
    squeeze: float = 0.0,
) -> Tensor:
    """Widen `expand` times, filter each channel, narrow to `out` without activation; added to `x` where the shapes allow.

    The block of MobileNetV2, and with `squeeze` (squeeze-excitation with that share of the block's
    input channels) and `activation="silu"` of EfficientNet. It calls `net.after_block` itself.
    Sandler et al. 2018, https://arxiv.org/abs/1801.04381
    """
    channels = x.shape[-1]
    branch = x
    if expand != 1:
        branch = conv(branch, round(channels * expand), 1, net=net, activation=activation)
    branch = depthwise(branch, kernel, net=net, stride=stride, activation=activation)
    if squeeze:
        branch = squeeze_excite(branch, squeeze, net=net, of=channels, activation=activation)
    added = stride == 1 and channels == out
    branch = conv(branch, out, 1, net=net, activation=None)
    return residual(x, branch, net=net) if added else net.after_block(branch)
