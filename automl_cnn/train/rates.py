"""Learning rates: the plan over a training, and slower layers below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from automl_cnn.train.per_graph import PerGraph

NOMINAL_STEPS = 1000  # the resolution at which a schedule is read off
POINTS = 100  # at which it is evaluated


def with_own_rate(optimizer: Any) -> tuple[Any, np.ndarray]:
    """The optimizer with a plain learning rate, and the rate at every nominal step of its schedule."""
    schedule = getattr(optimizer, "_learning_rate", None)
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return optimizer, np.full(NOMINAL_STEPS, float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
    steps = np.arange(NOMINAL_STEPS)
    known = steps[:: NOMINAL_STEPS // POINTS]
    rates = np.array([float(keras.ops.convert_to_numpy(schedule(step))) for step in known])
    return remade(optimizer, type(optimizer), learning_rate=float(rates[0])), np.interp(steps, known, rates)


def remade(optimizer: Any, kind: Any, **changed: Any) -> Any:
    """The optimizer rebuilt as a `kind`, with what its config leaves out: the variables that its weight decay spares."""
    made = kind.from_config({**optimizer.get_config(), **changed})
    for name in ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"):
        if hasattr(optimizer, name):
            setattr(made, name, getattr(optimizer, name))
    return made


def slower(optimizer: Any, model: Any, factors: Mapping[str, float]) -> Any:
    """The optimizer with each layer's rate times its factor, by the layer's name; layers not named keep the full rate.

    Scaling the gradients instead would do nothing under Adam and its like, which divide by their size.
    """
    by_path = {variable.path: factors.get(layer.name, 1.0) for layer in model._flatten_layers() for variable in layer.trainable_variables}
    plain, once = type(optimizer), PerGraph()

    class Slower(plain):  # type: ignore[misc,valid-type]  # of whatever class the optimizer is
        """The optimizer's own step, at the layer's rate."""

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> Any:
            mine = self._trainable_variables[self._get_variable_index(variable)]
            factor = by_path.get(mine.path, 1.0)
            return super().update_step(gradient, variable, once(factor, lambda: learning_rate * factor))

    Slower.__name__ = plain.__name__
    return remade(optimizer, Slower)


def factors_of(layers: Sequence[str], head: str, *, mode: str, rate: float, lowest: float) -> dict[str, float]:
    """Each layer's share of the rate when pretrained layers, given from the lowest to the highest, are trained on.

    `head_first`: all alike, the classifier included, since it is already where it should be. `all`: the
    new classifier at the full rate. `gradual`: from `rate` at the top down to `rate * lowest`.
    """
    if mode == "gradual":
        return dict(zip(layers, rate * np.geomspace(lowest, 1.0, len(layers)), strict=True)) | {head: rate}
    return dict.fromkeys(layers, rate) | {head: rate if mode == "head_first" else 1.0}
