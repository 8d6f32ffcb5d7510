"""The loss that a network is trained with, by its task."""

from __future__ import annotations

from typing import Any, Literal

import keras

from automl_cnn.tasks import Task, Units

Loss = Literal["squared", "huber"]
DELTA = 1.0  # standard deviations from which on Huber's loss grows in proportion to the error


def loss_for(task: Task, chosen: Loss = "squared") -> Any:
    """What `compile` takes: a loss of Keras by name, or, of numbers, the error in standard deviations, `chosen` squared or Huber's.

    Huber's loss (Huber 1964, https://doi.org/10.1214/aoms/1177703732) suits numbers of which some are far off, since they affect it less.
    """
    return Standardized(task.activation, chosen) if isinstance(task.activation, Units) else task.loss


class Standardized(keras.losses.Loss):
    """The loss of numbers (batch, outputs) in the user's units, each error in standard deviations of its number, averaged over the outputs."""

    def __init__(self, units: Units, chosen: Loss = "squared") -> None:
        super().__init__(name="standardized")
        self._scale, self._chosen = list(units.scale), chosen

    def call(self, truth: Any, answers: Any) -> Any:
        off = (keras.ops.cast(truth, "float32") - keras.ops.cast(answers, "float32")) / keras.ops.convert_to_tensor(self._scale, "float32")
        size = keras.ops.abs(off)
        far = DELTA * (size - DELTA / 2)
        each = keras.ops.where(size <= DELTA, keras.ops.square(off) / 2, far) if self._chosen == "huber" else keras.ops.square(off)
        return keras.ops.mean(each, axis=-1)
