"""The classes of ours that a saved model may name; import this module before loading one.

They are registered under the package name "automl_cnn", so that loading needs no unsafe
deserialization.
"""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="automl_cnn")
class Resize(keras.layers.Layer):
    """Images of any size to `size` x `size` float32, bilinear; a mere cast where the size is that already.

    (batch, height, width, channels) -> (batch, size, size, channels). A layer of our own, because
    `keras.layers.Resizing` calls itself with training=True and so makes the batch norms behind it
    overwrite their statistics whenever the model is called without `training=` (Keras 3.15).
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, "trainable": False, "dtype": "float32", **kwargs})
        self.size = int(size)

    def call(self, images: Any) -> Any:
        images = keras.ops.cast(images, "float32")
        if tuple(images.shape[1:3]) == (self.size, self.size):
            return images
        return keras.ops.image.resize(images, (self.size, self.size), interpolation="bilinear", data_format="channels_last")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], self.size, self.size, shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="automl_cnn")
class SumOfPenalties(keras.regularizers.Regularizer):
    """Several kernel penalties at once."""

    def __init__(self, penalties: list[Any]) -> None:
        self.penalties = [keras.regularizers.get(penalty) for penalty in penalties]

    def __call__(self, kernel: Any) -> Any:
        return sum(penalty(kernel) for penalty in self.penalties)

    def get_config(self) -> dict[str, Any]:
        return {"penalties": [keras.saving.serialize_keras_object(penalty) for penalty in self.penalties]}
