"""The backend: where it computes, and its settings for the first training of a process."""

from __future__ import annotations

import sys
from typing import Any

import keras


def tensorflow() -> Any:
    """TensorFlow, where it is the backend; else None."""
    return sys.modules.get("tensorflow") if keras.backend.backend() == "tensorflow" else None


def on_cpu() -> bool:
    """Whether TensorFlow computes on a CPU; false of any other backend, which knows best itself."""
    library = tensorflow()
    return library is not None and not library.config.list_physical_devices("GPU")


def compiled() -> str | bool:
    """Keras' `jit_compile`: its own choice, but never XLA on TensorFlow's CPUs, where it makes depthwise networks 8 times slower."""
    return False if on_cpu() else "auto"


def build_soon() -> None:
    """Let networks begin sooner: of short trainings, building takes a good part.

    TensorFlow would rewrite every graph before its first step. On CPUs that took an eighth of the time until then (0.3 s of an AlexNet's,
    2 s of a MobileNetV2's), and steps were no slower without it, within the noise.
    """
    library = tensorflow()
    if library is not None and on_cpu():
        library.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
