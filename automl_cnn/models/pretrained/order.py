"""A Keras model's layers with weights, in an order that inert layers in between do not disturb."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from automl_cnn.errors import PluginError
from automl_cnn.models.pretrained.items import Convolution, Dense, Depthwise, Item, Norm


def in_order(model: keras.Model) -> list[Any]:
    """The weighted layers of a functional model: each behind those it depends on, an addition's first branch before its second.

    `model.layers` goes by depth, where one layer of padding more on a branch changes the order.
    """
    layers: list[Any] = []
    seen: set[tuple[int, int]] = set()
    stack: list[tuple[Any, int, bool]] = [(*tensor._keras_history[:2], False) for tensor in reversed(model.outputs)]
    while stack:
        layer, use, done = stack.pop()
        if done:
            if layer not in layers and getattr(layer, "weights", None):
                layers.append(layer)
        elif (id(layer), use) not in seen:
            seen.add((id(layer), use))
            stack.append((layer, use, True))
            stack.extend((*tensor._keras_history[:2], False) for tensor in reversed(layer._inbound_nodes[use].input_tensors))
    return [layer for layer in layers if not isinstance(layer, keras.layers.Normalization)]  # preprocessing, which is ours


def items_of(model: keras.Model) -> list[Item]:
    """The weights of a functional model.

    Raises:
        PluginError: a layer is of another kind than convolution, depthwise convolution, batch norm or dense.
    """
    return [_item(layer) for layer in in_order(model)]


def kind_of(layer: Any) -> type[Item] | None:
    """The kind of item that a layer takes; None if no kind is."""
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return Depthwise
    return {keras.layers.Conv2D: Convolution, keras.layers.BatchNormalization: Norm, keras.layers.Dense: Dense}.get(type(layer))


def _item(layer: Any) -> Item:
    kind = kind_of(layer)
    if kind is None:
        raise PluginError(
            f"Layer '{layer.name}' is a {type(layer).__name__} with weights: "
            "only 2-D convolutions, depthwise convolutions, batch norms and dense layers can be loaded."
        )
    if kind is Norm:
        mean, variance = _value(layer.moving_mean), _value(layer.moving_variance)
        gamma = _value(layer.gamma) if layer.scale else np.ones_like(mean)
        return Norm(gamma, _value(layer.beta) if layer.center else np.zeros_like(mean), mean, variance)
    make: Any = kind
    item: Item = make(_value(layer.kernel), _value(layer.bias) if layer.use_bias else None)
    return item


def _value(variable: Any) -> Any:
    return keras.ops.convert_to_numpy(variable)
