"""The cost of a network: weights, mult-adds and memory, layer by layer.

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
Use = tuple[Shape, list[Shape]]  # what goes into a layer, and what comes out


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
        PluginError: a layer's map has no fixed size, so that its cost is unknown.
    """
    used = tuple(_used(model_or_layers.layers if isinstance(model_or_layers, keras.Model) else model_or_layers))
    costs = tuple(_layer(layer, uses) for layer, uses in used)
    trained = {id(weight): weight for layer, _ in used for weight in layer.trainable_variables}  # a shared weight counts once
    stored = {id(weight): weight for layer, _ in used for weight in layer.weights}
    params, weights = (sum(_size(weight) for weight in some.values()) for some in (trained, stored))
    return Cost(params, sum(one.mult_adds for one in costs), costs, weights)


def _used(layers: Iterable[Any]) -> Iterator[tuple[Any, list[Use]]]:
    """Each layer with its uses; of a network within the network, its layers with the uses that all its calls make of them."""
    for layer in layers:
        if not isinstance(layer, keras.Model):
            yield layer, [(_one(node.input_tensors), _outputs(node)) for node in layer._inbound_nodes]  # Keras has no public list of a layer's uses
        elif isinstance(layer, keras.Sequential) or not layer._inbound_nodes:
            yield from _used(layer.layers)
        else:
            yield from _within(layer)


def _within(model: Any) -> Iterator[tuple[Any, list[Use]]]:
    """The layers of a network that is a layer itself: it may be called on images of several sizes, which its own layers do not know."""
    uses: dict[int, list[Use]] = {id(layer): [] for layer in model.layers}

    def spy(operation: Any) -> Any:
        def specified(*given: Any, **more: Any) -> Any:
            made = operation.compute_output_spec(*given, **more)
            shapes = [tuple(tensor.shape) for tensor in keras.tree.flatten(given) if hasattr(tensor, "shape")]
            if id(operation) in uses and shapes:
                uses[id(operation)].append((shapes[0], [tuple(tensor.shape) for tensor in keras.tree.flatten(made)]))
            return made

        return specified

    for node in model._inbound_nodes:
        model._run_through_graph([keras.KerasTensor(tensor.shape, tensor.dtype) for tensor in node.input_tensors], operation_fn=spy)
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _within(layer)
        else:
            yield layer, uses[id(layer)]


def _layer(layer: Any, uses: list[Use]) -> LayerCost:
    params = sum(_size(weight) for weight in layer.trainable_variables)
    shape = uses[-1][1][0][1:] if uses and uses[-1][1] else ()
    return LayerCost(layer.name, type(layer).__name__, shape, params, sum(_mult_adds(layer, given, made[0]) for given, made in uses), _activations(layer, uses))


def _mult_adds(layer: Any, given: Shape, made: Shape) -> int:
    kinds = keras.layers
    if isinstance(layer, (kinds.SeparableConv1D, kinds.SeparableConv2D)):
        return _positions(layer, made) * (_size(layer.depthwise_kernel) + _size(layer.pointwise_kernel))
    if isinstance(layer, (kinds.Conv1DTranspose, kinds.Conv2DTranspose, kinds.Conv3DTranspose)):
        return _positions(layer, given) * _size(layer.kernel)
    if isinstance(layer, (kinds.Conv1D, kinds.Conv2D, kinds.Conv3D, kinds.DepthwiseConv1D, kinds.DepthwiseConv2D, kinds.Dense)):
        return _positions(layer, made) * _size(layer.kernel)
    return 0


def _activations(layer: Any, uses: list[Use]) -> int:
    """The values of its output, of all its uses; pixels as they come in are not computed."""
    if isinstance(layer, keras.layers.InputLayer):
        return 0
    return sum(_known(layer, shape[1:]) for _, made in uses for shape in made)


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


def _outputs(node: Any) -> list[Shape]:
    return [tuple(tensor.shape) for tensor in node.output_tensors]
