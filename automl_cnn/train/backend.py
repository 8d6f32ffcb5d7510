"""What the backend is told once, before the first training of a process."""

from __future__ import annotations

import sys


def build_soon() -> None:
    """Let networks begin sooner: of short trainings, building takes a good part.

    TensorFlow would rewrite every graph before its first step. On CPUs that took an eighth of the time until then (0.3 s of an AlexNet's,
    2 s of a MobileNetV2's), and steps were no slower without it, within the noise.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and not tensorflow.config.list_physical_devices("GPU"):
        tensorflow.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
