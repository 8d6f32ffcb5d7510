"""What the user's deployment allows: parameters, mult-adds, bytes, milliseconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from automl_cnn.records import NetCost
from automl_cnn.space import Configuration

ARCHIVE = 65_536  # bytes of a model file beside its weights
ARCHIVE_PER_KERNEL = 2_048


@dataclass(frozen=True)
class Limits:
    """Upper limits on one network; None where there is none. `latency` is in milliseconds for one image; `measure` returns it."""

    params: int | None = None
    mult_adds: int | None = None
    bytes: int | None = None
    latency: float | None = None
    measure: Callable[[Configuration], float] | None = None

    @property
    def none(self) -> bool:
        """Whether everything is allowed."""
        return self.params is self.mult_adds is self.bytes is self.latency is None

    def broken(self, configuration: Configuration, paid: NetCost) -> str | None:
        """The first limit that the network breaks, in words; None if it keeps all. The latency is measured last, and only then."""
        for word, limit, value in (("parameters", self.params, paid.params), ("mult-adds", self.mult_adds, paid.mult_adds), ("bytes", self.bytes, size(paid))):
            if limit is not None and value > limit:
                return f"{value:,} {word}, of at most {limit:,}"
        if self.latency is not None and self.measure is not None:
            taken = self.measure(configuration)
            if math.isinf(taken):
                return f"its milliseconds for an image could not be measured; at most {self.latency:g} are allowed"
            if taken > self.latency:
                return f"{taken:.1f} ms for an image, of at most {self.latency:g}"
        return None


def size(paid: NetCost) -> int:
    """Bytes of the model file, about: four for each weight, moving statistics included."""
    return 4 * (paid.weights or paid.params) + ARCHIVE + ARCHIVE_PER_KERNEL * paid.kernels
