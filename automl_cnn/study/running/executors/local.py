"""One worker process on this machine, replaced when it dies and when it has grown too large."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.errors import Cause, TrialError, WorkerLost
from automl_cnn.evidence import Evidence
from automl_cnn.growth import Sizes
from automl_cnn.interventions import Interventions
from automl_cnn.records import Calibration, Event, Finished, Job, NetCost, State
from automl_cnn.space import Configuration
from automl_cnn.squares import Candidates, Comparison
from automl_cnn.study.running.executors import memory
from automl_cnn.study.running.executors.process import POLL, START_SECONDS, WorkerProcess
from automl_cnn.study.running.executors.protocol import FoldJob, GrowthJob, InterventionJob, Joint, Recipe, RefitJob, Refitted, Setting, TestScore

SILENCE_SECONDS = 300.0  # how long a trial may give no sign of life
COST_SECONDS = 40.0  # how long building a network without training it may take
STARTS = 2  # attempts to start a worker: the first may be killed by chance


class LocalExecutor:
    """A worker is started at once, so that it imports Keras while the images are read.

    One that has grown too large is replaced between two trials, by one that was started beside it and is ready: nobody waits. `beside` is how many
    executors share the memory with it.
    """

    def __init__(self, log: Path, begin: Callable[[Path], WorkerProcess] = WorkerProcess, beside: int = 0) -> None:
        self._log, self._begin, self._workers = log, begin, 1 + beside
        self._setting: Setting | None = None
        self._worker: WorkerProcess | None = begin(log)
        self._spare: WorkerProcess | None = None
        self._configured = self._closed = False
        self._busy = False  # with a request that is not answered to its end
        self._first: int | None = None  # what the worker held after its first trial

    def configure(self, setting: Setting) -> None:
        self._setting, self._configured = setting, False

    def run(self, job: Job, number: int, patience: Callable[[], float] | None = None) -> Iterator[Event]:
        began = time.monotonic()
        self._renew()
        try:
            for word, payload in self._ask("train", (job, number), patience):
                if word == "done" and self._first is None and self._worker is not None:
                    self._first = self._worker.memory
                if word in {"event", "done"}:
                    yield payload
                else:
                    failure, cause = payload
                    yield Finished(State.FAILED, failure=failure, cause=cause, seconds=time.monotonic() - began)
        except TrialError as error:
            yield Finished(State.FAILED, failure=str(error), cause=error.cause, seconds=time.monotonic() - began)

    def wait(self, seconds: float) -> bool:
        """Wait for the worker to start, at most so long; whether it may be asked, be it that it is ready or that it cannot start."""
        until = time.monotonic() + seconds
        while self._worker is not None and self._worker.starting():
            if time.monotonic() >= until:
                return False
            time.sleep(POLL)
        return True

    def stop(self) -> None:
        worker = self._worker  # another thread, which runs the trial, may give it up meanwhile
        if worker is not None:
            with contextlib.suppress(OSError):
                worker.send("stop")

    def cost(self, configuration: Configuration) -> NetCost:
        answer: NetCost = self._answer("cost", configuration, lambda: COST_SECONDS)
        return answer

    def latency(self, configuration: Configuration) -> float:
        taken: float = self._answer("latency", configuration, lambda: COST_SECONDS)
        return taken

    def calibrate(self, model: str) -> Calibration:
        calibration: Calibration = self._answer("calibrate", model)
        return calibration

    def fetch(self, architecture: str, weights: str) -> None:
        self._answer("fetch", (architecture, weights))

    def squares(self, candidates: Candidates, patience: Callable[[], float] | None = None) -> Comparison:
        comparison: Comparison = self._answer("squares", candidates, patience)
        return comparison

    def test(self, model: str) -> TestScore:
        answer: TestScore = self._answer("test", model)
        return answer

    def examine(self, model: str, patience: Callable[[], float] | None = None) -> Evidence:
        evidence: Evidence = self._answer("examine", model, patience)
        return evidence

    def ensemble(self, recipe: Recipe) -> Joint:
        made: Joint = self._answer("ensemble", recipe)
        return made

    def refit(self, job: RefitJob, patience: Callable[[], float] | None = None) -> Refitted:
        made: Refitted = self._answer("refit", job, patience)
        return made

    def intervene(self, job: InterventionJob, patience: Callable[[], float] | None = None) -> Interventions:
        made: Interventions = self._answer("intervene", job, patience)
        return made

    def fold(self, job: FoldJob, patience: Callable[[], float] | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
        answers: list[tuple[np.ndarray, np.ndarray]] = self._answer("fold", job, patience)
        return answers

    def growth(self, job: GrowthJob, patience: Callable[[], float] | None = None) -> Sizes | None:
        sizes: Sizes | None = self._answer("growth", job, patience)
        return sizes

    def close(self) -> None:
        self._closed = True  # a thread that is starting a worker finds it killed, and must not start another
        if self._busy and self._worker is not None:
            self._worker.kill()  # it would not look at a request before its trial's end
        for worker in (self._worker, self._spare):
            if worker is not None:
                worker.end()
        self._forget()
        self._spare = None

    def _answer(self, word: str, payload: Any, patience: Callable[[], float] | None = None) -> Any:
        try:
            return self._answered(word, payload, patience)
        except WorkerLost as error:
            if error.cause is not Cause.MEMORY:
                raise
        return self._answered(word, payload, patience)  # little is asked, so that the worker was killed for what it held before, or by chance

    def _answered(self, word: str, payload: Any, patience: Callable[[], float] | None) -> Any:
        for answer, value in self._ask(word, payload, patience):
            if answer == "done":
                return value
            if answer == "failed":
                raise TrialError(*value)
        raise TrialError("the worker gave no answer")

    def _ask(self, word: str, payload: Any, patience: Callable[[], float] | None = None) -> Iterator[tuple[str, Any]]:
        """Send one request; yields what comes back, `done` or `failed` last.

        Raises:
            WorkerLost: the worker died or fell silent; the next request gets a new one.
        """
        if self._busy and self._worker is not None:  # whoever asked does not listen any more, and what comes would be taken for the answer to this
            self._worker.kill()
            self._forget()
        worker = self._alive(patience)
        try:
            self._busy = True
            worker.send(word, payload)
            while True:
                answer, value = worker.receive(min(SILENCE_SECONDS, patience()) if patience else SILENCE_SECONDS)
                self._busy = answer not in ("done", "failed")
                yield answer, value
                if not self._busy:
                    return
        except (EOFError, OSError) as error:
            raise self._lost(worker, error) from None

    def _alive(self, patience: Callable[[], float] | None) -> WorkerProcess:
        """A worker that is ready and configured.

        Raises:
            TrialError: none can be started.
            WorkerLost: it died or fell silent while it was configured.
        """
        worker = self._started(STARTS, patience)
        if self._setting is not None and not self._configured:
            try:
                worker.send("configure", self._setting)
                answer, value = worker.receive(START_SECONDS)
            except (EOFError, OSError) as error:
                raise self._lost(worker, error) from None
            if answer != "done":
                raise TrialError(f"the worker could not be set up: {value[0]}", value[1])
            self._configured = True
        return worker

    def _started(self, attempts: int, patience: Callable[[], float] | None) -> WorkerProcess:
        """The worker, or a new one, when it has started."""
        if self._closed:
            raise TrialError("the worker was ended", Cause.INTERRUPTED)
        if self._worker is None:
            self._worker, self._spare = self._spare or self._begin(self._log), None
        worker = self._worker
        try:
            worker.connect(patience)
        except TrialError as error:
            if error.cause is Cause.INTERRUPTED:
                raise  # it goes on starting
            worker.kill()
            self._forget()
            if attempts == 1:
                raise
            return self._started(attempts - 1, patience)
        return worker

    def _renew(self) -> None:
        """Bring the successor of a worker that has grown too large on its way, and let it take over when it is ready."""
        if self._worker is None:
            return
        if self._spare is None:
            if memory.outgrown(self._first, self._worker.memory, memory.total() // self._workers):
                self._spare = self._begin(self._log)
        elif self._spare.ready():
            self._worker.end()
            self._forget()
            self._worker, self._spare = self._spare, None

    def _lost(self, worker: WorkerProcess, error: Exception) -> WorkerLost:
        """Give the worker up, and say why."""
        why, cause = worker.death()
        worker.kill()
        if self._worker is worker:  # else another thread gave it up, and has begun a new one
            self._forget()
        return WorkerLost(str(error), Cause.WORKER) if isinstance(error, TimeoutError) else WorkerLost(why, cause)

    def _forget(self) -> None:
        self._worker, self._first = None, None
        self._configured = self._busy = False
