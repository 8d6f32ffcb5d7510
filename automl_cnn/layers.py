"""The classes of ours that a saved model may name; import this module before loading one (`automl_cnn.load` does).

They are registered under the package name "automl_cnn", so that loading needs no unsafe
deserialization.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


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


@keras.saving.register_keras_serializable(package="automl_cnn")
class StochasticDepth(keras.layers.Layer):
    """Sets whole images' branches to zero at `rate` while training, and makes up for it in the others.

    Any shape, the batch first. Huang et al. 2016, https://arxiv.org/abs/1603.09382
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = float(rate)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training or self.rate <= 0:
            return x
        shape = (keras.ops.shape(x)[0], *(1,) * (len(x.shape) - 1))
        kept = keras.random.uniform(shape, seed=self.seed_generator, dtype=x.dtype) >= self.rate
        return x * keras.ops.cast(kept, x.dtype) / (1 - self.rate)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable(package="automl_cnn")
class LocalResponseNorm(keras.layers.Layer):
    """Each channel divided by the energy of its `size` neighbors: x / (k + alpha * sum of squares) ** beta.

    (batch, height, width, channels), unchanged in shape. Krizhevsky et al. 2012, section 3.3, with the
    paper's constants; `alpha` is not divided by `size`.
    """

    def __init__(self, size: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.k, self.alpha, self.beta = int(size), float(k), float(alpha), float(beta)

    def call(self, x: Any) -> Any:
        place = np.arange(x.shape[-1])
        near = np.abs(place[:, None] - place[None, :]) <= self.size // 2  # a product with this is ten times faster than sums of slices
        total = self.k + self.alpha * keras.ops.matmul(keras.ops.square(x), keras.ops.cast(near, x.dtype))
        return x * keras.ops.exp(-self.beta * keras.ops.log(total))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "k": self.k, "alpha": self.alpha, "beta": self.beta}


@keras.saving.register_keras_serializable(package="automl_cnn")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`peak`, a tenth of it from half of the `steps` on, a hundredth from three quarters on; over the first `warm_up_steps` it rises from a tenth."""

    def __init__(self, peak: float, steps: int, warm_up_steps: int = 0) -> None:
        self.peak, self.steps, self.warm_up_steps = float(peak), int(steps), int(warm_up_steps)

    def __call__(self, step: Any) -> Any:
        step = keras.ops.cast(step, "float32")
        drops = keras.ops.cast(step >= 0.5 * self.steps, "float32") + keras.ops.cast(step >= 0.75 * self.steps, "float32")
        risen = keras.ops.minimum(1.0, 0.1 + 0.9 * step / max(1, self.warm_up_steps)) if self.warm_up_steps else 1.0
        return self.peak * risen * keras.ops.power(0.1, drops)

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "steps": self.steps, "warm_up_steps": self.warm_up_steps}


@keras.saving.register_keras_serializable(package="automl_cnn")
class Downsample(keras.layers.Layer):
    """Images of one known size, at least `size`, to `size` x `size`, bilinear and antialiased as Pillow does it: what a network saw while it was trained.

    (batch, height, width, channels) -> (batch, size, size, channels), float32. Two products with constant matrices, which every export format knows.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, "trainable": False, "dtype": "float32", **kwargs})
        self.size = int(size)

    def call(self, images: Any) -> Any:
        images = keras.ops.cast(images, "float32")
        for axis in (1, 2):
            taken = keras.ops.matmul(keras.ops.moveaxis(images, axis, -1), keras.ops.convert_to_tensor(triangles(int(images.shape[axis]), self.size)))
            images = keras.ops.moveaxis(taken, -1, axis)
        return images

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], self.size, self.size, shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="automl_cnn")
class Mirror(keras.layers.Layer):
    """Images with left and right exchanged. (batch, height, width, channels), unchanged in shape."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, "trainable": False, **kwargs})

    def call(self, images: Any) -> Any:
        return keras.ops.flip(images, axis=2)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


def triangles(given: int, size: int) -> np.ndarray:
    """Columns of weights: how much of each of `given` pixels goes into each of `size`."""
    scale = given / size
    near = (np.arange(given)[:, None] + 0.5 - (np.arange(size)[None, :] + 0.5) * scale) / max(scale, 1.0)
    weights = np.maximum(0.0, 1.0 - np.abs(near))
    return np.asarray(weights / weights.sum(axis=0), np.float32)


@keras.saving.register_keras_serializable(package="automl_cnn")
class LogMean(keras.layers.Layer):
    """The logits of several networks together: the logarithm of their probabilities' weighted mean, times `scale`; with `odds`, of the mean's odds.

    A list of (batch, classes) -> (batch, classes). The softmax of that (with `odds`, the sigmoid) is the mean itself while `scale`, the layer's one
    weight, is 1; divided by a temperature it calibrates the ensemble as it would the kernel of a dense classifier.
    """

    def __init__(self, shares: list[float], odds: bool = False, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, "trainable": False, "dtype": "float32", **kwargs})
        self.shares = [float(share) for share in shares]
        self.odds = bool(odds)

    def build(self, shapes: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones", trainable=False)

    def call(self, probabilities: Any) -> Any:
        return self.logits(probabilities, self.scale)

    def logits(self, probabilities: Any, scale: Any) -> Any:
        """What the layer computes, with a scale of its caller's."""
        mean = sum(share * one for share, one in zip(self.shares, probabilities, strict=True))
        logs = keras.ops.log(keras.ops.maximum(mean, 1e-12))
        return (logs - keras.ops.log(keras.ops.maximum(1.0 - mean, 1e-7)) if self.odds else logs) * scale

    def compute_output_shape(self, shapes: Any) -> tuple[int | None, ...]:
        return tuple(shapes[0])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shares": self.shares, **({"odds": True} if self.odds else {})}
