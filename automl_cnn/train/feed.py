"""How batches reach Keras' `fit`: on TensorFlow by one reader for the whole training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from automl_cnn.data.batches import Batches
from automl_cnn.train import backend

AHEAD = 2  # batches that are read while another is trained on


def feed(batches: Batches) -> dict[str, Any]:
    """The arguments of `fit` that have it train on `batches`, epoch by epoch, each in its own order.

    Left to itself, Keras has TensorFlow open a reader for each epoch, and another one in vain at its end, and tune how far they read ahead. Closing
    such a reader waits for the thread that tunes, which sleeps longer the longer it lived: up to four fifths of an epoch again, at half of the
    epochs (TensorFlow 2.21).
    """
    tensorflow = backend.tensorflow()
    if tensorflow is None:
        return {"x": batches}

    def endless() -> Iterator[tuple[Any, ...]]:
        while True:
            batches.on_epoch_begin()
            yield from batches

    signature = keras.tree.map_structure(lambda array: tensorflow.TensorSpec((None, *array.shape[1:]), array.dtype), batches[0])
    options = tensorflow.data.Options()
    options.autotune.enabled = False
    reader = tensorflow.data.Dataset.from_generator(endless, output_signature=signature).prefetch(AHEAD).with_options(options)
    return {"x": reader, "steps_per_epoch": len(batches)}
