"""The loop: the planner's wish, the executor's events, the record first, then everybody else."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from automl_cnn.records import Epoch, Finished, Job, Progress, Started, State, Trial, incumbent
from automl_cnn.study.budget import Budget
from automl_cnn.study.engines.protocol import Engine
from automl_cnn.study.executors.protocol import Executor
from automl_cnn.study.observer import Observer
from automl_cnn.study.planner import Planner
from automl_cnn.study.record import Record
from automl_cnn.track import Tracking

GRACE = 15.0  # seconds beyond the budget that a silent trial is waited for
SILENCE = 60.0  # seconds without a step after which a trial hangs, and as many times more of what building it should take
SLOWER = 5.0
GIVE_UP = 5  # failed trials in a row, and none ever scored


@dataclass
class Loop:
    """One session of a study, from its first wish to its last."""

    record: Record
    planner: Planner
    engine: Engine
    executor: Executor
    tracker: Tracking
    observer: Observer
    budget: Callable[[], Budget]
    shelve: Callable[[Sequence[Trial]], None]  # puts the best model in its place and deletes losers'
    session: str
    began: float  # seconds since 1970
    interrupted: bool = False
    clock: Callable[[], float] = time.time

    def run(self) -> str:
        """Train until the planner has no wish; says what ended it: budget, trials, user or exhausted."""
        for trial in self.record.trials:
            self.engine.tell(trial)
        while not self.interrupted:
            budget = self._used()
            trials = self.record.trials
            if len(trials) >= GIVE_UP and incumbent(trials) is None and all(trial.state is State.FAILED for trial in trials[-GIVE_UP:]):
                return "exhausted"
            job = self.planner.next(trials, budget)
            if job is None and trials and incumbent(trials) is None:
                return "exhausted"
            if job is None:
                return "trials" if budget.trials is not None and len(trials) >= budget.trials else "budget"
            self._train(job)
        return "user"

    def interrupt(self) -> None:
        """End the search soon: the running trial stops at its next step and keeps its best epoch. Safe in a signal handler."""
        self.interrupted = True
        self.executor.stop()

    def _train(self, job: Job) -> None:
        number = self.record.start(job, self.planner.sizing.space)
        self.observer.trial_started(job, number)
        outcome = Finished(State.FAILED, failure="it gave no result")
        pruned = False
        broken = self.planner.sizing.broken(job.configuration)
        if broken is not None:
            self._conclude(number, Finished(State.FAILED, failure=broken), pruned=False)
            return
        silence = SILENCE + SLOWER * self.planner.sizing.setup(job.configuration, self.record.trials)
        for event in self.executor.run(job, number, lambda: min(silence, max(0.0, self.budget().left) + GRACE)):
            if isinstance(event, (Started, Epoch)):
                self.record.event(number, event)
            if isinstance(event, Finished):
                outcome = event
            elif self.interrupted:
                self.executor.stop()
            if isinstance(event, Epoch) and job.proposal is not None and not pruned and not self.engine.report(job.proposal, event.tenth, event.score):
                pruned = True
                self.executor.stop()
            self.observer.event(number, event)
            if isinstance(event, Progress | Epoch) and self._used().left <= 0:
                self.executor.stop()
        self._conclude(number, outcome, pruned=pruned and outcome.state is not State.FAILED)

    def _conclude(self, number: int, outcome: Finished, *, pruned: bool) -> None:
        if pruned:
            outcome = dataclasses.replace(outcome, state=State.PRUNED)
        self.record.finish(number, outcome)
        trials = self.record.trials
        trial = trials[number]
        self.shelve(trials)
        self.engine.tell(trial)
        self.tracker.trial(trial)
        self.observer.trial_finished(trial, trials)

    def _used(self) -> Budget:
        self.record.use(self.session, self.clock() - self.began)
        budget = self.budget()
        self.observer.clock(budget.used, budget.total)
        return budget
