"""What to train next. Pure: it reads the trials so far and the budget, and returns a wish.

Stages: `defaults` (first what begins with pretrained weights: a probe, then trained on; then each
architecture's default from scratch, made as large as its share of time allows, the cheapest first;
as many as there is time for), `search` (what the engine proposes, made smaller where it would not
fit), `final` (the best configuration once more, with all the time that is left; a probe is trained on).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from automl_cnn.records import INTERRUPTED, Fidelity, Job, NetCost, State, Trial, incumbent
from automl_cnn.space import Choice, Configuration, Scalar, Space
from automl_cnn.study.budget import Budget
from automl_cnn.study.engines.protocol import Engine
from automl_cnn.transfer import FINETUNE, NONE, PRETRAINED, PROBE, is_probe, mode_of, weights_of

PACE = 1.6e11  # mult-adds trained per second, times kernels, before anything was measured (two cores, no GPU): many small layers train slower
SETUP_PER_KERNEL = 0.35  # seconds of building and compiling for each layer with a kernel, before anything was measured
WANTED_EPOCHS = 14  # a default is made as large as still leaves so many epochs
LEAST_EPOCHS = 7  # a proposal that cannot have so many is made smaller
UNHURRIED_EPOCHS = 30  # a trial's epochs where no budget is set
DEFAULT_SIZES = (16, 24, 32, 48, 64, 96, 128, 160, 224)  # px
WORTH_FINAL = 1.3  # the final training must be so many times longer than the winner's own
BALANCE = (96, 0.5)  # resolution and width that suit each other when a default is made smaller
FORWARD = 3.0  # a pass without learning is so many times cheaper
PROBE_EPOCHS = 1.3 / FORWARD  # what a probe costs, in epochs of learning: the training and the validation images once, forward
TUNING_EPOCHS = 4  # pretrained layers need fewer
TRAIN_ON = "head_first"  # what follows a probe
TRANSFER_LEAST = 96  # px; below it pretrained networks recognize little

Cost = Callable[[Configuration], NetCost]


@dataclass(frozen=True)
class Planner:
    """The wishes of one study."""

    space: Space
    engine: Engine
    cost: Cost
    images: int  # training images
    max_epochs: int
    largest: int = 1024  # px; what is larger is for pretrained networks only, since enlarging adds no detail

    def next(self, trials: Sequence[Trial], budget: Budget) -> Job | None:
        """The next job, or None when the study should be finished."""
        done = [trial for trial in trials if not (trial.state is State.FAILED and (trial.failure or "").startswith(INTERRUPTED))]
        if budget.trials is not None and len(done) >= budget.trials:
            return None
        starts = self._starts()
        allowed = budget.defaults(len(starts))
        share = budget.slice(allowed)
        tried = {_identity(trial.configuration) for trial in done if trial.stage == "defaults"}
        for start in starts[:allowed] if len(tried) < allowed else ():
            if _identity(start.given) in tried:
                continue
            configuration = self._sized(start.given, done, share)
            if not done or budget.left - budget.final >= self._wanted(done, configuration, share):
                return Job(configuration, self._fidelity(share), start.reason, "defaults")
        if share is None:
            return self._proposal(done, share)
        finals = [trial for trial in done if trial.stage == "final"]
        aside = 0.0 if finals else budget.final  # a final training that ended early leaves its time to further proposals
        if budget.left - aside >= share:
            job = self._proposal(done, share)
            if budget.left - aside >= self._wanted(done, job.configuration, job.fidelity.seconds):
                return job
        return self._final(done, budget)

    def _wanted(self, done: Sequence[Trial], configuration: Configuration, share: float | None) -> float:
        """Seconds that a trial should have before it, to be worth beginning."""
        return 0.0 if share is None else 0.75 * share + setup(done, self.cost(configuration).kernels)

    @property
    def _architectures(self) -> tuple[str, ...]:
        domain = self.space["architecture"].domain
        return tuple(str(option) for option in domain.edges())

    def _fidelity(self, share: float | None) -> Fidelity:
        return Fidelity(min(self.max_epochs, UNHURRIED_EPOCHS) if share is None else self.max_epochs, share)

    def _starts(self) -> list[_Start]:
        """What to begin with, in order: probes, pretrained networks trained on, networks from scratch, those soonest compiled first."""
        probes: list[_Start] = []
        tuned: list[_Start] = []
        scratch: list[_Start] = []
        for name in self._architectures:
            weights = _options(self.space, f"{PRETRAINED}{name}")[0] if f"{PRETRAINED}{name}" in self.space else NONE
            given: dict[str, Scalar] = {"architecture": name}
            if weights != NONE:
                given[f"{PRETRAINED}{name}"] = weights
                probes.append(_Start({**given, f"{FINETUNE}{name}": PROBE}, f"what {weights} knows of ImageNet, read by a logistic regression"))
                tuned.append(_Start({**given, f"{FINETUNE}{name}": TRAIN_ON}, f"{weights}, trained on from what it knows of ImageNet"))
                given = {**given, f"{PRETRAINED}{name}": NONE}
            if f"{PRETRAINED}{name}" not in self.space or NONE in _options(self.space, f"{PRETRAINED}{name}"):
                scratch.append(_Start(given, f"default of {name}"))
        return [*probes, *tuned, *sorted(scratch, key=lambda start: self.cost(self._small(start.given)).kernels)]

    def _small(self, given: dict[str, Scalar]) -> dict[str, Scalar]:
        """The default at its smallest, which has as many kernels as at any size."""
        return self.space.defaults({**given, "resolution": self._sizes(given)[0]})

    def _sizes(self, configuration: Configuration) -> tuple[int, ...]:
        """The resolutions that suit the network: no thumbnails for pretrained ones, no enlarged images for others."""
        sizes = [int(size) for size in _options(self.space, "resolution")]
        scratch = weights_of(configuration) is None
        fitting = [size for size in sizes if (size <= self.largest if scratch else size >= TRANSFER_LEAST)]
        return tuple(fitting or sizes)

    def _sized(self, given: dict[str, Scalar], done: Sequence[Trial], share: float | None) -> dict[str, Scalar]:
        """The default at the resolution and width that its share of time affords."""
        affordable = self._affordable(self._small(given), done, share, _wanted_epochs(given, WANTED_EPOCHS))
        best: tuple[float, dict[str, Scalar]] | None = None
        smallest: tuple[float, dict[str, Scalar]] | None = None
        for resolution in self._sizes(given):
            for width in _options(self.space, "width") if weights_of(given) is None else (1.0,):
                if float(width) > 1.0 or resolution not in DEFAULT_SIZES:
                    continue
                if share is None and weights_of(given) is None and (float(width) > 0.5 or resolution > 64) and smallest is not None:
                    continue
                configuration = self.space.defaults({**given, "resolution": resolution} | ({} if weights_of(given) else {"width": width}))
                paid = self._estimate(configuration)
                off = abs(math.log(float(width) / BALANCE[1]) - math.log(resolution / BALANCE[0]))
                value = math.log(float(width)) + math.log(resolution) - 0.5 * off
                if smallest is None or paid < smallest[0]:
                    smallest = (paid, configuration)
                if paid <= affordable and (best is None or value > best[0]):
                    best = (value, configuration)
        chosen = best or smallest
        return self._small(given) if chosen is None else chosen[1]

    def _affordable(self, configuration: Configuration, done: Sequence[Trial], share: float | None, epochs: float) -> float:
        """Mult-adds of a network that trains so many epochs in the seconds of `share`."""
        if share is None:
            return math.inf
        return share * pace(done, str(configuration["architecture"]), self.cost(configuration).kernels) / (self.images * epochs)

    def _estimate(self, configuration: Configuration) -> float:
        """Mult-adds by way of the same network at full width, of which one is built for each size."""
        if "width" not in configuration:
            return self.cost(configuration).mult_adds
        wide = {**configuration, "width": 1.0}
        return self.cost(wide).mult_adds * float(configuration["width"]) ** 2

    def _proposal(self, done: Sequence[Trial], share: float | None) -> Job:
        proposal = self.engine.ask()
        configuration = dict(proposal.configuration)
        sizes = self._sizes(configuration)
        configuration["resolution"] = min(sizes, key=lambda size: abs(size - int(configuration["resolution"])))
        if share is not None:
            wide = {**configuration, "width": 1.0} if "width" in configuration else configuration
            affordable = self._affordable(wide, done, share, _wanted_epochs(configuration, LEAST_EPOCHS))
            configuration = self._shrunk(configuration, affordable)
        whole = self._fidelity(share)
        fidelity = Fidelity(max(1, round(whole.epochs * proposal.share)), None if whole.seconds is None else whole.seconds * proposal.share)
        return Job(configuration, fidelity, proposal.reason, "search", proposal.id)

    def _shrunk(self, configuration: dict[str, Scalar], affordable: float) -> dict[str, Scalar]:
        """The configuration with less resolution and width, by turns, until it fits (or can shrink no more)."""
        options = {"resolution": self._sizes(configuration), "width": _options(self.space, "width")}
        keys = [key for key in options if key in configuration]
        turn = 0
        while self._estimate(configuration) > affordable and turn < 2 * len(options["resolution"]) + 12:
            key = keys[turn % len(keys)]
            smaller = [option for option in options[key] if float(option) < float(configuration[key])]
            if smaller:
                configuration[key] = max(smaller, key=float)
            turn += 1
        return configuration

    def _final(self, done: Sequence[Trial], budget: Budget) -> Job | None:
        """The best configuration trained with all the time that is left, where that is worth it."""
        best = incumbent(list(done))
        if best is None:
            return None
        configuration, told = best.configuration, "trained longer"
        kernels = self.cost(configuration).kernels
        if is_probe(configuration):
            name = best.architecture
            given = {"architecture": name, f"{PRETRAINED}{name}": configuration[f"{PRETRAINED}{name}"], f"{FINETUNE}{name}": TRAIN_ON}
            configuration, told = self._sized(given, done, budget.left - setup(done, kernels)), "trained on"
            if budget.left < self._tuning_needs(done, configuration):
                return None
        elif budget.left < WORTH_FINAL * best.seconds:
            return None
        if any(trial.stage == "final" and trial.configuration == configuration for trial in done):
            return None
        training = budget.left - ((best.setup or 0.0) if configuration is best.configuration else setup(done, kernels))
        return Job(configuration, Fidelity(2 * self.max_epochs, training), f"trial {best.number}, the best so far, {told}", "final")

    def _tuning_needs(self, done: Sequence[Trial], configuration: Configuration) -> float:
        """Seconds without which training a pretrained network on is in vain: building it, and two epochs."""
        paid = self.cost(configuration)
        return setup(done, paid.kernels) + 2 * self.images * paid.mult_adds / pace(done, str(configuration["architecture"]), paid.kernels)


@dataclass(frozen=True)
class _Start:
    """A default: what it is given, and why."""

    given: dict[str, Scalar]
    reason: str


def _identity(configuration: Configuration) -> tuple[str, str | None, str | None]:
    """What makes a default that default."""
    return str(configuration["architecture"]), weights_of(configuration), mode_of(configuration)


def _wanted_epochs(configuration: Configuration, scratch: float) -> float:
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


def _options(space: Space, name: str) -> tuple[Any, ...]:
    domain = space[name].domain
    return tuple(domain.options) if isinstance(domain, Choice) else domain.edges()
