"""Building blocks that families of networks share; part of the plugin API.

    from automl_cnn import blocks

    x = blocks.conv(x, net.width(32), 3, net=net, stride=2)
    x = blocks.inverted_residual(x, net.width(64), expand=6, net=net)
    x = blocks.max_pool(x, 2)

Every function takes and returns Keras tensors, (batch, height, width, channels) unless said
otherwise. Padding is TensorFlow's "same": a map of n pixels at stride s has ceil(n / s) pixels
after it. Every kernel carries `net.penalty()`, so that the search can regularize any network
written with these blocks. Channels are taken as given: scale them with `net.width`.
"""

from __future__ import annotations

from typing import Any

from automl_cnn.plugin import Net, keras

Tensor = Any  # a Keras tensor; Keras has no public type for it

NORM_MOMENTUM = 0.9  # the moving statistics follow within some tens of steps, so that short trainings are scored fairly
NORM_EPSILON = 1e-3


def conv(
    x: Tensor,
    channels: int,
    kernel: int,
    *,
    net: Net,
    stride: int = 1,
    activation: str | None = "relu",
    norm: bool = True,
    bias: bool | None = None,
    groups: int = 1,
    dilation: int = 1,
    zero_scale: bool = False,
) -> Tensor:
    """Convolution, batch norm, activation: the brick of nearly every network.

    `activation` is any name Keras knows ("relu", "relu6", "silu", "gelu") or None. `bias` is a
    learned offset of the convolution, by default only where no norm follows. `zero_scale` starts
    the norm's scale at 0, so that a residual branch begins as nothing (Goyal et al. 2017,
    https://arxiv.org/abs/1706.02677).
    """
    x = keras.layers.Conv2D(
        channels,
        kernel,
        strides=stride,
        padding="same",
        groups=groups,
        dilation_rate=dilation,
        use_bias=not norm if bias is None else bias,
        kernel_initializer="he_normal",
        kernel_regularizer=net.penalty(),
    )(x)
    return _finish(x, norm, activation, zero_scale)


def depthwise(x: Tensor, kernel: int, *, net: Net, stride: int = 1, activation: str | None = "relu", norm: bool = True, bias: bool | None = None) -> Tensor:
    """One kernel per channel, batch norm, activation: the cheap half of a depthwise separable layer.

    Follow it with `conv(x, channels, 1, net=net)`, which mixes the channels. Howard et al. 2017,
    https://arxiv.org/abs/1704.04861
    """
    x = keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same",
        use_bias=not norm if bias is None else bias,
        depthwise_initializer="he_normal",
        depthwise_regularizer=net.penalty(),
    )(x)
    return _finish(x, norm, activation)


def activate(x: Tensor, activation: str | None) -> Tensor:
    """The activation of that name ("relu", "relu6", "silu", "gelu", any that Keras knows); None leaves `x` as it is."""
    return keras.layers.Activation(activation)(x) if activation else x


def dense(x: Tensor, units: int, *, net: Net, activation: str | None = "relu") -> Tensor:
    """A fully connected layer on (batch, features), for heads; call `net.before_dense` in front of it."""
    return keras.layers.Dense(units, activation=activation, kernel_initializer="he_normal", kernel_regularizer=net.penalty())(x)


def max_pool(x: Tensor, size: int = 2, *, stride: int | None = None) -> Tensor:
    """The largest value of each `size` x `size` window; the stride is `size` unless given."""
    return keras.layers.MaxPooling2D(size, strides=stride or size, padding="same")(x)


def avg_pool(x: Tensor, size: int = 2, *, stride: int | None = None) -> Tensor:
    """The mean of each `size` x `size` window; the stride is `size` unless given."""
    return keras.layers.AveragePooling2D(size, strides=stride or size, padding="same")(x)


def global_average_pool(x: Tensor) -> Tensor:
    """The mean of each channel, (batch, channels): a head without weights, for any map size."""
    return keras.layers.GlobalAveragePooling2D()(x)


def flatten(x: Tensor) -> Tensor:
    """All values in one row, (batch, height * width * channels): a head that knows where things are, at the price of its weights."""
    return keras.layers.Flatten()(x)


def squeeze_excite(x: Tensor, ratio: float = 1 / 16, *, net: Net, of: int | None = None, activation: str = "relu", gate: str = "sigmoid") -> Tensor:
    """Weigh each channel by what the whole image holds, for under 1 % more compute.

    The bottleneck has `ratio` times `of` channels (by default, those of `x`), at least one.
    Hu et al. 2018, https://arxiv.org/abs/1709.01507
    """
    squeezed = max(1, int((of or x.shape[-1]) * ratio))
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = conv(weights, squeezed, 1, net=net, norm=False, activation=activation)
    weights = conv(weights, x.shape[-1], 1, net=net, norm=False, activation=gate)
    return keras.layers.Multiply()([x, weights])


def residual(shortcut: Tensor, branch: Tensor, *, net: Net, activation: str | None = None) -> Tensor:
    """`shortcut` plus `branch`, then the activation; the two have one shape.

    The block-level regularizers act on the branch alone, so that the shortcut stays open. Do not
    call `net.after_block` again.
    """
    x = keras.layers.Add()([shortcut, net.after_block(branch)])
    return activate(x, activation)


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


def learning_rate(peak: float, steps: int, *, schedule: str = "cosine", warm_up: float = 0.0) -> Any:
    """The learning rate of an `Optimizer` plugin over a training of `steps` batches.

    It rises in a straight line from a tenth of `peak` over the first `warm_up` share of the
    steps, then stays ("constant") or falls to 0 along half a cosine ("cosine"; Loshchilov and
    Hutter 2017, https://arxiv.org/abs/1608.03983). A plain float where nothing changes.

    Raises:
        ValueError: `schedule` is neither.
    """
    if schedule not in ("cosine", "constant"):
        raise ValueError(f"schedule = {schedule!r}: expected 'cosine' or 'constant'.")
    warming = min(round(steps * warm_up), steps - 1)
    if schedule == "constant" and warming < 1:
        return peak
    final = 0.0 if schedule == "cosine" else 1.0
    if warming < 1:
        return keras.optimizers.schedules.CosineDecay(peak, max(1, steps), alpha=final)
    return keras.optimizers.schedules.CosineDecay(peak / 10, steps - warming, alpha=final, warmup_target=peak, warmup_steps=warming)


def _finish(x: Tensor, norm: bool, activation: str | None, zero_scale: bool = False) -> Tensor:
    if norm:
        x = keras.layers.BatchNormalization(momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, gamma_initializer="zeros" if zero_scale else "ones")(x)
    return activate(x, activation)
