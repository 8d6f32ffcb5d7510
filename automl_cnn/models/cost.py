"""What a network costs: weights, mult-adds and memory, layer by layer.

Mult-adds are the multiply-accumulates of one forward pass of one image, as the papers count
them: convolutions and dense layers only, borders included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from automl_cnn.errors import PluginError
from automl_cnn.records import NetCost

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class LayerCost:
    """One layer. `shape` is that of its output, the batch left out; a shared layer's mult-adds and activations are those of all its uses.

    `activations` counts the values of the output, per image.
    """

    name: str
    kind: str
    shape: Shape
    params: int
    mult_adds: int
    activations: int


@dataclass(frozen=True)
class Cost:
    """A whole network. `params` are the trainable ones: batch norm's moving statistics are not counted.

    `activations` counts the values of all layers' outputs, per image: with float32, four bytes each
    have to be kept for the backward pass while training, if the backend fuses and recomputes nothing.
    """

    params: int
    mult_adds: int
    layers: tuple[LayerCost, ...]
    weights: int = 0  # all numbers in the model's file, moving statistics included

    @property
    def activations(self) -> int:
        return sum(layer.activations for layer in self.layers)

    @property
    def memory(self) -> int:
        """Bytes per image while training, the activations in float32."""
        return 4 * self.activations

    @property
    def summary(self) -> NetCost:
        """The totals, as they are recorded."""
        return NetCost(self.params, self.mult_adds, sum(layer.mult_adds > 0 for layer in self.layers), self.weights)


def cost(model_or_layers: keras.Model | Iterable[keras.layers.Layer]) -> Cost:
    """The exact cost of a built functional model, or of some of its layers.

    Raises:
        PluginError: a layer's map has no fixed size, so that its cost cannot be told.
    """
    layers = tuple(_layers(model_or_layers.layers if isinstance(model_or_layers, keras.Model) else model_or_layers))
    costs = tuple(_layer(layer) for layer in layers)
    trained = {id(weight): weight for layer in layers for weight in layer.trainable_variables}  # a shared weight counts once
    stored = {id(weight): weight for layer in layers for weight in layer.weights}
    params, weights = (sum(_size(weight) for weight in some.values()) for some in (trained, stored))
    return Cost(params, sum(one.mult_adds for one in costs), costs, weights)


def _layers(layers: Iterable[Any]) -> Iterator[Any]:
    for layer in layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer.layers)
        else:
            yield layer


def _layer(layer: Any) -> LayerCost:
    uses = [(_one(node.input_tensors), _one(node.output_tensors)) for node in layer._inbound_nodes]  # Keras has no public list of a layer's uses
    params = sum(_size(weight) for weight in layer.trainable_variables)
    shape = uses[-1][1][1:] if uses else ()
    return LayerCost(layer.name, type(layer).__name__, shape, params, sum(_mult_adds(layer, *use) for use in uses), _activations(layer))


def _mult_adds(layer: Any, given: Shape, made: Shape) -> int:
    kinds = keras.layers
    if isinstance(layer, (kinds.SeparableConv1D, kinds.SeparableConv2D)):
        return _positions(layer, made) * (_size(layer.depthwise_kernel) + _size(layer.pointwise_kernel))
    if isinstance(layer, (kinds.Conv1DTranspose, kinds.Conv2DTranspose, kinds.Conv3DTranspose)):
        return _positions(layer, given) * _size(layer.kernel)
    if isinstance(layer, (kinds.Conv1D, kinds.Conv2D, kinds.Conv3D, kinds.DepthwiseConv1D, kinds.DepthwiseConv2D, kinds.Dense)):
        return _positions(layer, made) * _size(layer.kernel)
    return 0


def _activations(layer: Any) -> int:
    """The values of its output, of all its uses; pixels as they come in are not computed."""
    if isinstance(layer, keras.layers.InputLayer):
        return 0
    return sum(_known(layer, tuple(tensor.shape)[1:]) for node in layer._inbound_nodes for tensor in node.output_tensors)


def _positions(layer: Any, shape: Shape) -> int:
    """At how many places the kernel is applied."""
    return _known(layer, shape[2:] if getattr(layer, "data_format", None) == "channels_first" else shape[1:-1])


def _known(layer: Any, axes: Shape) -> int:
    if None in axes:
        raise PluginError(f"Layer '{layer.name}' works on a map of {axes}, whose size is not fixed: expected a map behind the model's Resize layer.")
    return math.prod(axis for axis in axes if axis is not None)


def _size(weight: Any) -> int:
    return math.prod(int(axis) for axis in weight.shape)


def _one(tensors: Any) -> Shape:
    return tuple(tensors[0].shape) if tensors else ()
