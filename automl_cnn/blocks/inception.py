"""Several kernel sizes side by side."""

from __future__ import annotations

from typing import Any

from automl_cnn.blocks.attention import squeeze_excite
from automl_cnn.blocks.convolution import conv
from automl_cnn.blocks.pooling import max_pool
from automl_cnn.plugin import Net, keras

Tensor = Any  # a Keras tensor; Keras has no public type for it


def inception(  # noqa: PLR0917  # the columns of the paper's table, in its order
    x: Tensor,
    one: int,
    three_in: int,
    three: int,
    five_in: int,
    five: int,
    *,
    pool: int,
    net: Net,
    norm: bool = False,
    squeeze: float = 0.0,
) -> Tensor:
    """GoogLeNet's module: 1x1, 3x3, 5x5 and pooling side by side, so that objects of any size match one of them.

    `one`, `three`, `five` and `pool` channels come out of the four branches and are joined: (batch,
    height, width, one + three + five + pool). `three_in` and `five_in` are the 1x1 reductions in
    front of the large kernels, which make them affordable: 5x5 from 256 to 64 channels has 409,600
    weights, through 64 only 118,784. `squeeze` above 0 weighs the joined channels by
    `squeeze_excite` with that ratio (SE-Inception). It calls `net.after_block` itself.

    Szegedy et al. 2015, https://arxiv.org/abs/1409.4842
    """
    branches = [
        conv(x, one, 1, net=net, norm=norm),
        conv(conv(x, three_in, 1, net=net, norm=norm), three, 3, net=net, norm=norm),
        conv(conv(x, five_in, 1, net=net, norm=norm), five, 5, net=net, norm=norm),
        conv(max_pool(x, 3, stride=1), pool, 1, net=net, norm=norm),
    ]
    x = keras.layers.Concatenate()(branches)
    if squeeze:
        x = squeeze_excite(x, squeeze, net=net)
    return net.after_block(x)
