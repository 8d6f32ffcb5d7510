"""The share of right answers, as Keras counts it while a network trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from automl_cnn.tasks import Task, Units
from automl_cnn.tasks.regression import NEAR


def all_right(task: Task) -> keras.metrics.Metric:
    """The metric `accuracy`: the share of images that are answered correctly, as `Task.right` decides it on targets (images, outputs)."""
    if isinstance(task.activation, Units):
        return Near(task.activation.scale, name="accuracy")
    kinds = {"softmax": keras.metrics.CategoricalAccuracy, "sigmoid": EveryLabel}
    return kinds[task.activation](name="accuracy")


class Near(keras.metrics.MeanMetricWrapper):
    """The share of images all of whose numbers are within half a standard deviation; `scale` has that of each number."""

    def __init__(self, scale: Sequence[float], name: str = "near", dtype: Any = None) -> None:
        allowed = [NEAR * float(one) for one in scale]

        def near(truth: Any, answers: Any) -> Any:
            return keras.ops.cast(keras.ops.all(keras.ops.abs(truth - answers) <= keras.ops.convert_to_tensor(allowed, "float32"), axis=-1), "float32")

        super().__init__(near, name=name, dtype=dtype)


class EveryLabel(keras.metrics.MeanMetricWrapper):
    """The share of images of which every label is right, at a threshold of one half."""

    def __init__(self, name: str = "every_label", dtype: Any = None) -> None:
        super().__init__(_every_label, name=name, dtype=dtype)


def _every_label(truth: Any, answers: Any) -> Any:
    right = keras.ops.equal(keras.ops.cast(answers >= 0.5, "bool"), keras.ops.cast(truth >= 0.5, "bool"))
    return keras.ops.cast(keras.ops.all(right, axis=-1), "float32")
