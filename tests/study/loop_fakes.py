"""A search driven through simulated learning curves, in milliseconds: the real loop, plan and record, with a worker and a clock that are made up."""

import heapq
import itertools
from pathlib import Path

from automl_cnn.errors import Cause
from automl_cnn.ranking import incumbent
from automl_cnn.records import Epoch, Finished, NetCost, Progress, Started, State
from automl_cnn.space import Choice, Float, Parameter, Space
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.optuna import OptunaEngine
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Sizing, in_use, kept
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.crew import Crew, Message, Slot
from automl_cnn.study.running.loop import Loop
from automl_cnn.study.running.usage import Usage
from automl_cnn.track import NullTracker
from automl_cnn.workers import Place

SPACE = Space(
    (
        Parameter("architecture", Choice("good", "bad")),
        Parameter("resolution", Choice(32, 64)),
        Parameter("width", Choice(0.5, 1.0, default=1.0)),
        Parameter("rate", Float(1e-4, 1e-1, log=True)),
    )
)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class FakeExecutor:
    """Trains by formula; a configuration's learning curve is known, and so is the time it takes."""

    def __init__(self, clock, folder, *, fails=lambda configuration: None, epoch_seconds=2.0, setup=3.0):
        self.clock, self.folder, self.fails, self.epoch_seconds, self.setup = clock, folder, fails, epoch_seconds, setup
        self.stopped = self.closed = False
        self.jobs = []
        self.at_epoch = lambda number, epoch: None

    def wait(self, seconds):
        return True

    def close(self):
        self.closed = True

    def run(self, job, number, patience=None):
        self.stopped = False
        self.jobs.append(job)
        failure = self.fails(job.configuration)
        if failure:
            self.clock.now += self.setup
            sentence, cause = failure if isinstance(failure, tuple) else (failure, Cause.OTHER)
            yield Finished(State.FAILED, failure=sentence, cause=cause)
            return
        limit = job.fidelity.seconds or 1e9
        epochs = max(1, min(job.fidelity.epochs, int(limit / self.epoch_seconds)))
        self.clock.now += self.setup
        yield Started(NetCost(1000, 1_000_000, 5), epochs)
        top = (0.9 if job.configuration["architecture"] == "good" else 0.5) - abs(job.configuration["rate"] - 0.01)
        best, last = 0.0, 0
        for epoch in range(1, epochs + 1):
            yield Progress(epoch, epochs, 1, 1)
            if self.stopped:
                break
            self.clock.now += self.epoch_seconds
            best, last = max(best, top * (1 - 0.5**epoch)), epoch
            yield Epoch(epoch, epochs, epoch * self.epoch_seconds, 1.0, 0.5, 1.0, 0.5, best, 0.01)
            self.at_epoch(number, epoch)
            if self.stopped:
                break
        path = Path(self.folder) / f"trial-{number:04d}.keras"
        path.write_text(str(number))
        state = State.STOPPED if self.stopped and last < epochs else State.COMPLETE
        yield Finished(
            state,
            best,
            last,
            self.setup + last * self.epoch_seconds,
            setup=self.setup,
            images_per_second=500.0,
            checkpoint=str(path),
            interval=(best - 0.05, best + 0.05),
        )

    def stop(self):
        self.stopped = True


class Simulated(Crew):
    """Several slots in simulated time: what is due first is reported first, and the clock stands where that happens."""

    def __init__(self, clock, slots, whole=None):
        super().__init__(slots, whole)
        self.clock, self._due, self._order, self._runs = clock, [], itertools.count(), {}

    def start(self, slot, trial, run):
        slot.trial = trial
        self._runs[slot] = run(slot.executor)
        self.resume(slot)

    def next(self, seconds):
        if not self._due or self._due[0][0] > self.clock.now + seconds:
            self.clock.now += seconds
            return None
        moment, _, slot, event = heapq.heappop(self._due)
        self.clock.now = max(self.clock.now, moment)
        if event is None:
            slot.trial = None
        return Message(slot, event)

    def resume(self, slot):
        now = self.clock.now
        event = next(self._runs[slot], None)
        heapq.heappush(self._due, (self.clock.now, next(self._order), slot, event))
        self.clock.now = now


class Stepped(Record):
    """A record that calls `step` before and after whatever it writes about a trial."""

    step = staticmethod(lambda: None)

    def start(self, *given):
        return self._stepping(super().start, *given)

    def event(self, *given):
        return self._stepping(super().event, *given)

    def finish(self, *given):
        return self._stepping(super().finish, *given)

    def keep(self, *given):
        return self._stepping(super().keep, *given)

    def _stepping(self, write, *given):
        self.step()
        answer = write(*given)
        self.step()
        return answer


class Study:
    """One session of a search. `step` is called between any two things that it does: it may kill it.

    With several `workers`, each has a `part` of the cores; `executor` is the first one's, `executors` are all of them.
    """

    def __init__(self, tmp_path, *, total=None, trials=None, sampler="tpe", step=lambda: None, workers=1, part=1.0, where=None, **executor):
        self.folder = tmp_path / "checkpoints"
        self.folder.mkdir(exist_ok=True)
        self.clock = Clock()
        self.executors = [FakeExecutor(self.clock, self.folder, **executor) for _ in range(workers)]
        self.executor = self.executors[0]
        slots = [Slot(each, Place(number, part=part)) for number, each in enumerate(self.executors, start=1)]

        def whole():
            self.executors.append(FakeExecutor(self.clock, self.folder, **executor))
            return Slot(self.executors[-1])

        self.crew = Crew(slots) if workers == 1 else Simulated(self.clock, slots, whole if part < 1 else None)
        self.record = Stepped(where or tmp_path / "j", "s")
        self.record.step = self.step = step
        self.engine = OptunaEngine(SPACE, 0, sampler)
        self.promoted = []
        before, began = self.record.seconds, self.clock.now
        self.loop = Loop(
            self.record,
            Planner(Sizing(SPACE, lambda configuration: NetCost(1000, 1_000_000, 5), 100, part=part), self.engine, 60),
            self.crew,
            NullTracker(),
            NullObserver(),
            lambda: Budget(total, before + self.clock.now - began, trials, slots=len(self.crew.slots), part=self.crew.slots[0].place.part),
            self.shelve,
            f"session-{before}",
            began,
            clock=self.clock,
            usage=Usage(workers, part),
        )

    def shelve(self, trials):
        """What a ModelFiles does, with text files."""
        best, wanted = incumbent(trials), {f"trial-{number:04d}.keras" for number in kept(trials) | in_use(trials)}
        model = self.folder.parent / "best.keras"
        if best is not None and (self.folder / f"trial-{best.number:04d}.keras").exists() and (not model.exists() or model.read_text() != str(best.number)):
            model.write_text(str(best.number))
            self.promoted.append(best.number)
        self.step()
        for path in self.folder.iterdir():
            if path.name not in wanted:
                path.unlink()


class Killed(BaseException):
    """What a search dies of in these tests."""


def outcomes(study):
    """What the study's trials were and what became of them, those lost to a kill left out."""
    trials = [trial for trial in study.record.trials if not trial.lost]
    return [(trial.stage, trial.configuration, trial.state, trial.score, len(trial.epochs)) for trial in trials]
