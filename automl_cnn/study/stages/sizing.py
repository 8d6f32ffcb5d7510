"""How large a network may be: what its share of the time affords, what the limits allow, what the photos hold."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from automl_cnn.records import NetCost, Trial
from automl_cnn.space import Choice, Configuration, Scalar, Space
from automl_cnn.study.limits import Limits
from automl_cnn.transfer import is_probe, weights_of

PACE = 1.6e11  # mult-adds trained per second, times kernels, before anything was measured (two cores, no GPU): many small layers train slower
SETUP_PER_KERNEL = 0.35  # seconds of building and compiling for each layer with a kernel, before anything was measured
WANTED_EPOCHS = 14  # a default is made as large as still leaves so many epochs
LEAST_EPOCHS = 7  # a proposal that cannot have so many is made smaller
DEFAULT_SIZES = (16, 24, 32, 48, 64, 96, 128, 160, 224)  # px
BALANCE = (96, 0.5)  # resolution and width that suit each other when a default is made smaller
FORWARD = 3.0  # a pass without learning is so many times cheaper
PROBE_EPOCHS = 1.3 / FORWARD  # what a probe costs, in epochs of learning: the training and the validation images once, forward
TUNING_EPOCHS = 4  # pretrained layers need fewer
TRANSFER_LEAST = 96  # px; below it pretrained networks recognize little

Cost = Callable[[Configuration], NetCost]


@dataclass(frozen=True)
class Sizing:
    """The sizes that suit a study of `images` training images; `largest` is the largest input, in px, worth learning from scratch at."""

    space: Space
    cost: Cost
    images: int
    largest: int = 1024
    limits: Limits = field(default_factory=Limits)
    broken: Callable[[Configuration], str | None] = lambda configuration: None  # why a configuration need not be tried

    def default(self, given: dict[str, Scalar], done: Sequence[Trial], seconds: float | None) -> dict[str, Scalar]:
        """The default at the resolution and width that so many seconds afford; the smallest where none is affordable."""
        affordable = self.affordable(self.small(given), done, seconds, wanted_epochs(given, WANTED_EPOCHS))
        best: tuple[float, dict[str, Scalar]] | None = None
        smallest: tuple[float, dict[str, Scalar]] | None = None
        for resolution in self.resolutions(given):
            for width in self.options("width") if weights_of(given) is None else (1.0,):
                if float(width) > 1.0 or resolution not in DEFAULT_SIZES:
                    continue
                if seconds is None and weights_of(given) is None and (float(width) > 0.5 or resolution > 64) and smallest is not None:
                    continue
                configuration = self.space.defaults({**given, "resolution": resolution} | ({} if weights_of(given) else {"width": width}))
                paid = self.estimate(configuration)
                off = abs(math.log(float(width) / BALANCE[1]) - math.log(resolution / BALANCE[0]))
                value = math.log(float(width)) + math.log(resolution) - 0.5 * off
                if smallest is None or paid < smallest[0]:
                    smallest = (paid, configuration)
                if paid <= affordable and (best is None or value > best[0]) and self.allowed(configuration):
                    best = (value, configuration)
        chosen = best or smallest
        return self.small(given) if chosen is None else chosen[1]

    def shrunk(self, configuration: dict[str, Scalar], done: Sequence[Trial], seconds: float | None) -> dict[str, Scalar]:
        """A proposal with less resolution and width, by turns, until it is affordable and allowed (or can shrink no more)."""
        fitting = self.resolutions(configuration)
        configuration = {**configuration, "resolution": min(fitting, key=lambda size: abs(size - int(configuration["resolution"])))}
        wide = {**configuration, "width": 1.0} if "width" in configuration else configuration
        affordable = self.affordable(wide, done, seconds, wanted_epochs(configuration, LEAST_EPOCHS))
        options = {"resolution": fitting, "width": self.options("width")}
        keys = [key for key in options if key in configuration]
        turn = 0
        while (self.estimate(configuration) > affordable or not self.allowed(configuration)) and turn < 2 * len(fitting) + 12:
            key = keys[turn % len(keys)]
            smaller = [option for option in options[key] if float(option) < float(configuration[key])]
            if smaller:
                configuration[key] = max(smaller, key=float)
            turn += 1
        return configuration

    def allowed(self, configuration: Configuration) -> bool:
        """Whether it keeps the limits; told by its cost, before training."""
        return self.limits.none or self.limits.broken(configuration, self.cost(configuration)) is None

    def small(self, given: dict[str, Scalar]) -> dict[str, Scalar]:
        """The default at its smallest resolution, which has as many kernels as at any."""
        return self.space.defaults({**given, "resolution": self.resolutions(given)[0]})

    def resolutions(self, configuration: Configuration) -> tuple[int, ...]:
        """Those that suit the network: no thumbnails for pretrained ones, no enlarged images for others."""
        sizes = [int(size) for size in self.options("resolution")]
        scratch = weights_of(configuration) is None
        fitting = [size for size in sizes if (size <= self.largest if scratch else size >= TRANSFER_LEAST)]
        return tuple(fitting or sizes)

    def affordable(self, configuration: Configuration, done: Sequence[Trial], seconds: float | None, epochs: float) -> float:
        """Mult-adds of a network that trains so many epochs in so many seconds."""
        if seconds is None:
            return math.inf
        return seconds * pace(done, str(configuration["architecture"]), self.cost(configuration).kernels) / (self.images * epochs)

    def estimate(self, configuration: Configuration) -> float:
        """Mult-adds by way of the same network at full width, of which one is built for each size."""
        if "width" not in configuration:
            return self.cost(configuration).mult_adds
        wide = {**configuration, "width": 1.0}
        return self.cost(wide).mult_adds * float(configuration["width"]) ** 2

    def setup(self, configuration: Configuration, done: Sequence[Trial]) -> float:
        """Seconds that building and compiling it takes."""
        return setup(done, self.cost(configuration).kernels)

    def epochs(self, configuration: Configuration, done: Sequence[Trial], number: float) -> float:
        """Seconds of so many epochs, building it included."""
        paid = self.cost(configuration)
        return setup(done, paid.kernels) + number * self.images * paid.mult_adds / pace(done, str(configuration["architecture"]), paid.kernels)

    def wanted(self, configuration: Configuration, done: Sequence[Trial], seconds: float | None) -> float:
        """Seconds that should be left for a trial of so many, to be worth beginning."""
        return 0.0 if seconds is None else 0.75 * seconds + self.setup(configuration, done)

    def options(self, name: str) -> tuple[Any, ...]:
        """The values of a parameter of the space."""
        domain = self.space[name].domain
        return tuple(domain.options) if isinstance(domain, Choice) else domain.edges()


def wanted_epochs(configuration: Configuration, scratch: float) -> float:
    """How many epochs a network should have: `scratch` where it begins with nothing."""
    if is_probe(configuration):
        return PROBE_EPOCHS
    return scratch if weights_of(configuration) is None else TUNING_EPOCHS


def setup(done: Sequence[Trial], kernels: int) -> float:
    """Seconds that building and compiling a network of so many kernels takes: by the trials so far, else a guess."""
    measured = [trial.setup / trial.kernels for trial in done if trial.setup and trial.kernels and not is_probe(trial.configuration)]
    return kernels * (statistics.median(measured) if measured else SETUP_PER_KERNEL)


def pace(done: Sequence[Trial], architecture: str, kernels: int) -> float:
    """Mult-adds trained per second by an architecture of so many kernels.

    Its own trials tell, else the slowest of the others', corrected for the number of kernels, else a guess.
    """
    measured = [
        (trial.mult_adds * trial.images_per_second / (FORWARD if is_probe(trial.configuration) else 1.0), trial)
        for trial in done
        if trial.mult_adds and trial.images_per_second
    ]
    own = [speed for speed, trial in measured if trial.architecture == architecture]
    if own:
        return statistics.median(own)
    others = [speed * min(1.0, (trial.kernels or kernels) / kernels) for speed, trial in measured]
    return min(others, default=PACE / kernels)
