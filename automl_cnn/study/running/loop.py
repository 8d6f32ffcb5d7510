"""The loop carries out the planner's wishes: the record first, then everybody else. Only the loop writes."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from automl_cnn import elapsed
from automl_cnn.errors import Cause, StoreError
from automl_cnn.ranking import incumbent
from automl_cnn.records import Epoch, Finished, Job, Progress, Started, State, Trial
from automl_cnn.study.observer import Observer
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.planner import Planner, Snapshot
from automl_cnn.study.plan.wishes import Finish, Measure, Train
from automl_cnn.study.record.disk import STOPPED, go_on, is_full
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.executors.protocol import Executor
from automl_cnn.study.running.times import READY, Times
from automl_cnn.track import Tracking

GRACE = 15.0  # seconds beyond the budget that a silent trial is waited for
GRACE_SHARE = 0.05  # of the budget, at most, while nothing was trained yet: what stands in for a model is then made without the worker
WAIT = 1.0  # seconds between two looks at the clock while the worker starts


def _nothing_to_measure(need: Measure) -> None:
    raise RuntimeError(f"nobody measures here, but the plan needs the {need.what} of a network")


@dataclass
class Loop:
    """One session of a study, from its first wish to its last."""

    record: Record
    planner: Planner
    executor: Executor
    tracker: Tracking
    observer: Observer
    budget: Callable[[], Budget]
    shelve: Callable[[Sequence[Trial]], None]  # puts the best model in its place and deletes losers'
    session: str
    began: float  # when the session began, by `clock`
    interrupted: bool = False
    clock: Callable[[], float] = elapsed.now
    times: Times = field(default_factory=Times)
    measure: Callable[[Measure], None] = _nothing_to_measure
    lacks: Callable[[Job], str | None] = lambda job: None  # why there is no room on the disk for it
    full: str = ""  # what was lacking on the disk, when that ended the search
    awaits: Callable[[float], bool] = lambda seconds: True  # waits for the worker, at most so long; whether it may be asked now
    restore: Callable[[], str | None] = lambda: "nothing can decode them again"  # decodes images that were deleted; why that cannot be done
    lost: str = ""  # why the images are gone for good, when that ended the search
    since: int = 0  # the first trial of this session
    failed: Mapping[str, str] = field(default_factory=dict)  # the planner's stages that sit out

    def run(self) -> str:
        """Train until the planner has no wish; says what ended it: budget, trials, user, exhausted or disk."""
        earlier = self.record.trials
        self.since = len(earlier)
        for trial in earlier:
            if not trial.is_majority:
                self.planner.proposed.tell(trial)
        with self.times.within("planning"):
            self._await()
        while not self.interrupted:
            try:
                ended = self._turn()
            except (OSError, StoreError) as error:
                if not is_full(error):
                    raise
                self.full, ended = f"The disk is full ({error}). {go_on('Free some space')}", STOPPED
            if ended is not None:
                return ended
        return "user"

    def _turn(self) -> str | None:
        """One wish of the planner, carried out; what ends the search, or None."""
        with self.times.within("planning"):
            made = self.planner.decide(Snapshot(self.record.trials, self._used(), self.since, self.failed))
            wish = made.wish
            for stage in made.failed.keys() - self.failed.keys():
                self.observer.note(f"The stage '{stage}' failed, and the search goes on without it. Please report this defect: {made.failed[stage]}")
            self.failed = made.failed
            if isinstance(wish, Measure):
                self.measure(wish)
                return None
        if isinstance(wish, Finish):
            if wish.note:
                self.observer.note(wish.note)
            return wish.why
        if self.lost:
            self.observer.note(self.lost)
            return "exhausted"
        self.full = self.lacks(wish.job) or ""
        if self.full:
            return STOPPED
        self.times.spent.setdefault(READY, self.clock() - self.began)
        with self.times.within("trials"):
            self._train(wish)
        return STOPPED if self.full else None

    def interrupt(self) -> None:
        """End the search soon: the running trial stops at its next step and keeps its best epoch.

        It only sets a flag, which the loop sees at the trial's next event: a signal handler may be running in the middle of a message to the worker.
        """
        self.interrupted = True

    def _await(self) -> None:
        """Wait for the worker to start, but not beyond the budget."""
        while not self.interrupted and (left := self._used().left) > 0 and not self.awaits(min(WAIT, left)):
            continue

    def _train(self, wish: Train) -> None:
        job = wish.job
        number = self.record.start(job, self.planner.sizing.space)
        self.observer.trial_started(job, number)
        outcome = Finished(State.FAILED, failure="it gave no result", cause=Cause.OTHER)
        pruned = False
        if wish.broken:
            self._conclude(number, Finished(State.FAILED, failure=wish.broken, cause=Cause.WORKER), pruned=False)
            return
        grace = GRACE if incumbent(self.record.trials) is not None else min(GRACE, GRACE_SHARE * (self.budget().total or 0.0))
        for event in self.executor.run(job, number, lambda: min(wish.silence, max(0.0, self.budget().left) + grace)):
            if isinstance(event, (Started, Epoch)):
                self.record.event(number, event)
            if isinstance(event, Finished):
                outcome = event
            elif self.interrupted:
                self.executor.stop()
            if isinstance(event, Epoch) and job.proposal is not None and not pruned and not self.planner.engine.report(job.proposal, event.tenth, event.score):
                pruned = True
                self.executor.stop()
            self.observer.event(number, event)
            if isinstance(event, Progress | Epoch) and self._used().left <= 0:
                self.executor.stop()
        self._conclude(number, dataclasses.replace(outcome, latency=wish.latency), pruned=pruned and outcome.state is not State.FAILED)

    def _conclude(self, number: int, outcome: Finished, *, pruned: bool) -> None:
        with self.times.within("keeping"):
            self._keep(number, outcome, pruned=pruned)

    def _keep(self, number: int, outcome: Finished, *, pruned: bool) -> None:
        if outcome.cause is Cause.DISK:
            self.full = f"{(outcome.failure or '').capitalize()}. {go_on('Free some space')}"
        if outcome.cause is Cause.IMAGES:
            self.lost = self.restore() or ""
        if outcome.cause in (Cause.DISK, Cause.IMAGES):  # neither the configuration's fault nor a reason not to try it again
            outcome = dataclasses.replace(outcome, failure=f"interrupted: {outcome.failure}", cause=Cause.INTERRUPTED)
        if pruned:
            outcome = dataclasses.replace(outcome, state=State.PRUNED)
        self.record.finish(number, outcome)
        trials = self.record.trials
        trial = trials[number]
        self.shelve(trials)
        self.planner.proposed.tell(trial)
        self.tracker.trial(trial)
        self.observer.trial_finished(trial, trials)

    def _used(self) -> Budget:
        self.record.use(self.session, self.clock() - self.began)
        budget = self.budget()
        self.observer.clock(budget.used, budget.total)
        return budget


@contextlib.contextmanager
def interruptible(loop: Loop) -> Iterator[None]:
    """Ctrl-C (or SIGTERM) once: end well. Twice: end now."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def answer(signum: int, frame: object) -> None:
        if loop.interrupted:
            raise KeyboardInterrupt
        loop.observer.note("Stopping: the running trial ends at its next step. Press Ctrl-C again to end at once.")
        loop.interrupt()

    before = {number: signal.signal(number, answer) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
