"""Rewrite the trained network for export: stock Keras classes only, from raw pixels to probabilities, or to numbers in their units.

    uint8 (n, any height, any width, channels) -> resized as training resized -> network -> (n, outputs)

The network's own `Resize` is not used: it would sample single pixels of a large photo, while
training saw images that were shrunk with antialiasing. The exported network resizes as training did, and
leaves an image of the network's own size unchanged, bit for bit.
"""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np

from automl_cnn.data.fit import GRAY, Fit
from automl_cnn.layers import Downsample, LocalResponseNorm, LogMean, Mirror, Resize, StochasticDepth, triangles

IMAGES = "images"


def core(model: Any, size: int, channels: int) -> Any:
    """`model` without our own layers: float32 (n, size, size, channels) within 0..255 -> (n, outputs). It shares the weights."""
    return _in_stock(model, keras.Input((size, size, channels), name="pixels"), {})


def _in_stock(model: Any, pixels: Any, known: dict[int, Any]) -> Any:
    """`model` on `pixels` in stock Keras. `known` holds the inner networks that are rewritten already: a network that is used several times stays shared."""
    return keras.models.clone_model(model, input_tensors=pixels, clone_function=lambda layer: layer, call_function=functools.partial(_stock, known))


def _stock(known: dict[int, Any], layer: Any, *arguments: Any, **named: Any) -> Any:
    """The output of a layer at inference, in stock Keras. A member of an ensemble and the frozen network of a readout are layers too."""
    if isinstance(layer, StochasticDepth):
        return arguments[0]
    if isinstance(layer, Resize):
        return layer.call(arguments[0])  # operations of Keras; they do nothing if the images have that size
    if isinstance(layer, Downsample):
        return _shrunk(layer, arguments[0])
    if isinstance(layer, LocalResponseNorm):
        return _normed(layer, arguments[0])
    if isinstance(layer, LogMean):
        return layer.logits(arguments[0], float(layer.scale))
    if isinstance(layer, Mirror):
        return keras.ops.flip(arguments[0], axis=2)
    if isinstance(layer, keras.Model):
        if id(layer) not in known:
            shape = arguments[0].shape[1:] if len(layer._inbound_nodes) == 1 else layer.input_shape[1:]
            known[id(layer)] = _in_stock(layer, keras.Input(shape, name="pixels"), known)
        return known[id(layer)](*arguments, training=False)
    return layer(*arguments, **named)


def _shrunk(layer: Any, x: Any) -> Any:
    """The two products, with kernels in place of constants: converters treat constants as inputs."""
    for axis in (1, 2):
        product = keras.layers.Dense(layer.size, use_bias=False, trainable=False, dtype="float32", name=f"{layer.name}_axis_{axis}")
        given = int(x.shape[axis])
        x = keras.ops.moveaxis(product(keras.ops.moveaxis(x, axis, -1)), -1, axis)
        product.set_weights([triangles(given, layer.size)])
    return x


def _normed(norm: Any, x: Any) -> Any:
    """The sum over neighboring channels is a convolution with a kernel of ones and zeros."""
    place = np.arange(x.shape[-1])
    near = (np.abs(place[:, None] - place[None, :]) <= norm.size // 2).astype("float32")
    neighbours = keras.layers.Conv2D(len(place), 1, data_format="channels_last", use_bias=False, trainable=False, name=f"{norm.name}_neighbours")
    total = norm.k + norm.alpha * neighbours(keras.ops.square(x))
    neighbours.set_weights([near[None, None]])
    return x * keras.ops.exp(-norm.beta * keras.ops.log(total))


def of_any_size(network: Any, fit: Fit = "squash") -> Any:
    """`network` (of `core`) for uint8 images of any size, made square by `fit`, in Keras only: the content of a `.keras` file."""
    _, height, width, channels = network.input_shape
    images = keras.Input((None, None, channels), dtype="uint8", name=IMAGES)
    pixels = keras.ops.cast(images, "float32")
    pixels = keras.ops.image.resize(
        pixels,
        (height, width),
        interpolation="bilinear",
        antialias=True,
        crop_to_aspect_ratio=fit == "crop",
        pad_to_aspect_ratio=fit == "pad",
        fill_value=float(GRAY),
        data_format="channels_last",
    )
    return keras.Model(images, network(pixels, training=False), name=network.name)


def of_one_size(network: Any) -> Any:
    """`network` for uint8 images of its own size: for runtimes that need every shape in advance."""
    images = keras.Input(network.input_shape[1:], dtype="uint8", name=IMAGES)
    return keras.Model(images, network(keras.ops.cast(images, "float32"), training=False), name=network.name)


def portable(network: Any, fit: Fit = "squash") -> Any:
    """`network` for uint8 images of any size, made square by `fit`, in operations that other runtimes have too.

    Other runtimes lack TensorFlow's antialiased resizing; two matrix products replace it.
    """
    _, height, _, channels = network.input_shape
    images = keras.Input((None, None, channels), dtype="uint8", name=IMAGES)
    return keras.Model(images, network(_Antialiased(height, fit, name="resize")(images), training=False), name=network.name)


class _Antialiased(keras.layers.Layer):
    """Images of any size as `size` x `size` float32, each pixel the mean of those it covers, weighted by a triangle (as Pillow's BILINEAR).

    Padding needs no larger image: for a new pixel in a bar, the weights of the given pixels sum to less than one, and gray fills the rest.
    """

    def __init__(self, size: int, fit: Fit, **kwargs: Any) -> None:
        super().__init__(autocast=False, dtype="float32", trainable=False, **kwargs)
        self.size, self.fit = size, fit

    def call(self, images: Any) -> Any:
        import tensorflow as tf

        pixels = tf.cast(images, tf.float32)
        height, width = tf.shape(pixels)[1], tf.shape(pixels)[2]

        def resized() -> Any:
            side = {"squash": None, "pad": tf.maximum(height, width), "crop": tf.minimum(height, width)}[self.fit]
            down, across = (_weights(given, self.size, given if side is None else side) for given in (height, width))
            planes = tf.reshape(tf.transpose(pixels, [0, 3, 1, 2]), (-1, height, width))  # oneDNN crashes on a product over images and one channel
            planes = tf.reshape(tf.matmul(tf.matmul(down, planes), across, transpose_b=True), (-1, images.shape[3], self.size, self.size))
            made = tf.transpose(planes, [0, 2, 3, 1])
            if self.fit != "pad":
                return made
            covered = tf.reduce_sum(down, axis=1)[:, None] * tf.reduce_sum(across, axis=1)[None, :]
            return made + float(GRAY) * (1.0 - covered)[None, :, :, None]

        fits = tf.logical_and(tf.equal(height, self.size), tf.equal(width, self.size))
        return tf.ensure_shape(tf.cond(fits, lambda: pixels, resized), (None, self.size, self.size, images.shape[3]))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], self.size, self.size, shape[3])


def _weights(given: Any, size: int, side: Any) -> Any:
    """float32 (size, given): how much each given pixel counts in each of the `size` new ones, which cover the `side` pixels in the middle of the given."""
    import tensorflow as tf

    scale = tf.cast(side, tf.float32) / size
    centers = (tf.range(size, dtype=tf.float32) + 0.5) * scale
    places = tf.cast(tf.range(side), tf.float32) + 0.5
    shares = tf.maximum(0.0, 1.0 - tf.abs(places[None, :] - centers[:, None]) / tf.maximum(scale, 1.0))
    shares /= tf.reduce_sum(shares, axis=1, keepdims=True)
    if side is given:
        return shares
    bar, margin = tf.maximum(side - given, 0) // 2, tf.maximum(given - side, 0)  # pixels in front of the given ones, and given ones that are not covered
    inside = shares[:, bar : bar + tf.minimum(given, side)]
    return tf.pad(inside, [[0, 0], [margin // 2, margin - margin // 2]])
