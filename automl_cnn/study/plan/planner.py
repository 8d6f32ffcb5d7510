"""What to do next: train a network, measure one, wait, or finish. Pure: a decision reads what is known, and writes nothing.

What to train is the first wish that one of the stages has. A stage that fails, with an error of ours or of a library
(a sampler's, say), sits out: the others go on without it.

A snapshot names the trials that are running too: a job is wished for once, and while one of them may still change the plan, nothing is finished.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automl_cnn.diagnosis import Context
from automl_cnn.diagnosis.experience import Experience
from automl_cnn.errors import AutomlCnnError, Cause
from automl_cnn.ranking import incumbent
from automl_cnn.records import Job, State, Trial
from automl_cnn.scaling import Coefficients
from automl_cnn.space import Configuration
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.proposed import Proposed
from automl_cnn.study.plan.engines.protocol import Engine
from automl_cnn.study.plan.failures import in_a_row
from automl_cnn.study.plan.stages import (
    Again,
    Branch,
    Defaults,
    Final,
    Guided,
    Portfolio,
    Promotion,
    Proposals,
    Readouts,
    Rerun,
    Retry,
    Scaling,
    Situation,
    Sizing,
    Stage,
)
from automl_cnn.study.plan.stages.again import STAGE as AGAIN
from automl_cnn.study.plan.stages.final import STAGE as FINAL
from automl_cnn.study.plan.wishes import Finish, Train, Unmeasured, Wait, Wish

GIVE_UP = 5  # failed trials in a row, and none ever scored
SILENCE = 60.0  # seconds without a step after which a trial hangs, and as many times more of what building it should take
SLOWER = 5.0


@dataclass(frozen=True)
class Snapshot:
    """What a decision is made from: the trials so far, those that are running included, what is left of the budget, the first trial of this session, and
    the stages that sit out.
    """

    trials: tuple[Trial, ...]
    budget: Budget
    since: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> tuple[Trial, ...]:
        """The trials under way, each with its worker."""
        return tuple(trial for trial in self.trials if trial.state is State.RUNNING)


@dataclass(frozen=True)
class Decision:
    """A wish, and the stages that sit out from now on, each with its error."""

    wish: Wish
    failed: Mapping[str, str]


@dataclass(frozen=True)
class Planner:
    """The wishes of one study."""

    sizing: Sizing
    engine: Engine
    max_epochs: int
    objectives: tuple[str, ...] = ()  # the metric, then costs, where there are several
    known: Context | None = None  # what the diagnosis knows beside the trials; without it no trial is guided by it
    scaling: str = "off"  # auto, compound or off
    coefficients: Mapping[str, Coefficients] = field(default_factory=dict)  # by architecture, where a scale study found them
    experience: Experience = field(default_factory=Experience)  # what earlier studies measured of the diagnosis' actions
    untested: Callable[[Trial], bool] | None = None  # whether interventions on a trial could still be made; None: nobody makes any
    timed: Callable[[Configuration], float | None] | None = None  # milliseconds for one image, where each network is timed before it is trained
    proposed: Proposed = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "proposed", Proposed(self.engine))

    def decide(self, now: Snapshot) -> Decision:
        """What to do next. The same snapshot gives the same decision."""
        failed = dict(now.failed)
        try:
            wish = self._wish(now, failed)
        except Unmeasured as missing:
            return Decision(missing.need, failed)
        return Decision(Wait() if isinstance(wish, Finish) and now.running else wish, failed)

    def _wish(self, now: Snapshot, failed: dict[str, str]) -> Wish:
        budget = now.budget
        trials = tuple(trial for trial in now.trials if trial.state is not State.RUNNING and trial.cause is not Cause.NODE)  # a node takes all its trials along
        if len(trials) >= GIVE_UP and incumbent(trials) is None and all(trial.state is State.FAILED for trial in trials[-GIVE_UP:]):
            return Finish("exhausted")
        hopeless = in_a_row([trial for trial in trials if trial.number >= now.since], len(self.sizing.options("architecture")))
        if hopeless:
            return Finish("exhausted", hopeless)
        job = self.next(now.trials, budget, failed)
        if job is None and trials and incumbent(trials) is None and budget.left > 0:
            return Finish("exhausted")
        if job is None:
            return Finish("trials" if budget.trials is not None and len(trials) >= budget.trials else "budget")
        if broken := self.sizing.broken(job.configuration):
            return Train(job, SILENCE, broken=broken)
        latency = self.timed(job.configuration) if self.timed is not None else None
        alone = job.stage == FINAL and budget.gathers
        return Train(job, SILENCE + SLOWER * self.sizing.setup(job.configuration, trials), latency, alone=alone)

    def next(self, trials: Sequence[Trial], budget: Budget, failed: dict[str, str] | None = None) -> Job | None:
        """The next job, or None where there is none: the study should be finished, once no trial is running any more.

        A stage that fails is added to `failed`, and those in it sit out.

        Raises:
            Unmeasured: a cost or a latency must be measured first.
        """
        failed = {} if failed is None else failed
        begun = tuple(trial for trial in trials if not (trial.is_majority or trial.lost))
        running = tuple(trial for trial in begun if trial.state is State.RUNNING)
        done = tuple(trial for trial in begun if trial.state is not State.RUNNING)
        if budget.left <= 0:
            return None
        if again := Again(self.sizing, self.objectives).next(begun, budget):  # does not count as another trial
            return again
        if budget.trials is not None and sum(trial.stage != AGAIN for trial in begun) >= budget.trials:
            return None
        defaults = Defaults(self.sizing)
        allowed = budget.defaults(defaults.number)
        share = budget.slice(allowed, first=not any(trial.scored for trial in done))
        now = Situation(done, budget, share, allowed, self.max_epochs, objectives=self.objectives, running=running)
        promotion, proposals = Promotion(self.sizing), Proposals(self.sizing, self.proposed)
        guided: tuple[Stage, ...] = ()
        branch: tuple[Stage, ...] = ()
        if self.known is not None and not self.objectives:  # their effects are those on one score
            guided = (Guided(self.sizing, self.known, self.experience, self.untested),)
            branch = (Branch(self.sizing, self.known, self.experience),)
        first = (Rerun(self.sizing, trials), Retry(self.sizing), Defaults(self.sizing, probes=True), Readouts(self.sizing), Portfolio(self.sizing), defaults)
        scaling = () if self.scaling == "off" else (Scaling(self.sizing, self.coefficients, always=self.scaling == "compound"),)
        job = _first((*first, promotion, *guided, *scaling, proposals, *branch, Final(self.sizing)), now, failed)
        if job is None and now.share is not None and not running:  # nothing is left to finish: what was set aside for it is free
            job = _first((promotion, *guided, proposals), dataclasses.replace(now, saving=False), failed)
        return job


def _first(stages: tuple[Stage, ...], now: Situation, failed: dict[str, str]) -> Job | None:
    return next((job for job in (_ask(stage, now, failed) for stage in stages) if job is not None), None)


def _ask(stage: Stage, now: Situation, failed: dict[str, str]) -> Job | None:
    name = type(stage).__name__.lower()
    if name in failed:
        return None
    try:
        return stage.next(now)
    except (AutomlCnnError, OSError, Unmeasured):  # about the user's settings, the store or the disk; or not to be answered yet
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        failed[name] = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
        return None
