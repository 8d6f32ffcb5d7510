"""What can be fuzzed, by name."""

from __future__ import annotations

from fuzzing import inputs, pictures
from fuzzing.case import Target

TARGETS: dict[str, Target] = {"images": pictures.TARGET, "inputs": inputs.TARGET}
