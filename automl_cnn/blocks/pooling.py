"""Pooling, and heads from a map to a row of features."""

from __future__ import annotations

from typing import Any

from automl_cnn.plugin import Net, keras

Tensor = Any  # a Keras tensor; Keras has no public type for it


def max_pool(x: Tensor, size: int = 2, *, stride: int | None = None, padding: str | int = "same") -> Tensor:
    """The largest value of each `size` x `size` window; the stride is `size` unless given.

    `padding` is "same", "valid", or the number of pixels of zeros on every side, for maps that are never below zero.
    """
    if isinstance(padding, int):
        x, padding = keras.layers.ZeroPadding2D(padding, data_format="channels_last")(x), "valid"
    return keras.layers.MaxPooling2D(size, strides=stride or size, padding=padding, data_format="channels_last")(x)


def avg_pool(x: Tensor, size: int = 2, *, stride: int | None = None) -> Tensor:
    """The mean of each `size` x `size` window; the stride is `size` unless given."""
    return keras.layers.AveragePooling2D(size, strides=stride or size, padding="same", data_format="channels_last")(x)


def global_average_pool(x: Tensor) -> Tensor:
    """The mean of each channel, (batch, channels): a head without weights, for any map size."""
    return keras.layers.GlobalAveragePooling2D(data_format="channels_last")(x)


def flatten(x: Tensor) -> Tensor:
    """All values in one row, (batch, height * width * channels): a head that knows where things are, at the price of its weights."""
    return keras.layers.Flatten(data_format="channels_last")(x)


def dense(x: Tensor, units: int, *, net: Net, activation: str | None = "relu") -> Tensor:
    """A fully connected layer on (batch, features), for heads; call `net.before_dense` in front of it."""
    return keras.layers.Dense(units, activation=activation, kernel_initializer="he_normal", kernel_regularizer=net.penalty())(x)
