"""Small networks to inspect, without weights if shapes are enough."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.plugin import Architecture, Regularizer, keras

MARK = 2.0**-9  # a strength that no plugin would choose
CLASSES = 3
_within: list[bool] = []  # whether a `shapeless` is open


class Marker(Regularizer):
    """A penalty that differs from any other. Choose it in checks."""

    name = "conformance_marker"

    def penalty(self) -> Any:
        return keras.regularizers.L2(MARK)


@dataclass(frozen=True)
class Kernel:
    """A convolution's or a dense layer's weights, and whether they bear the marker's penalty."""

    path: str
    shape: tuple[int, ...]
    penalized: bool


@dataclass(frozen=True)
class Built:
    """The facts about a network that need no weights."""

    mult_adds: int
    outputs: tuple[tuple[int | None, ...], ...]
    kernels: tuple[Kernel, ...]


def shapes(architecture: Architecture, *, size: int, width: float = 1.0, depth: float = 1.0, channels: int = 3) -> Built:
    """Build an architecture with shapes only. Use `shapeless` around many calls to save time.

    Raises:
        PluginError: the architecture does not build.
    """
    from automl_cnn.models.build import network
    from automl_cnn.models.cost import cost

    with shapeless():
        made = network(architecture, classes=CLASSES, channels=channels, size=size, width=width, depth=depth, regularizers=(Marker(),))
        kernels = tuple(Kernel(weight.path, tuple(weight.shape), _marked(weight)) for weight in made.training.trainable_variables if _is_kernel(weight))
        return Built(cost(made.model).mult_adds, tuple(tuple(output.shape) for output in made.model.outputs), kernels)


@contextmanager
def shapeless() -> Iterator[None]:
    """Networks built within the block have no weights. The outermost block clears Keras's session."""
    if _within:
        yield
        return
    _within.append(True)
    collecting = gc.isenabled()
    gc.disable()  # it would walk through every network again and again, and find nothing before the session is cleared
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        _within.clear()
        if collecting:
            gc.enable()
        keras.backend.clear_session()  # else Keras would initialize the weights at the next opportunity


def small(architecture: Architecture, *, seed: int = 0, regularizers: tuple[Regularizer, ...] = ()) -> Any:
    """A `Network` with weights, as small as the rules allow."""
    from automl_cnn.models.build import network

    size = architecture.min_size
    return network(architecture, classes=CLASSES, channels=3, size=size, width=0.25, depth=0.25, regularizers=regularizers, seed=seed)


def photos(count: int, size: int) -> np.ndarray:
    """Noise of different brightness and contrast, float32 within 0..255."""
    rng = np.random.default_rng(0)
    levels = rng.uniform(40, 200, (count, 1, 1, 3))
    return np.clip(levels + rng.normal(0, 50, (count, size, size, 3)), 0, 255).astype(np.float32)


def onehot(count: int) -> np.ndarray:
    """One-hot labels that cycle through the classes."""
    return np.eye(CLASSES, dtype=np.float32)[np.arange(count) % CLASSES]


def numbers(weights: Any) -> list[np.ndarray]:
    """The weights' values, without the states of seed generators."""
    return [np.asarray(keras.ops.convert_to_numpy(weight)) for weight in weights if "float" in str(weight.dtype)]


def predicted(model: Any, images: np.ndarray) -> np.ndarray:
    """The model's predictions when it is called without `training=`, as exports call it."""
    return np.asarray(keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(images))))


def compiled(net: Any, optimizer: Any) -> Any:
    """The network's training model, ready for single steps."""
    outputs = len(net.loss_weights)
    losses = [keras.losses.CategoricalCrossentropy() for _ in range(outputs)]
    net.training.compile(optimizer=optimizer, loss=losses if outputs > 1 else losses[0], loss_weights=list(net.loss_weights), run_eagerly=True)
    return net.training


def _marked(weight: Any) -> bool:
    penalty = getattr(weight, "regularizer", None)
    return isinstance(penalty, keras.regularizers.L2) and math.isclose(float(penalty.l2), MARK)


def _is_kernel(weight: Any) -> bool:
    shape = tuple(weight.shape)
    return "kernel" in weight.name or (len(shape) >= 4 and math.prod(shape) > max(shape))
