"""Compound scaling of one architecture on the user's images: a small baseline, the grid at phi = 1, then phi by phi.

baseline   the small network; its epochs are everybody's
grid       alpha, beta and gamma at phi = 1, all with the baseline's seeds; hopeless points are stopped half-way
phi        the networks scaled by the coefficients that won, as far as asked, as the limits allow and as time lasts
compare    depth, width and resolution alone, at the real mult-adds of the largest of these

Everything is read off the record, so that a study that was stopped goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automl_cnn.databases import Database
from automl_cnn.measure import PLAIN, Measure
from automl_cnn.paired import TRAINING_SD, difference
from automl_cnn.records import Fidelity, Job, State, Trial
from automl_cnn.scaling import PAPER, SAME_COST, WAYS, Choice, Coefficients, Scaled, choose, grid, limit, matched, mean, rounded, scaled
from automl_cnn.space import Configuration, Scalar
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.protocol import Proposal
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages.sizing import pace, setup
from automl_cnn.study.record.record import FINGERPRINT, Record

BASELINE, GRID, STEP, WAY = "baseline", "grid", "phi", "compare"
KEY, COEFFICIENTS = "scale", "coefficients"  # keys in the record: the settings, and the chosen coefficients
MOST_PHI = 6.0  # where only limits say how far to scale; the paper's B7
USUAL_PHI = 2.0  # where nothing does
FINE = 0.25  # of phi, to which limits are used up; steps nearer to the last one are not trained
SPARE = 0.75  # of the time, which is planned with
DEEPER = 1.3  # scaled networks take about this many times as long to build as the baseline
LEAST_SECONDS = 6.0
UNHURRIED_EPOCHS = 30  # where no budget is set
HOPELESS_FROM = 5  # tenths of a training


@dataclass(frozen=True)
class Plan:
    """What is asked for. `phi`, or `times` the baseline's mult-adds, says how far to scale; without either the study's limits do, else phi is 2.

    `coefficients` are fixed ones, in place of the grid's; `given` are values of the baseline's configuration; `seeds` trainings make
    one score; `epochs` of None are as many as the budget affords.
    """

    architecture: str
    phi: float | None = None
    times: float | None = None
    coefficients: Coefficients | None = None
    given: Mapping[str, Scalar] = field(default_factory=dict)
    compare: bool = False
    seeds: int = 1
    epochs: int | None = None
    grid_steps: int = 3

    @property
    def identity(self) -> dict[str, Any]:
        """What cannot change once the study has begun; how far to scale may."""
        fixed = [self.coefficients.alpha, self.coefficients.beta, self.coefficients.gamma] if self.coefficients else None
        return {"architecture": self.architecture, "given": dict(self.given), "coefficients": fixed, "epochs": self.epochs, "grid_steps": self.grid_steps}

    @property
    def reach(self) -> float:
        """The phi it is about, before limits were asked."""
        return self.phi if self.phi is not None else math.log2(self.times) if self.times is not None else USUAL_PHI


@dataclass(frozen=True)
class Wish:
    """A network to train until it has `upto` trainings."""

    configuration: Mapping[str, Scalar]
    stage: str
    reason: str
    upto: int = 1


@dataclass(frozen=True)
class Point:
    """One point of the grid: its network and what that really costs, in times the baseline; `left_out` says why it is not trained."""

    coefficients: Coefficients
    network: Scaled
    actual: float
    left_out: str = ""


class Referee:
    """Stands where a search has its engine: proposes nothing, and stops a grid point that has fallen far behind the best."""

    name = "scale"
    note: str | None = None

    def __init__(self) -> None:
        self._grid: list[Trial] = []

    def ask(self) -> Proposal:
        raise RuntimeError("a scale study has no proposals")

    def begin(self, trial: Trial, proposal: int | None) -> None: ...

    def refuse(self, proposal: Proposal) -> None: ...

    def report(self, id: int, step: int, value: float) -> bool:
        """False from half-way on where the best point was further, at the same tenth, by more than its whole interval."""
        best = max((trial for trial in self._grid if trial.scored), key=lambda trial: trial.score or 0.0, default=None)
        if best is None or step < HOPELESS_FROM or best.interval is None:
            return True
        then = max((epoch.score for epoch in best.epochs if epoch.tenth <= step), default=0.0)
        return value + (best.interval[1] - best.interval[0]) >= then

    def tell(self, trial: Trial) -> None:
        if trial.stage == GRID:
            self._grid.append(trial)


@dataclass(frozen=True)
class ScalePlanner(Planner):
    """Wishes for the trials of a scale study, in their order."""

    plan: Plan = field(kw_only=True)
    metric: Measure = field(default=PLAIN, kw_only=True)  # what the scores are of

    def next(self, trials: Sequence[Trial], budget: Budget, failed: dict[str, str] | None = None) -> Job | None:
        done = tuple(trial for trial in trials if not trial.lost)
        if (budget.trials is not None and len(done) >= budget.trials) or (done and budget.left <= 0):
            return None
        base = self.base(done, budget)
        fidelity = self.fidelity(done, budget)
        if fidelity is None:
            return None
        for wish in self.wishes(done, base):
            same = [trial for trial in done if trial.configuration == wish.configuration]
            lost = any(trial.state in (State.FAILED, State.PRUNED) for trial in same)
            seed = sum(trial.state is State.COMPLETE for trial in same)
            if lost or seed >= wish.upto or not self.sizing.allowed(wish.configuration) or not self._affordable(wish.configuration, fidelity, done, budget):
                continue
            reason = wish.reason + (f", training {seed + 1} of {self.plan.seeds}" if self.plan.seeds > 1 else "")
            return Job(wish.configuration, fidelity, reason, wish.stage, 0 if wish.stage == GRID and seed == 0 else None, seed=seed)
        return None

    def wishes(self, done: Sequence[Trial], base: Configuration) -> Iterator[Wish]:
        """All there are, those already fulfilled included; what comes later depends on what came of the earlier ones."""
        seeds = self.plan.seeds
        yield Wish(base, BASELINE, "the baseline", seeds)
        if self.plan.coefficients is None:
            points = [point for point in self.points(base) if not point.left_out]
            for upto in range(1, seeds + 1):
                tied = None if upto == 1 else self.chosen(done, base).tied
                for point in points:
                    if tied is None or point.coefficients in tied:
                        yield Wish(point.network.of(base), GRID, f"phi 1 with {point.coefficients}", upto)
        chosen = self.chosen(done, base).coefficients
        for step in self.steps(base, chosen):
            yield Wish(step.of(base), STEP, f"phi {step.phi:.3g} with {chosen}", seeds)
        if self.plan.compare:
            for way, network in self.ways(done, base, chosen).items():
                yield Wish(network.of(base), WAY, f"{way} alone, for as many mult-adds", seeds)

    def base(self, done: Sequence[Trial], budget: Budget) -> dict[str, Scalar]:
        """The small network that is scaled: the one begun with, else the architecture's default at what time affords and what leaves room to grow."""
        first = next((trial for trial in done if trial.stage == BASELINE), None)
        if first is not None:
            return dict(first.configuration)
        given = {"architecture": self.plan.architecture, **self.plan.given}
        sizes = {name: value for name, value in given.items() if name in ("resolution", "width", "depth")}
        rest = {name: value for name, value in given.items() if name not in sizes}
        default = self.sizing.default(rest, (), self._seconds(budget, rest))
        roomy = [size for size in self.sizing.resolutions(default) if size <= int(default["resolution"]) and self._grows(size)]
        return {**default, **({"resolution": max(roomy)} if roomy else {}), **sizes}

    def _grows(self, size: int) -> bool:
        """Whether what the images hold leaves a network of this resolution room to grow as the paper's would."""
        return rounded(size * PAPER.gamma**self.plan.reach) <= limit(size, self.sizing.largest)[0]

    def fidelity(self, done: Sequence[Trial], budget: Budget) -> Fidelity | None:
        """The baseline gets its part of the time, and all others as many epochs as it planned; None where it failed."""
        if self.plan.epochs is not None:
            return Fidelity(self.plan.epochs)
        first = next((trial for trial in done if trial.stage == BASELINE), None)
        if first is not None:
            return Fidelity(first.epochs[-1].epochs) if first.epochs else None
        seconds = self._seconds(budget, {"architecture": self.plan.architecture, **self.plan.given})
        return Fidelity(min(self.max_epochs, UNHURRIED_EPOCHS)) if seconds is None else Fidelity(self.max_epochs, seconds)

    def points(self, base: Configuration) -> tuple[Point, ...]:
        """The grid's networks. Left out are those that rounding makes the same as another, or much more or less than twice as dear."""
        sharper = limit(int(base["resolution"]), self.sizing.largest)[0] >= rounded(int(base["resolution"]) * math.sqrt(2))
        start, seen, points = self._mult_adds(base), dict[tuple[int, int, int], Coefficients](), []
        for coefficients in grid(self.plan.grid_steps, resolution=sharper):
            network = scaled(base, 1.0, coefficients, largest=self.sizing.largest)
            paid = self.sizing.cost(network.of(base))
            actual, key = paid.mult_adds / start, (paid.mult_adds, paid.params, network.resolution)
            why = f"{actual:.2f} times the mult-adds, by rounding" if abs(actual / 2 - 1) > SAME_COST else ""
            if key in seen:
                why = f"the same network as {seen[key]}"
            seen.setdefault(key, coefficients)
            points.append(Point(coefficients, network, actual, why))
        return tuple(points)

    def chosen(self, done: Sequence[Trial], base: Configuration) -> Choice:
        """The coefficients by the grid's trials so far, or the fixed ones."""
        if self.plan.coefficients is not None:
            return Choice(self.plan.coefficients, "given", ())
        trained = {point.coefficients: trainings(done, point.network.of(base)) for point in self.points(base) if not point.left_out}
        scores = {point: mean([trial.score or 0.0 for trial in known], ())[0] for point, known in trained.items() if known}
        if not scores:
            return Choice(PAPER, "the paper's: no point of the grid was trained", ())
        best = max(scores, key=lambda point: scores[point])
        return choose(scores, {point: gain(trained[point], trained[best]) for point in scores}, self.metric)

    def steps(self, base: Configuration, coefficients: Coefficients) -> tuple[Scaled, ...]:
        """The networks from phi = 1 on, phi by phi, the last one as far as asked or allowed."""
        last = self._last(base, coefficients)
        if last.phi <= 0:
            return ()
        whole = [scaled(base, float(phi), coefficients, largest=self.sizing.largest) for phi in range(1, math.ceil(last.phi - FINE))]
        return (*whole, last)

    def asked(self, base: Configuration, coefficients: Coefficients) -> Scaled:
        """The largest network that is asked for, whatever the limits."""
        if self.plan.times is not None:
            return matched(base, coefficients, self.plan.times * self._mult_adds(base), self._mult_adds, largest=self.sizing.largest)
        usual = USUAL_PHI if self.sizing.limits.none else MOST_PHI
        return scaled(base, usual if self.plan.phi is None else self.plan.phi, coefficients, largest=self.sizing.largest)

    def _last(self, base: Configuration, coefficients: Coefficients) -> Scaled:
        largest, asked = self.sizing.largest, self.asked(base, coefficients)
        if self.sizing.allowed(asked.of(base)):
            return asked
        low, high = 0, math.ceil(asked.phi / FINE)  # the first is taken to be allowed, the last is not
        while high - low > 1:
            middle = (low + high) // 2
            allowed = self.sizing.allowed(scaled(base, middle * FINE, coefficients, largest=largest).of(base))
            low, high = (middle, high) if allowed else (low, middle)
        return scaled(base, low * FINE, coefficients, largest=largest)

    def ways(self, done: Sequence[Trial], base: Configuration, coefficients: Coefficients) -> dict[str, Scaled]:
        """Depth, width and resolution alone, as dear as the largest compound network that was trained; none before there is one."""
        reached = [step for step in self.steps(base, coefficients) if trainings(done, step.of(base))]
        if not reached:
            return {}
        target = self._mult_adds(reached[-1].of(base))
        return {way: matched(base, alone, target, self._mult_adds, largest=self.sizing.largest) for way, alone in WAYS.items()}

    def _mult_adds(self, configuration: Configuration) -> int:
        return max(1, self.sizing.cost(configuration).mult_adds)

    def _affordable(self, configuration: Configuration, fidelity: Fidelity, done: Sequence[Trial], budget: Budget) -> bool:
        """Whether the epochs of `fidelity` fit into what is left; a training that would be cut short compares with no other."""
        if not done or math.isinf(budget.left):
            return True
        paid = self.sizing.cost(configuration)
        epoch = self.sizing.images * paid.mult_adds / pace(done, self.plan.architecture, paid.kernels)
        return setup(done, paid.kernels) + fidelity.epochs * epoch <= budget.left

    def _seconds(self, budget: Budget, given: Mapping[str, Scalar]) -> float | None:
        """Seconds of training for the baseline, such that all that is planned, which costs several times more, fits too."""
        if budget.total is None:
            return None
        reach = self.plan.reach
        points = 0 if self.plan.coefficients is not None else len(grid(self.plan.grid_steps))
        dear = [2.0**phi for phi in range(1, math.ceil(reach))] + [2.0**reach] * (4 if self.plan.compare else 1)
        units = self.plan.seeds * (1 + 2 * points + sum(dear))
        small = self.sizing.small({name: value for name, value in given.items() if name not in ("resolution", "width", "depth")})
        building = self.plan.seeds * (1 + points + len(dear)) * DEEPER * self.sizing.setup(small, ())
        return max(LEAST_SECONDS, SPARE * (budget.left - building) / units)


def trainings(done: Sequence[Trial], configuration: Configuration) -> tuple[Trial, ...]:
    """The whole trainings of a network, one for each seed."""
    return tuple(trial for trial in done if trial.state is State.COMPLETE and trial.score is not None and trial.configuration == configuration)


def gain(before: Sequence[Trial], after: Sequence[Trial]) -> tuple[float, float]:
    """By how much the mean score rose from the trainings of one network to another's, seed by seed, and the standard deviation of that."""
    pairs = [pair for pair in (difference(one, other) for one, other in zip(before, after, strict=False)) if pair is not None]
    if not pairs:
        return 0.0, math.inf
    rises = [rise for rise, _ in pairs]
    middle, number, training = sum(rises) / len(pairs), len(pairs), 2 * TRAINING_SD**2
    images = sum(max(0.0, spread**2 - training) for _, spread in pairs) / number
    seen = sum((rise - middle) ** 2 for rise in rises) / (number - 1) if number > 1 else 0.0
    return middle, math.sqrt(images + max(seen, training) / number)


def coefficients(where: Path | Database, fingerprint: str) -> dict[str, Coefficients]:
    """What scale studies found on the same images, by architecture."""
    scales = {}
    for record in Record.all(where).values():
        kept = record.settings.get(COEFFICIENTS)
        if kept and record.settings.get(FINGERPRINT) == fingerprint:
            scales[str(kept["architecture"])] = Coefficients(kept["alpha"], kept["beta"], kept["gamma"])
    return scales
