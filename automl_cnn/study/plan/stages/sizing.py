"""How large a network may be: what its share of the time affords, what the limits allow, what the photos hold."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automl_cnn.records import NetCost, Trial
from automl_cnn.space import Choice, Configuration, Scalar, Space
from automl_cnn.study.plan.limits import Limits
from automl_cnn.tasks.words import MULTICLASS
from automl_cnn.transfer import is_probe, weights_of

PACE = 1.6e11  # mult-adds trained per second, times kernels, before anything was measured (two cores, no GPU): many small layers train slower
SETUP_PER_KERNEL = 0.35  # seconds of building and compiling for each layer with a kernel, before anything was measured
WANTED_EPOCHS = 14  # a default is made as large as possible while it still gets this many epochs
LEAST_EPOCHS = 7  # a proposal that cannot get this many is made smaller
EARLY_STRIDE_FROM = (64, 128)  # px of the input; as in models.net, which is not to be imported here
DEFAULT_SIZES = (16, 24, 32, 48, 64, 96, 128, 160, 224)  # px
BALANCE = (96, 0.5)  # resolution and width that suit each other when a default is made smaller
LEAST_PART = 0.75  # of a trial's seconds, without which it is not worth beginning
READING = 6.0  # how much cheaper it is to read images with a frozen network, its norms folded, than to train it on them
PROBE_EPOCHS = 1.3 / READING  # what a probe costs, in epochs of learning: the training and the validation images once, forward
TUNING_EPOCHS = 4  # pretrained layers need fewer
TRANSFER_LEAST = 96  # px; below it pretrained networks recognize little
ENOUGH_IMAGES = 2000  # to tell networks apart by; of no more than these, every trial sees all
LEAST_SHARE = 1 / 6  # of the images that a network is sized for: the final training, on all of them, has about six times the first rung's seconds

Cost = Callable[[Configuration], NetCost]


@dataclass(frozen=True)
class Sizing:
    """The sizes that suit a study of `images` training images.

    `largest` is the largest input, in px, worth learning from scratch at, and `least` the smallest that an architecture takes.
    """

    space: Space
    cost: Cost
    images: int
    largest: int = 1024
    limits: Limits = field(default_factory=Limits)
    broken: Callable[[Configuration], str | None] = lambda configuration: None  # why a configuration need not be tried
    least: Mapping[str, int] = field(default_factory=dict)
    readout: str = MULTICLASS.readout  # what reads the features of a frozen network, in words
    part: float = 1.0  # of the machine's cores, that a trial has

    def default(self, given: dict[str, Scalar], done: Sequence[Trial], seconds: float | None) -> dict[str, Scalar]:
        """The default at the resolution and width that `seconds` afford; the smallest where none is affordable."""
        small = self.small(given)
        affordable = self.affordable(small, done, seconds, WANTED_EPOCHS)
        known: dict[int, float] = {int(small["resolution"]): self._wide(small).mult_adds}
        sizes, strides = self._sizes(given, unhurried=seconds is None), weights_of(given) is None
        refused: set[tuple[int, float]] = set()
        while fitting := [size for size in sizes if size not in refused and self._paid(size, known, strides=strides) <= affordable]:
            size = max(fitting, key=_balanced)
            configuration = self._sized(given, size)
            if size[0] not in known:
                known[size[0]] = self._wide(configuration).mult_adds
            elif self.allowed(configuration):
                return configuration
            else:
                refused.add(size)
        return self._sized(given, min(sizes, key=lambda size: (self._paid(size, known, strides=strides), size))) if sizes else small

    def shrunk(self, configuration: dict[str, Scalar], done: Sequence[Trial], seconds: float | None) -> dict[str, Scalar]:
        """A proposal with less resolution and width, by turns, until it is affordable and allowed (or can shrink no more)."""
        fitting = self.resolutions(configuration)
        configuration = {**configuration, "resolution": min(fitting, key=lambda size: abs(size - int(configuration["resolution"])))}
        affordable = self.affordable(configuration, done, seconds, LEAST_EPOCHS)
        options = {"resolution": fitting, "width": self.options("width")}
        keys = [key for key in options if key in configuration]
        known: dict[int, float] = {}
        strides = weights_of(configuration) is None
        turn = 0
        while turn < 2 * len(fitting) + 12:
            resolution, width = int(configuration["resolution"]), float(configuration.get("width", 1.0))
            if not known or (resolution not in known and self._paid((resolution, width), known, strides=strides) <= affordable):
                known[resolution] = self._wide(configuration).mult_adds
                continue
            if self._paid((resolution, width), known, strides=strides) <= affordable and self.allowed(configuration):
                break
            key = keys[turn % len(keys)]
            smaller = [option for option in options[key] if float(option) < float(configuration[key])]
            if smaller:
                configuration[key] = max(smaller, key=float)
            turn += 1
        return configuration

    def _sizes(self, given: dict[str, Scalar], *, unhurried: bool) -> list[tuple[int, float]]:
        """The resolutions and widths that a default may have."""
        scratch = weights_of(given) is None
        sizes = [size for size in self.resolutions(given) if size in DEFAULT_SIZES]
        widths = [float(width) for width in self.options("width") if float(width) <= 1.0] if scratch else [1.0]
        both = [(size, width) for size in sizes for width in widths]
        modest = [(size, width) for size, width in both if size <= 64 and width <= 0.5] if unhurried and scratch else both
        return modest or [min(both)] if both else []

    def _sized(self, given: dict[str, Scalar], size: tuple[int, float]) -> dict[str, Scalar]:
        width = {} if weights_of(given) else {"width": size[1]}
        return self.space.defaults({**given, "resolution": size[0], **width})

    def _paid(self, size: tuple[int, float], known: Mapping[int, float], *, strides: bool) -> float:
        """Mult-adds at a resolution and width, inferred from those at full width of the resolutions that were built: building each would take long.

        Most networks thin larger images out by early `strides`; those with pretrained weights do not, nor those whose known costs say otherwise.
        """
        resolution, width = size
        if resolution in known:
            return known[resolution] * width**2
        laws: tuple[Callable[[int], float], ...] = (inside, float) if strides else (float,)
        law = min(laws, key=lambda law: _error(law, known))
        near = min(known, key=lambda other: abs(math.log(law(other) / law(resolution))))
        return known[near] * (law(resolution) / law(near)) ** 2 * width**2

    def allowed(self, configuration: Configuration) -> bool:
        """Whether it keeps the limits, judged by its cost before training."""
        return self.limits.none or self.limits.broken(configuration, self.cost(configuration)) is None

    def small(self, given: dict[str, Scalar]) -> dict[str, Scalar]:
        """The default at its smallest resolution, which has as many kernels as at any."""
        return self.space.defaults({**given, "resolution": self.resolutions(given)[0]})

    def resolutions(self, configuration: Configuration) -> tuple[int, ...]:
        """Those that suit the network: none that it does not take, no thumbnails for pretrained ones, no enlarged images for others."""
        least = self.least.get(str(configuration.get("architecture")), 0)
        sizes = [size for size in map(int, self.options("resolution")) if size >= least]
        if weights_of(configuration) is None:
            return tuple(size for size in sizes if size <= self.largest) or tuple(sizes[:1])
        return tuple(size for size in sizes if size >= TRANSFER_LEAST) or tuple(sizes)

    def affordable(self, configuration: Configuration, done: Sequence[Trial], seconds: float | None, scratch: float) -> float:
        """Mult-adds of a network that has enough epochs within `seconds` (`scratch` of them where it begins with nothing), on the least of the images."""
        if seconds is None:
            return math.inf
        passed = self.images * self.least_share(configuration) * wanted_epochs(configuration, scratch)
        return seconds * pace(done, str(configuration["architecture"]), self._wide(configuration).kernels, self.part) / passed

    def least_share(self, configuration: Configuration) -> float:
        """The share of the training images that a network is made for on the first rung: below 1 where there are many."""
        return 1.0 if is_probe(configuration) else min(1.0, max(LEAST_SHARE, ENOUGH_IMAGES / self.images))

    def share(self, configuration: Configuration, done: Sequence[Trial], seconds: float | None) -> float:
        """The share of the training images that is passed through several times within `seconds`: the fidelity of large sets.

        On small sets it is 1, and never so small that fewer than `ENOUGH_IMAGES` are left. A probe passes through all of them once.
        """
        if seconds is None or self.least_share(configuration) == 1:
            return 1.0
        trained = seconds * pace(done, str(configuration["architecture"]), self._wide(configuration).kernels, self.part)
        passes = trained / (self.images * max(1.0, self.estimate(configuration)))
        return round(min(1.0, max(ENOUGH_IMAGES / self.images, passes / wanted_epochs(configuration, LEAST_EPOCHS))), 3)

    def estimate(self, configuration: Configuration) -> float:
        """Mult-adds by way of the same network at full width, of which one is built for each size."""
        return self._wide(configuration).mult_adds * float(configuration.get("width", 1.0)) ** 2

    def _wide(self, configuration: Configuration) -> NetCost:
        return self.cost({**configuration, "width": 1.0} if "width" in configuration else configuration)

    def setup(self, configuration: Configuration, done: Sequence[Trial]) -> float:
        """Seconds that building and compiling it takes."""
        return setup(done, self._wide(configuration).kernels)

    def epochs(self, configuration: Configuration, done: Sequence[Trial], number: float, share: float = 1.0) -> float:
        """Seconds of `number` epochs on a share of the images, building it included."""
        kernels = self._wide(configuration).kernels
        speed = pace(done, str(configuration["architecture"]), kernels, self.part)
        return setup(done, kernels) + number * share * self.images * self.estimate(configuration) / speed

    def wanted(self, configuration: Configuration, done: Sequence[Trial], seconds: float | None) -> float:
        """Seconds that should be left to make a trial of `seconds` worth beginning."""
        return 0.0 if seconds is None else LEAST_PART * seconds + self.setup(configuration, done)

    def options(self, name: str) -> tuple[Any, ...]:
        """The values of a parameter of the space."""
        domain = self.space[name].domain
        return tuple(domain.options) if isinstance(domain, Choice) else domain.edges()


def inside(resolution: int) -> float:
    """The side of the map behind the early strides, in px, as most networks have them: what they cost goes by its square."""
    return resolution / float(1 << sum(resolution >= start for start in EARLY_STRIDE_FROM))


def _error(law: Callable[[int], float], known: Mapping[int, float]) -> float:
    """How far known costs are from growing with the square of `law`."""
    levels = [math.log(max(1.0, paid)) - 2 * math.log(law(resolution)) for resolution, paid in known.items()]
    return max(levels) - min(levels)


def _balanced(size: tuple[int, float]) -> float:
    """How good a resolution and width are together: large, and one suiting the other."""
    resolution, width = math.log(size[0]), math.log(size[1])
    return width + resolution - 0.5 * abs(width - math.log(BALANCE[1]) - resolution + math.log(BALANCE[0]))


def wanted_epochs(configuration: Configuration, scratch: float) -> float:
    """How many epochs a network should have: `scratch` where it begins with nothing."""
    if is_probe(configuration):
        return PROBE_EPOCHS
    return scratch if weights_of(configuration) is None else TUNING_EPOCHS


def setup(done: Sequence[Trial], kernels: int) -> float:
    """Seconds that building and compiling a network of `kernels` kernels takes: by the trials so far, else a guess."""
    measured = [trial.setup / trial.kernels for trial in done if trial.setup and trial.kernels and not is_probe(trial.configuration)]
    return kernels * (statistics.median(measured) if measured else SETUP_PER_KERNEL)


def pace(done: Sequence[Trial], architecture: str, kernels: int, part: float = 1.0) -> float:
    """Mult-adds trained per second by an architecture of `kernels` kernels, with a `part` of the machine's cores.

    Its own trials decide, else the slowest of the others', corrected for the number of kernels, else a guess. What was measured with another part of the
    cores, in an earlier session, is taken to grow with the part.
    """
    measured = [
        (trial.mult_adds * trial.images_per_second * part / trial.part / (READING if is_probe(trial.configuration) else 1.0), trial)
        for trial in done
        if trial.mult_adds and trial.images_per_second
    ]
    own = [speed for speed, trial in measured if trial.architecture == architecture]
    if own:
        return statistics.median(own)
    others = [speed * min(1.0, (trial.kernels or kernels) / kernels) for speed, trial in measured]
    return min(others, default=PACE * part / kernels)
