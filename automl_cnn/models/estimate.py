"""The cost of a configuration, computed before anything is allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from automl_cnn import keras_settings
from automl_cnn.models.build import from_configuration
from automl_cnn.models.cost import Cost, cost
from automl_cnn.space import Configuration
from automl_cnn.tasks import Activation

if TYPE_CHECKING:
    from automl_cnn.registry import Registry


@keras_settings.standard()
def estimate(configuration: Configuration, registry: Registry, *, classes: int, channels: int, activation: Activation = "softmax") -> Cost:
    """The exact cost of the model that `from_configuration` would build, in milliseconds and without its memory.

    The network is built with shapes and no weights. Afterward Keras's session is cleared, which
    only affects the names of layers built later.

    Raises:
        ConfigError, PluginError: as `from_configuration`.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            return cost(from_configuration(configuration, registry, classes=classes, channels=channels, seed=0, activation=activation))
    finally:
        keras.backend.clear_session()  # else Keras would initialize the weights at its next occasion
