"""Keras' global settings, as every network here needs them, whatever the user's own are.

    with keras_settings.standard():       # in the user's process: build, load or run a network, then restore the settings
    keras_settings.settle()               # in a process of our own: once, right after Keras is imported

Keras reads `~/.keras/keras.json` (or that in `KERAS_HOME`) on import. Its `image_data_format` would turn convolutions to the wrong axes,
its `floatx` would change the precision, and `KERAS_MAX_EPOCHS` would end trainings early. These settings belong to the user, so that
they hold again as soon as no network is being built or run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

DATA_FORMAT = "channels_last"
FLOATX = "float32"
EPSILON = 1e-7

Settings = dict[Callable[[Any], None], Any]  # what changes a setting, and its value


class _Users:
    """The user's settings, kept while at least one block is open in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: Settings = {}
        self._blocks = 0

    def put_aside(self) -> None:
        with self._lock:
            if self._blocks == 0:
                self._settings = _current()
                _apply(_wanted())
            self._blocks += 1

    def restore(self) -> None:
        with self._lock:
            self._blocks -= 1
            if self._blocks == 0:
                _apply(self._settings)


_users = _Users()


@contextmanager
def standard() -> Iterator[None]:
    """Keras' defaults within the block, the settings from before after it. Also a decorator. Blocks may be nested, and open in several threads at once."""
    import keras

    policy = keras.config.dtype_policy()  # each thread has its own; it is read before floatx changes, from which Keras makes it
    _users.put_aside()
    keras.config.set_dtype_policy(FLOATX)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        _users.restore()


def settle() -> None:
    """Keras' defaults for the rest of this process, which is our own."""
    import keras

    _apply(_wanted())
    keras.config.set_dtype_policy(FLOATX)


def _apply(settings: Settings) -> None:
    for change, value in settings.items():
        change(value)


def _wanted() -> Settings:
    from keras import config

    return {
        config.set_image_data_format: DATA_FORMAT,
        config.set_floatx: FLOATX,
        config.set_epsilon: EPSILON,
        config.set_max_epochs: None,
        config.set_max_steps_per_epoch: None,
    }


def _current() -> Settings:
    from keras import config

    return {
        config.set_image_data_format: config.image_data_format(),
        config.set_floatx: config.floatx(),
        config.set_epsilon: config.epsilon(),
        config.set_max_epochs: config.max_epochs(),
        config.set_max_steps_per_epoch: config.max_steps_per_epoch(),
    }
