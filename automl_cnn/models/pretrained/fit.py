"""A list of weights -> into a model, all of it or nothing."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import keras
import numpy as np

from automl_cnn.errors import PluginError
from automl_cnn.models.pretrained.items import Array, Convolution, Dense, Item, Norm
from automl_cnn.models.pretrained.order import in_order, kind_of
from automl_cnn.plugin import Pretrained


def fit(model: keras.Model, items: list[Item], entry: Pretrained, *, origin: str, top: bool) -> None:
    """Copy `items` into the layers of `model`, in order; dense layers on both sides only with `top`.

    Raises:
        PluginError: a kind or a shape differs, or values are not finite; the model is then as it was.
    """
    layers = [layer for layer in in_order(model) if top or kind_of(layer) is not Dense]
    given = items if top else [item for item in items if not isinstance(item, Dense)]
    plan = _Plan(f"The pretrained weights '{entry.name}' ({origin}) do not fit {model.name}", entry)
    for layer, item in zip_longest(layers, given):
        plan.add(layer, item)
    plan.end()
    for variable, array in plan.pairs:
        variable.assign(array)
    for layer in layers:
        if kind_of(layer) is Norm:
            layer.epsilon = entry.epsilon


class _Plan:
    """What goes where. `offset` is a bias that our convolution has no place for, on its way to the norm behind it."""

    def __init__(self, complaint: str, entry: Pretrained) -> None:
        self.complaint, self.entry = complaint, entry
        self.pairs: list[tuple[Any, Array]] = []
        self.offset: Array | None = None

    def add(self, layer: Any, item: Item | None) -> None:
        if layer is None:
            raise self._wrong(f"the file has another {_words(item)}, but the network has no more layers")
        kind, name = kind_of(layer), layer.name
        if item is None:
            raise self._wrong(f"the file ends before layer '{name}', {_ours(layer)}")
        if kind is Dense and isinstance(item, Convolution) and item.kernel.shape[:2] == (1, 1):
            item = Dense(item.kernel[0, 0], item.bias)  # MobileNet's classifier is a convolution of one pixel
        if kind is not type(item):
            raise self._wrong(f"layer '{name}' is {_ours(layer)}, the file has a {_words(item)} there")
        if isinstance(item, Norm):
            self._norm(layer, item)
        else:
            self._kernel(layer, item)

    def end(self) -> None:
        if self.offset is not None:
            raise self._wrong("the file's last convolution has a bias; ours has neither a bias nor a norm behind it")

    def _norm(self, layer: Any, item: Norm) -> None:
        if not (layer.scale and layer.center):
            raise self._wrong(f"layer '{layer.name}' is a batch norm without scale or offset, the file has both")
        mean = item.mean
        if self.offset is not None:
            if self.offset.shape != mean.shape:
                raise self._wrong(f"in front of layer '{layer.name}' the file has a bias of shape {self.offset.shape} and a mean of {mean.shape}")
            mean, self.offset = mean - self.offset, None  # a norm takes away the mean, so a bias in front of it is the same as a smaller one
        ours = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
        for variable, array in zip(ours, (item.gamma, item.beta, mean, item.variance), strict=True):
            self._pair(layer, variable, array)

    def _kernel(self, layer: Any, item: Any) -> None:
        if self.offset is not None:
            raise self._wrong(f"the file has a bias in front of layer '{layer.name}', our convolution there has neither a bias nor a norm behind it")
        kernel = item.kernel
        if not self.pairs:
            kernel = self._first(layer, kernel)
        self._pair(layer, layer.kernel, kernel)
        if layer.use_bias:
            self._pair(layer, layer.bias, np.zeros(layer.bias.shape, "float32") if item.bias is None else item.bias)
        else:
            self.offset = item.bias

    def _first(self, layer: Any, kernel: Array) -> Array:
        if layer.kernel.shape[2] == 1 and kernel.shape[2] == 3:
            raise PluginError(
                f"{self.complaint}: layer '{layer.name}' sees gray images, of one channel, the file's first kernel three colors. "
                "Build the network with these pretrained weights (pretrained=…), which shows it gray images as three equal colors."
            )
        return kernel[:, :, ::-1] if self.entry.inputs.bgr else kernel

    def _pair(self, layer: Any, variable: Any, array: Array) -> None:
        if tuple(variable.shape) != array.shape:
            raise self._wrong(f"layer '{layer.name}' has a {variable.name} of shape {tuple(variable.shape)}, the file {array.shape}")
        if not np.isfinite(array).all():
            raise PluginError(
                f"{self.complaint}: its {variable.name} for layer '{layer.name}' has values that are not finite. The file is damaged; get it again."
            )
        self.pairs.append((variable, array))

    def _wrong(self, what: str) -> PluginError:
        entry = self.entry
        point = "".join(f", {key}={value!r}" for key, value in entry.point.items())
        return PluginError(
            f"{self.complaint}: {what}. They were trained with width={entry.width:g}, depth={entry.depth:g}{point} on 1000 classes: "
            f"build the network so (pretrained=…), or give the file that belongs to '{entry.name}'."
        )


def _ours(layer: Any) -> str:
    kernel = getattr(layer, "kernel", None)
    return f"a {type(layer).__name__}" + (f" with a kernel of shape {tuple(kernel.shape)}" if kernel is not None else "")


def _words(item: Item | None) -> str:
    if isinstance(item, Norm):
        return f"batch norm of {len(item.mean)} channels"
    assert item is not None  # one of the two lists goes on
    return f"{type(item).__name__.lower()} kernel of shape {item.kernel.shape}"
