"""Building blocks that families of networks share; part of the plugin API.

    from automl_cnn import blocks

    x = blocks.conv(x, net.width(32), 3, net=net, stride=2)
    x = blocks.inverted_residual(x, net.width(64), expand=6, net=net)
    x = blocks.max_pool(x, 2)

Every function takes and returns Keras tensors, (batch, height, width, channels) unless stated
otherwise. Padding is TensorFlow's "same": a map of n pixels at stride s has ceil(n / s) pixels
after it. Every kernel carries `net.penalty()`, so that the search can regularize any network
written with these blocks. Channels are taken as given: scale them with `net.width`.
"""

from automl_cnn.blocks.attention import squeeze_excite
from automl_cnn.blocks.convolution import activate, conv, depthwise, local_response_norm, separable
from automl_cnn.blocks.inception import inception
from automl_cnn.blocks.noise import stochastic_depth
from automl_cnn.blocks.optimizers import ScheduledOptimizer
from automl_cnn.blocks.pooling import avg_pool, dense, flatten, global_average_pool, max_pool
from automl_cnn.blocks.residual import inverted_residual, residual, residual_block
from automl_cnn.blocks.schedules import decay_kernels, learning_rate

__all__ = [
    "ScheduledOptimizer",
    "activate",
    "avg_pool",
    "conv",
    "decay_kernels",
    "dense",
    "depthwise",
    "flatten",
    "global_average_pool",
    "inception",
    "inverted_residual",
    "learning_rate",
    "local_response_norm",
    "max_pool",
    "residual",
    "residual_block",
    "separable",
    "squeeze_excite",
    "stochastic_depth",
]
