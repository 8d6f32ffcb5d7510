"""What to train next. Pure: it reads the trials so far and the budget, and returns a wish.

Stages: `defaults` (each architecture's default, made as large as its share of time allows, the
cheapest first), `search` (what the engine proposes, made smaller where it would not fit), `final`
(the best configuration once more, with all the time that is left).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from automl_cnn.records import INTERRUPTED, Fidelity, Job, NetCost, State, Trial, incumbent
from automl_cnn.space import Choice, Configuration, Scalar, Space
from automl_cnn.study.budget import Budget
from automl_cnn.study.engines.protocol import Engine

PACE = 1.6e11  # mult-adds trained per second, times kernels, before anything was measured (two cores, no GPU): many small layers train slower
SETUP_PER_KERNEL = 0.35  # seconds of building and compiling for each layer with a kernel, before anything was measured
WANTED_EPOCHS = 14  # a default is made as large as still leaves so many epochs
LEAST_EPOCHS = 7  # a proposal that cannot have so many is made smaller
UNHURRIED_EPOCHS = 30  # a trial's epochs where no budget is set
DEFAULT_SIZES = (16, 24, 32, 48, 64, 96, 128, 160, 224)  # px
WORTH_FINAL = 1.3  # the final training must be so many times longer than the winner's own
BALANCE = (96, 0.5)  # resolution and width that suit each other when a default is made smaller

Cost = Callable[[Configuration], NetCost]


@dataclass(frozen=True)
class Planner:
    """The wishes of one study."""

    space: Space
    engine: Engine
    cost: Cost
    images: int  # training images
    max_epochs: int

    def next(self, trials: Sequence[Trial], budget: Budget) -> Job | None:
        """The next job, or None when the study should be finished."""
        done = [trial for trial in trials if not (trial.state is State.FAILED and (trial.failure or "").startswith(INTERRUPTED))]
        if budget.trials is not None and len(done) >= budget.trials:
            return None
        share = budget.slice(len(self._architectures))
        for architecture, configuration in self._defaults(done, share):
            if not done or budget.left - budget.final >= self._wanted(done, configuration, share):
                return Job(configuration, self._fidelity(share), f"default of {architecture}", "defaults")
        if share is None:
            return self._proposal(done, share)
        finals = [trial for trial in done if trial.stage == "final"]
        aside = 0.0 if finals else budget.final  # a final training that ended early leaves its time to further proposals
        if budget.left - aside >= share:
            job = self._proposal(done, share)
            if budget.left - aside >= self._wanted(done, job.configuration, share):
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

    def _defaults(self, done: Sequence[Trial], share: float | None) -> list[tuple[str, dict[str, Scalar]]]:
        """The defaults not yet trained. Each is sized to its share of time, so that the cheapest is the one with the fewest layers to compile."""
        tried = {trial.architecture for trial in done if trial.stage == "defaults"}
        waiting = [(name, self._sized(name, done, share)) for name in self._architectures if name not in tried]
        return sorted(waiting, key=lambda pair: self.cost(pair[1]).kernels)

    def _sized(self, architecture: str, done: Sequence[Trial], share: float | None) -> dict[str, Scalar]:
        """The default at the resolution and width that its share of time affords."""
        kernels = self.cost(self.space.defaults({"architecture": architecture})).kernels
        affordable = math.inf if share is None else share * pace(done, architecture, kernels) / (self.images * WANTED_EPOCHS)
        best: tuple[float, dict[str, Scalar]] | None = None
        smallest: tuple[float, dict[str, Scalar]] | None = None
        for resolution in _options(self.space, "resolution"):
            for width in _options(self.space, "width"):
                if float(width) > 1.0 or int(resolution) not in DEFAULT_SIZES:
                    continue
                if share is None and (float(width) > 0.5 or int(resolution) > 64) and smallest is not None:
                    continue
                configuration = self.space.defaults({"architecture": architecture, "resolution": resolution, "width": width})
                paid = self._estimate(configuration)
                off = abs(math.log(float(width) / BALANCE[1]) - math.log(int(resolution) / BALANCE[0]))
                value = math.log(float(width)) + math.log(int(resolution)) - 0.5 * off
                if smallest is None or paid < smallest[0]:
                    smallest = (paid, configuration)
                if paid <= affordable and (best is None or value > best[0]):
                    best = (value, configuration)
        chosen = best or smallest
        if chosen is None:
            return self.space.defaults({"architecture": architecture})
        return chosen[1]

    def _estimate(self, configuration: Configuration) -> float:
        """Mult-adds by way of the same network at full width, of which one is built for each size."""
        wide = {**configuration, "width": 1.0}
        return self.cost(wide).mult_adds * float(configuration["width"]) ** 2

    def _proposal(self, done: Sequence[Trial], share: float | None) -> Job:
        proposal = self.engine.ask()
        configuration = dict(proposal.configuration)
        if share is not None:
            kernels = self.cost({**configuration, "width": 1.0}).kernels
            affordable = share * pace(done, str(configuration["architecture"]), kernels) / (self.images * LEAST_EPOCHS)
            configuration = self._shrunk(configuration, affordable)
        return Job(configuration, self._fidelity(share), proposal.reason, "search", proposal.id)

    def _shrunk(self, configuration: dict[str, Scalar], affordable: float) -> dict[str, Scalar]:
        """The configuration with less resolution and width, by turns, until it fits (or can shrink no more)."""
        turn = 0
        while self._estimate(configuration) > affordable and turn < 2 * len(_options(self.space, "resolution")) + 12:
            key = ("resolution", "width")[turn % 2]
            smaller = [option for option in _options(self.space, key) if float(option) < float(configuration[key])]
            if smaller:
                configuration[key] = max(smaller, key=float)
            turn += 1
        return configuration

    def _final(self, done: Sequence[Trial], budget: Budget) -> Job | None:
        """The best configuration trained with all the time that is left, where that is worth it."""
        best = incumbent(list(done))
        if best is None or budget.left < WORTH_FINAL * best.seconds:
            return None
        if any(trial.stage == "final" and trial.configuration == best.configuration for trial in done):
            return None
        training = budget.left - (best.setup or 0.0)
        return Job(best.configuration, Fidelity(2 * self.max_epochs, training), f"trial {best.number}, the best so far, trained longer", "final")


def setup(done: Sequence[Trial], kernels: int) -> float:
    """Seconds that building and compiling a network of so many kernels takes: by the trials so far, else a guess."""
    measured = [trial.setup / trial.kernels for trial in done if trial.setup and trial.kernels]
    return kernels * (statistics.median(measured) if measured else SETUP_PER_KERNEL)


def pace(done: Sequence[Trial], architecture: str, kernels: int) -> float:
    """Mult-adds trained per second by an architecture of so many kernels.

    Its own trials tell, else the slowest of the others', corrected for the number of kernels, else a guess.
    """
    measured = [(trial.mult_adds * trial.images_per_second, trial) for trial in done if trial.mult_adds and trial.images_per_second]
    own = [speed for speed, trial in measured if trial.architecture == architecture]
    if own:
        return statistics.median(own)
    others = [speed * min(1.0, (trial.kernels or kernels) / kernels) for speed, trial in measured]
    return min(others, default=PACE / kernels)


def _options(space: Space, name: str) -> tuple[Scalar, ...]:
    domain = space[name].domain
    return tuple(domain.options) if isinstance(domain, Choice) else domain.edges()
