"""What a session trains for a comparison: the networks and seeds that have no result yet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automl_cnn.comparison.table import Comparison, Match, Network
from automl_cnn.errors import ConfigError, SpaceError
from automl_cnn.records import Fidelity, Job, State, Trial
from automl_cnn.scaling import PAPER, WAYS, matched
from automl_cnn.space import Choice, Configuration, Scalar
from automl_cnn.store import StudyFolder
from automl_cnn.study.course import COMPARISON
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.protocol import Proposal
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.plan.stages.sizing import pace, setup
from automl_cnn.study.record.record import Record

STAGE = "compare"
OPEN = ("resolution", "width", "depth", "batch_size")  # numbers that a comparison may set to what a search would not try
OFF = "regularizer."
FAR = 0.1  # share of the mult-adds to match; a network that is farther off gets a note


class Bystander:
    """Stands where a search has its engine: proposes nothing and stops nothing."""

    name = "compare"
    note: str | None = None

    def ask(self) -> Proposal:
        raise RuntimeError("a comparison has no proposals")

    def begin(self, trial: Trial, proposal: int | None) -> None: ...

    def report(self, id: int, step: int, value: float) -> bool:
        return True

    def refuse(self, proposal: Proposal) -> None: ...

    def tell(self, trial: Trial) -> None: ...


@dataclass(frozen=True)
class Training:
    """One network to train once."""

    network: Network
    configuration: Configuration
    seed: int

    def became(self, trials: Sequence[Trial]) -> Trial | None:
        """Its trial, if there is one that came to its end."""
        return next((trial for trial in trials if self.is_of(trial) and not _lost(trial)), None)

    def is_of(self, trial: Trial) -> bool:
        """Whether a trial is this training."""
        same = trial.stage == STAGE and trial.seed == self.seed and trial.fidelity.epochs == self.network.epochs
        return same and dict(trial.configuration) == dict(self.configuration)


@dataclass(frozen=True)
class ComparePlanner(Planner):
    """Wishes for the trainings of a comparison on one image set, in their order."""

    trainings: tuple[Training, ...] = field(kw_only=True)

    def next(self, trials: Sequence[Trial], budget: Budget, failed: dict[str, str] | None = None) -> Job | None:
        for training in self.trainings:
            if training.became(trials) is not None:
                continue
            if budget.left <= 0 or not self._affordable(training, trials, budget):
                return None
            network = training.network
            reason = f"{network.series}{f', {network.point}' if network.point else ''}, seed {training.seed}"
            return Job(training.configuration, Fidelity(network.epochs), reason, STAGE, seed=training.seed)
        return None

    def _affordable(self, training: Training, trials: Sequence[Trial], budget: Budget) -> bool:
        """Whether it fits into the time that is left: a training that is cut short compares with no other."""
        done = [trial for trial in trials if trial.state is State.COMPLETE]
        if budget.total is None or not done:
            return True
        paid = self.sizing.cost(training.configuration)
        epoch = self.sizing.images * paid.mult_adds / pace(done, str(training.configuration["architecture"]), paid.kernels)
        return setup(done, paid.kernels) + training.network.epochs * epoch <= budget.left


@dataclass
class Course:
    """The course of a session that compares: hand it to `automl_cnn.study.run`.

    `wanted` are the networks of one image set and the seeds to train them with. Afterward, `trainings` are set, and `trials`, what became of them.
    """

    comparison: Comparison
    wanted: tuple[tuple[Network, int], ...]
    timed: bool = False  # whether the milliseconds for one image are measured
    trainings: tuple[Training, ...] = ()
    trials: tuple[Trial, ...] = ()

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"comparison": self.comparison.name}

    def plan(self, sizing: Sizing, record: Record, note: Callable[[str], None]) -> Planner:
        if record.trials and COMPARISON not in record.settings:
            raise ConfigError(f"The study '{record.name}' is a search, not a comparison. Choose another --store.")
        record.keep(COMPARISON, self.comparison.name)
        networks = {network.key: network for network, _ in self.wanted}
        whole = {key: self._configuration(network, sizing, note) for key, network in networks.items()}
        self.trainings = tuple(Training(network, whole[network.key], seed) for network, seed in self.wanted)
        return ComparePlanner(sizing, Bystander(), max(network.epochs for network, _ in self.wanted), trainings=self.trainings)

    def conclude(self, record: Record, folder: StudyFolder) -> Sequence[Path]:
        self.trials = record.trials
        return ()

    def _configuration(self, network: Network, sizing: Sizing, note: Callable[[str], None]) -> dict[str, Scalar]:
        """Every parameter of a network: those of the table, then the defaults; no regularizer is on that the table does not turn on."""
        free = {name: value for name, value in network.values.items() if name in OPEN and not _offered(sizing, name, value)}
        given = {name: value for name, value in network.values.items() if name not in free}
        off = {parameter.name: False for parameter in sizing.space if parameter.name.startswith(OFF)}
        try:
            start = sizing.space.defaults(given)
            off = {name: value for name, value in off.items() if name in start and name not in given}
            configuration = {**sizing.space.defaults({**off, **given}), **free}
        except SpaceError as error:
            raise ConfigError(f"{self.comparison.name}: '{network.series}' cannot be built: {error}") from None
        if network.match is None:
            return configuration
        target = next(other for other in self.comparison.networks if other.key == (network.images.name, network.match.to, network.point))
        match, ways = network.match, {**WAYS, "compound": PAPER}

        def paid(candidate: Configuration) -> float:
            return self._paid(candidate, match, sizing)

        wanted = match.times * paid(self._configuration(target, sizing, note))
        nearest = matched(configuration, ways[match.by], wanted, paid, largest=sizing.largest).of(configuration)
        share = paid(nearest) / wanted
        if abs(share - 1) > FAR:
            what = match.of.replace("_", "-")
            note(f"'{network.series}' has {share:.2f} times the {what} that it should match: channels, layers and pixels come in whole numbers.")
        return nearest

    def _paid(self, configuration: Configuration, match: Match, sizing: Sizing) -> float:
        """What a network costs, in the unit of `match`.

        Raises:
            ConfigError: its milliseconds cannot be measured.
        """
        if match.of == "mult_adds":
            return sizing.cost(configuration).mult_adds
        taken = sizing.limits.measure(configuration) if sizing.limits.measure else math.inf
        if math.isinf(taken):
            raise ConfigError(
                f"{self.comparison.name}: the milliseconds of a network that should match '{match.to}' could not be measured. Match mult_adds instead."
            )
        return taken


def _offered(sizing: Sizing, name: str, value: Scalar) -> bool:
    """Whether a search could try the value too."""
    domain = sizing.space[name].domain if name in sizing.space else None
    return not isinstance(domain, Choice) or domain.contains(value)


def _lost(trial: Trial) -> bool:
    """Whether a trial was cut short by the budget, the user or a crash: it is trained again."""
    return trial.lost or trial.state in (State.STOPPED, State.RUNNING)
