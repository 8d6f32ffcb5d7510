"""How long a network takes for one image on this machine."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import keras
import numpy as np

from automl_cnn import keras_settings
from automl_cnn.models.build import from_configuration
from automl_cnn.space import Configuration
from automl_cnn.tasks import Activation

if TYPE_CHECKING:
    from automl_cnn.registry import Registry

RUNS = 40
WARM_UP = 5


@keras_settings.standard()
def latency(configuration: Configuration, registry: Registry, *, classes: int, channels: int, activation: Activation = "softmax") -> float:
    """Milliseconds, the median of many predictions of a batch of one, from pixels of the network's own size to probabilities.

    Raises:
        ConfigError, PluginError: as `from_configuration`.
    """
    model = from_configuration(configuration, registry, classes=classes, channels=channels, seed=0, activation=activation)
    size = int(configuration["resolution"])
    try:
        return of_model(model, size, channels)
    finally:
        del model
        keras.backend.clear_session()


@keras_settings.standard()
def of_model(model: keras.Model, size: int, channels: int) -> float:
    """The same for a built model."""
    image = np.random.default_rng(0).integers(0, 256, (1, size, size, channels), dtype=np.uint8)
    for _ in range(WARM_UP):
        model.predict_on_batch(image)
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        model.predict_on_batch(image)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)
