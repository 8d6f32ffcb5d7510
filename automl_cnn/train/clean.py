"""Training without leaks, so that a worker can run hundreds."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from typing import Any

import keras

REGISTERED = "CustomGradient-"  # how TensorFlow names a gradient that it registers while it traces a training step


@contextlib.contextmanager
def clean() -> Iterator[None]:
    """Begin with a fresh Keras session, and let go of the graphs and variables of what is done within."""
    keras.backend.clear_session()
    before = set(_gradients())
    try:
        yield
    finally:
        gradients = _gradients()
        for name in [name for name in gradients if name not in before and str(name).startswith(REGISTERED)]:
            del gradients[name]  # it holds the step's whole graph, and nothing else ever removes it
        keras.backend.clear_session()
        gc.collect()


def _gradients() -> dict[str, Any]:
    """TensorFlow's table of gradients; empty with another backend, or where a version keeps it elsewhere."""
    ops = sys.modules.get("tensorflow.python.framework.ops")
    table = getattr(getattr(ops, "gradient_registry", None), "_registry", None)
    return table if isinstance(table, dict) else {}
