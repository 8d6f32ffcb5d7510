"""Weights apart from any framework: a plain list, in the order of the layers.

Kernels are as Keras has them: (height, width, in, out), depthwise (height, width, channels, 1), dense (in, out).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.errors import PluginError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Convolution:
    """A 2-D convolution."""

    kernel: Array
    bias: Array | None = None


@dataclass(frozen=True, eq=False)
class Depthwise:
    """A 2-D depthwise convolution."""

    kernel: Array
    bias: Array | None = None


@dataclass(frozen=True, eq=False)
class Norm:
    """A batch norm and its moving statistics."""

    gamma: Array
    beta: Array
    mean: Array
    variance: Array


@dataclass(frozen=True, eq=False)
class Dense:
    """A fully connected layer."""

    kernel: Array
    bias: Array | None = None


Item = Convolution | Depthwise | Norm | Dense


def from_torch(tensors: Mapping[str, Array], origin: str) -> list[Item]:
    """The layers of a PyTorch state dict, whose order is that of the network's definition.

    Raises:
        PluginError: a layer is of another kind than convolution, batch norm or dense.
    """
    layers: dict[str, dict[str, Array]] = {}
    for key, tensor in tensors.items():
        layer, _, leaf = key.rpartition(".")
        layers.setdefault(layer, {})[leaf] = tensor
    return [_item(layer, parts, first=not index, origin=origin) for index, (layer, parts) in enumerate(layers.items())]


def _item(layer: str, parts: Mapping[str, Array], *, first: bool, origin: str) -> Item:
    weight, bias = parts.get("weight"), parts.get("bias")
    known = set(parts) <= {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    if known and "running_mean" in parts and "running_var" in parts:
        mean = parts["running_mean"]
        return Norm(np.ones_like(mean) if weight is None else weight, np.zeros_like(mean) if bias is None else bias, mean, parts["running_var"])
    if known and weight is not None and weight.ndim == 2:
        return Dense(weight.T, bias)
    if known and weight is not None and weight.ndim == 4:
        if weight.shape[1] == 1 and not first:  # a first layer of one channel is one that sees gray
            return Depthwise(weight.transpose(2, 3, 0, 1), bias)
        return Convolution(weight.transpose(2, 3, 1, 0), bias)
    shapes = ", ".join(f"{leaf} {part.shape}" for leaf, part in parts.items())
    raise PluginError(f"{origin}: layer '{layer}' has {shapes}, but only 2-D convolutions, batch norms and dense layers can be loaded.")
