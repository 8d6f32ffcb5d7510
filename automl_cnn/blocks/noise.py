"""Noise within a network, while it trains."""

from __future__ import annotations

from typing import Any

Tensor = Any  # a Keras tensor; Keras has no public type for it


def stochastic_depth(x: Tensor, rate: float) -> Tensor:
    """Whole images' `x` set to zero at `rate` while training, for a residual branch before it is added; any shape, the batch first.

    Huang et al. 2016, https://arxiv.org/abs/1603.09382
    """
    from automl_cnn.layers import StochasticDepth  # imports Keras, hence TensorFlow

    return StochasticDepth(rate)(x)
