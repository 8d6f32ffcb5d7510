"""The loop carries out the planner's wishes, on as many slots as there are: the record first, then everybody else. Only the loop writes."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from automl_cnn import elapsed
from automl_cnn.errors import Cause, StoreError, TrialError
from automl_cnn.ranking import incumbent
from automl_cnn.records import Epoch, Finished, Job, Progress, Started, State, Trial
from automl_cnn.study.observer import Observer
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.planner import Planner, Snapshot
from automl_cnn.study.plan.wishes import Finish, Measure, Train, Wait
from automl_cnn.study.record.disk import STOPPED, go_on, is_full
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.crew import Crew, Message, Slot
from automl_cnn.study.running.times import READY, Times
from automl_cnn.study.running.usage import Usage
from automl_cnn.track import Tracking
from automl_cnn.workers import Place

GRACE = 15.0  # seconds beyond the budget that a silent trial is waited for
GRACE_SHARE = 0.05  # of the budget, at most, while nothing was trained yet: what stands in for a model is then made without the worker
PREPARE = 30.0  # seconds before the time of the final training, at which the process that it runs in begins to start
NODES = 3  # lost while a configuration was trained, after which it counts as the reason
CUT_SHORT = "interrupted: the search was stopped before this trial had a score; the same command tries it again"
WAIT = 1.0  # seconds between two looks at the clock while nothing is reported


def _nothing_to_measure(need: Measure) -> None:
    raise RuntimeError(f"nobody measures here, but the plan needs the {need.what} of a network")


@dataclass
class _Running:
    """A trial under way."""

    wish: Train
    slot: Slot
    pruned: bool = False
    outcome: Finished | None = None


@dataclass
class Loop:
    """One session of a study, from its first wish to its last.

    Idle slots are given trials as long as the planner wishes for some; then the loop takes one event after another. A slot that is given
    nothing is asked for again when a trial has ended, or another process has started.
    """

    record: Record
    planner: Planner
    crew: Crew
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
    awaits: Callable[[float], bool] = lambda seconds: True  # waits for the first worker, at most so long; whether it may be asked now
    restore: Callable[[], str | None] = lambda: "nothing can decode them again"  # decodes images that were deleted; why that cannot be done
    lost: str = ""  # why the images are gone for good, when that ended the search
    since: int = 0  # the first trial of this session
    failed: Mapping[str, str] = field(default_factory=dict)  # the planner's stages that sit out
    usage: Usage = field(default_factory=Usage)
    _trials: dict[int, _Running] = field(default_factory=dict, repr=False)  # under way, by number
    _held: list[int] = field(default_factory=list, repr=False)  # of these, the ones that begin once no other network has to be timed
    _shown: list[Place] | None = field(default=None, repr=False)
    _asked: tuple[int, int] | None = field(default=None, repr=False)  # idle slots, and trials that had ended, when the planner wished for nothing

    def run(self) -> str:
        """Train until the planner has no wish; says what ended it: budget, trials, user, exhausted or disk."""
        earlier = self.record.trials
        self.since = len(earlier)
        for trial in earlier:
            if not trial.is_majority:
                self.planner.proposed.tell(trial)
        with self.times.within("planning"):
            self._await()
        try:
            ended = self._search()
        except (OSError, StoreError) as error:
            if not is_full(error):
                raise
            self.full, ended = f"The disk is full ({error}). {go_on('Free some space')}", STOPPED
        finally:
            self.crew.abandon()
            self.usage.close(self.clock())
        return ended

    def interrupt(self) -> None:
        """End the search soon: the running trials stop at their next step and keep their best epochs.

        It only sets a flag, which the loop sees at the next event: a signal handler may be running in the middle of a message to a worker.
        """
        self.interrupted = True

    def _await(self) -> None:
        """Wait for the first worker to start, but not beyond the budget."""
        while not self.interrupted and (left := self._used().left) > 0 and not self.awaits(min(WAIT, left)):
            continue

    def _search(self) -> str:
        ended: str | None = None
        while True:
            ended = ended or (STOPPED if self.full else "user" if self.interrupted else self._occupy())
            if not self._trials and (ended := ended or self._stranded()):
                return ended
            if ended and ended != "user":
                self.crew.stop()
            with self.times.within("trials"):
                self._take()

    def _stranded(self) -> str | None:
        """What ends a search whose workers are all gone or still starting: the end of the budget, or that none of them will come.

        Raises:
            TrialError: none will come, and no network was trained yet.
        """
        if self._used().left <= 0:
            return "budget"
        why = self.crew.stranded()
        if why and incumbent(self.record.trials) is None:
            raise TrialError(f"No network could be trained. {why}")
        if why:
            self.observer.note(why)
        return "exhausted" if why else None

    def _occupy(self) -> str | None:
        """Give idle slots trials as long as the planner wishes for some; what ends the search, or None."""
        budget = self.budget()
        if budget.gathers and budget.left - budget.final < PREPARE:
            self.crew.prepare()
        now = (len(self.crew.idle), self.usage.trials)
        self._announce()
        if now[0] == 0 or (self._trials and now == self._asked):
            return None
        ended: str | None = None
        going = True
        while going and not self.interrupted and ended is None and self.crew.idle:
            going, ended = self._turn()
        self._asked = now if not going else None
        for number in self._held:
            self._launch(number)
        self._held.clear()
        return ended

    def _turn(self) -> tuple[bool, str | None]:
        """One wish of the planner, carried out: whether to ask for another one at once, and what ends the search, or None."""
        with self.times.within("planning"):
            made = self.planner.decide(Snapshot(self.record.trials, self._used(), self.since, self.failed))
            wish = made.wish
            for stage in made.failed.keys() - self.failed.keys():
                self.observer.note(f"The stage '{stage}' failed, and the search goes on without it. Please report this defect: {made.failed[stage]}")
            self.failed = made.failed
            if isinstance(wish, Measure):
                if wish.what == "latency" and len(self._trials) > len(self._held):
                    return False, None  # beside other work it would be too long
                self.measure(wish)
                return True, None
            if isinstance(wish, Wait) or (isinstance(wish, Train) and wish.alone and not self._alone()):
                return False, None
        if isinstance(wish, Finish):
            if wish.note:
                self.observer.note(wish.note)
            return False, wish.why
        if self.lost:
            self.observer.note(self.lost)
            return False, "exhausted"
        self.full = self.lacks(wish.job) or ""
        if self.full:
            return False, STOPPED
        self.times.spent.setdefault(READY, self.clock() - self.began)
        with self.times.within("trials"):
            self._begin(wish)
        return True, None

    def _announce(self) -> None:
        """Show which workers there are, where one was placed on a node."""
        places = [slot.place for slot in self.crew.slots]
        if places != self._shown:
            self.observer.workers(places)
            self._shown = places

    def _alone(self) -> bool:
        """Whether a trial can have all cores now; where it cannot yet, what it needs is on its way."""
        if not self.crew.gather():
            return False
        self.usage.close(self.clock())
        self.observer.workers([slot.place for slot in self.crew.slots])
        return True

    def _begin(self, wish: Train) -> None:
        """Record a trial, and have an idle slot run it."""
        slot = self.crew.idle[0]
        number = self.record.start(wish.job, self.planner.sizing.space, slot.place)
        self.planner.proposed.begin(self.record.trials[number], wish.job.proposal)
        self.observer.trial_started(wish.job, number, slot.place)
        self.usage.began(slot.place.worker, self.clock())
        self._trials[number] = _Running(wish, slot)
        if wish.broken:
            self._conclude(number, Finished(State.FAILED, failure=wish.broken, cause=Cause.WORKER))
            return
        slot.trial = number
        if wish.latency is None:
            self._launch(number)
        else:
            self._held.append(number)

    def _launch(self, number: int) -> None:
        wish, slot = self._trials[number].wish, self._trials[number].slot
        grace = GRACE if incumbent(self.record.trials) is not None else min(GRACE, GRACE_SHARE * (self.budget().total or 0.0))
        self.crew.start(slot, number, lambda executor: executor.run(wish.job, number, lambda: min(wish.silence, max(0.0, self.budget().left) + grace)))

    def _take(self) -> None:
        """Deal with what a slot reports next, if one does within a second."""
        message = self.crew.next(WAIT)
        if message is None:
            if self.interrupted:
                self.crew.stop()
            return
        try:
            self._hear(message)
        finally:
            if message.event is not None:
                self.crew.resume(message.slot)

    def _hear(self, message: Message) -> None:
        event, executor = message.event, message.slot.executor
        number, trial = next((number, trial) for number, trial in self._trials.items() if trial.slot is message.slot)
        if event is None:
            outcome = trial.outcome or Finished(State.FAILED, failure="it gave no result", cause=Cause.OTHER)
            self._conclude(number, dataclasses.replace(outcome, latency=trial.wish.latency))
            return
        if isinstance(event, (Started, Epoch)):
            self.record.event(number, event)
        if isinstance(event, Finished):
            trial.outcome = event
        elif self.interrupted:
            executor.stop()
        if isinstance(event, Epoch) and not trial.pruned and self._hopeless(trial.wish.job, event):
            trial.pruned = True
            executor.stop()
        self.observer.event(number, event)
        if isinstance(event, Progress | Epoch) and self._used().left <= 0:
            executor.stop()

    def _hopeless(self, job: Job, epoch: Epoch) -> bool:
        """Whether the engine expects nothing any more of its own proposal."""
        return job.proposal is not None and not self.planner.engine.report(job.proposal, epoch.tenth, epoch.score)

    def _conclude(self, number: int, outcome: Finished) -> None:
        with self.times.within("keeping"):
            trial = self._trials.pop(number)
            self.usage.finished(trial.slot.place.worker, self.clock())
            self._keep(number, outcome, pruned=trial.pruned and outcome.state is not State.FAILED)

    def _keep(self, number: int, outcome: Finished, *, pruned: bool) -> None:
        if outcome.cause is Cause.DISK:
            self.full = f"{(outcome.failure or '').capitalize()}. {go_on('Free some space')}"
        if outcome.cause is Cause.IMAGES:
            self.lost = self.restore() or ""
        if outcome.cause in (Cause.DISK, Cause.IMAGES):  # neither the configuration's fault nor a reason not to try it again
            outcome = dataclasses.replace(outcome, failure=f"interrupted: {outcome.failure}", cause=Cause.INTERRUPTED)
        if self.interrupted and outcome.state is State.FAILED and outcome.cause in (None, Cause.OTHER):  # its own reason would blame the budget
            outcome = dataclasses.replace(outcome, failure=CUT_SHORT, cause=Cause.INTERRUPTED)
        if outcome.cause is Cause.NODE and self._nodes_lost(number) >= NODES:
            why = f"{NODES} nodes were lost while it was trained, so it is not tried again: {outcome.failure}"
            outcome = dataclasses.replace(outcome, failure=why, cause=Cause.WORKER)
        if pruned:
            outcome = dataclasses.replace(outcome, state=State.PRUNED)
        self.record.finish(number, outcome)
        trials = self.record.trials
        trial = trials[number]
        self.shelve(trials)
        self.planner.proposed.tell(trial)
        self.tracker.trial(trial)
        self.observer.trial_finished(trial, trials)

    def _nodes_lost(self, number: int) -> int:
        """How many nodes were lost while this trial's configuration was trained, the last one included."""
        trials = self.record.trials
        return 1 + sum(trial.cause is Cause.NODE and trial.configuration == trials[number].configuration for trial in trials)

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
        which = "running trial ends at its" if len(loop.crew.slots) == 1 else "running trials end at their"
        loop.observer.note(f"Stopping: the {which} next step. Press Ctrl-C again to end at once.")
        loop.interrupt()

    before = {number: signal.signal(number, answer) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
