"""The first trials: what is known already, then each architecture's default."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from automl_cnn.records import Fidelity, Job, State
from automl_cnn.space import Configuration, Scalar
from automl_cnn.study.plan.stages.outlook import within_reach
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import LEAST_PART, TUNING_EPOCHS, Sizing
from automl_cnn.transfer import FINETUNE, NONE, PRETRAINED, PROBE, TRAIN_ON, mode_of, weights_of

STAGE = "defaults"
SIZES = ("resolution", "width")
FIRST = (STAGE, "portfolio")  # the stages that share the time for first trials
ENOUGH = 2  # networks from scratch, all of them out of reach of a pretrained one, after which no other is tried in a hurry
STRETCH = 1.5  # how much longer than its share a pretrained network may take for its epochs and still be tried


@dataclass(frozen=True)
class Start:
    """A default: what it is given, and why."""

    given: dict[str, Scalar]
    reason: str


@dataclass(frozen=True)
class Defaults:
    """Probes, pretrained networks trained on, networks from scratch, those soonest compiled first; as many as there is time for."""

    sizing: Sizing
    probes: bool = False  # whether only these are wanted yet

    def next(self, now: Situation) -> Job | None:
        tried = {_identity(trial.configuration) for trial in now.begun if trial.stage == STAGE}
        known = {essence(trial.configuration) for trial in now.begun if trial.stage in FIRST}
        if tried_first(now) >= now.defaults or hurried(now):
            return None
        for start in self.starts():
            if self.probes and mode_of(start.given) != PROBE:
                return None
            if _identity(start.given) in tried or hopeless(self.sizing, start.given, now):
                continue
            configuration = self.sizing.default(start.given, now.done, now.share)
            if essence(configuration) in known or not self.sizing.allowed(configuration):
                continue
            if not now.begun or now.left >= self.sizing.wanted(configuration, now.done, now.share):
                return Job(configuration, fidelity(self.sizing, configuration, now), start.reason, STAGE)
        return None

    def starts(self) -> Iterator[Start]:
        """All there are, in order. What networks from scratch cost is asked only when they are reached."""
        names = [str(name) for name in self.sizing.options("architecture")]
        known = {name: self._known(name) for name in names}
        read = f"what {{}} knows of ImageNet, read by {self.sizing.readout}"
        for mode, words in ((PROBE, read), (TRAIN_ON, "{}, trained on from what it knows of ImageNet")):
            for name, weights in ((name, known[name][0]) for name in names if known[name][0] != NONE):
                yield Start({"architecture": name, f"{PRETRAINED}{name}": weights, f"{FINETUNE}{name}": mode}, words.format(weights))
        scratch = [Start(self._scratch(name), f"default of {name}") for name in names if NONE in known[name]]
        yield from sorted(scratch, key=lambda start: self.sizing.cost(self.sizing.small(start.given)).kernels)

    @property
    def number(self) -> int:
        """How many there are."""
        known = [self._known(str(name)) for name in self.sizing.options("architecture")]
        return sum(2 * (names[0] != NONE) + (NONE in names) for names in known)

    def _known(self, name: str) -> tuple[str, ...]:
        """The weights that an architecture may begin with."""
        return self.sizing.options(f"{PRETRAINED}{name}") if f"{PRETRAINED}{name}" in self.sizing.space else (NONE,)

    def _scratch(self, name: str) -> dict[str, Scalar]:
        given: dict[str, Scalar] = {"architecture": name}
        return given if self._known(name)[0] == NONE else {**given, f"{PRETRAINED}{name}": NONE}


def hurried(now: Situation) -> bool:
    """Whether so little time is left for first trials that no cost need be asked."""
    return bool(now.done) and now.share is not None and now.left < LEAST_PART * now.share


def tried_first(now: Situation) -> int:
    """How many first trials there were, or are running: with the clock running, defaults and those of the portfolio; else each has its own."""
    stages = (STAGE,) if now.share is None else FIRST
    return sum(trial.stage in stages and trial.state is not State.FAILED for trial in now.begun)


def fidelity(sizing: Sizing, configuration: Configuration, now: Situation) -> Fidelity:
    """That of the first rung, with the share of the images that suits the network."""
    return dataclasses.replace(now.fidelity, share=sizing.share(configuration, now.done, now.share))


def hopeless(sizing: Sizing, given: dict[str, Scalar], now: Situation) -> bool:
    """Whether, with the clock running, there are better uses of the time."""
    if now.share is None:
        return False
    if weights_of(given) is None:
        return scratch_is_hopeless(now)
    if mode_of(given) == PROBE:
        return False
    smallest = sizing.small(given)
    return sizing.epochs(smallest, now.done, TUNING_EPOCHS, sizing.least_share(given)) > STRETCH * now.share + sizing.setup(smallest, now.done)


def scratch_is_hopeless(now: Situation) -> bool:
    """Whether the best is a pretrained network's, and no network from scratch, of which there were some, is expected to reach it in the time that is left."""
    best = now.best
    if best is None or weights_of(best.configuration) is None:
        return False
    rivals = [trial for trial in now.done if trial.scored and weights_of(trial.configuration) is None]
    return len(rivals) >= ENOUGH and not any(within_reach(trial, best, now.budget.left) for trial in rivals)


def essence(configuration: Configuration) -> frozenset[tuple[str, Scalar]]:
    """A configuration but for what the time affords: two of the same are the same idea."""
    return frozenset((name, value) for name, value in configuration.items() if name not in SIZES)


def _identity(configuration: Configuration) -> tuple[str, str | None, str | None]:
    """What makes a default that default."""
    return str(configuration["architecture"]), weights_of(configuration), mode_of(configuration)
