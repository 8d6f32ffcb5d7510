"""One worker process on this machine, replaced when it dies."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from automl_cnn.errors import TrialError, WorkerLost
from automl_cnn.records import OUT_OF_MEMORY, Calibration, Event, Finished, Job, NetCost, State
from automl_cnn.space import Configuration
from automl_cnn.study.executors.protocol import Setting, TestScore

START_SECONDS = 180.0  # how long a worker may take to import Keras
SILENCE_SECONDS = 300.0  # how long a trial may give no sign of life
COST_SECONDS = 40.0  # how long building a network without training it may take
POLL = 0.2


class LocalExecutor:
    """A worker is started at once, so that it imports Keras while the images are read."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._setting: Setting | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._listener: Listener | None = None
        self._begin()

    def configure(self, setting: Setting) -> None:
        self._setting = setting

    def run(self, job: Job, number: int, patience: Callable[[], float] | None = None) -> Iterator[Event]:
        began = time.monotonic()
        try:
            for word, payload in self._ask("train", (job, number), patience):
                if word in {"event", "done"}:
                    yield payload
                else:
                    yield Finished(State.FAILED, failure=payload, seconds=time.monotonic() - began)
        except TrialError as error:
            yield Finished(State.FAILED, failure=str(error), seconds=time.monotonic() - began)

    def stop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.send(("stop", None))

    def cost(self, configuration: Configuration) -> NetCost:
        answer: NetCost = self._answer("cost", configuration, lambda: COST_SECONDS)
        return answer

    def latency(self, configuration: Configuration) -> float:
        taken: float = self._answer("latency", configuration, lambda: COST_SECONDS)
        return taken

    def calibrate(self, model: str) -> Calibration:
        found: Calibration = self._answer("calibrate", model)
        return found

    def fetch(self, architecture: str, weights: str) -> None:
        self._answer("fetch", (architecture, weights))

    def test(self, model: str) -> TestScore:
        answer: TestScore = self._answer("test", model)
        return answer

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.send(("close", None))
        elif self._process is not None:
            self._process.kill()  # it is still importing Keras, for nobody
        if self._process is not None:
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._forget()

    def _answer(self, word: str, payload: Any, patience: Callable[[], float] | None = None) -> Any:
        for answer, value in self._ask(word, payload, patience):
            if answer == "done":
                return value
            if answer == "failed":
                raise TrialError(value)
        raise TrialError("the worker gave no answer")

    def _ask(self, word: str, payload: Any, patience: Callable[[], float] | None = None) -> Iterator[tuple[str, Any]]:
        """Send one request; yields what comes back, `done` or `failed` last.

        Raises:
            WorkerLost: the worker died or fell silent; the next request gets a new one.
        """
        connection = self._alive()
        try:
            connection.send((word, payload))
            while True:
                answer, value = self._receive(connection, min(SILENCE_SECONDS, patience()) if patience else SILENCE_SECONDS)
                yield answer, value
                if answer in ("done", "failed"):
                    return
        except TimeoutError as error:
            self._death()
            self._forget()
            raise WorkerLost(str(error)) from None
        except (EOFError, OSError):
            why = self._death()
            self._forget()
            raise WorkerLost(why) from None

    def _alive(self) -> Connection:
        """The connection to a worker that is ready and configured."""
        if self._process is None:
            self._begin()
        if self._connection is None:
            self._connection = self._accept()
            if self._setting is not None:
                self._connection.send(("configure", self._setting))
                answer, value = self._receive(self._connection, START_SECONDS)
                if answer != "done":
                    raise TrialError(f"the worker could not be set up: {value}")
        return self._connection

    def _begin(self) -> None:
        key = secrets.token_bytes(16)
        self._listener = Listener(None, authkey=key)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "automl_cnn.study.executors.worker"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal must not reach it
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"},
            )
        stdin = self._process.stdin
        if stdin is not None:
            stdin.write(f"{self._listener.address}\n{key.hex()}\n".encode())
            stdin.flush()

    def _accept(self) -> Connection:
        if self._listener is None or self._process is None:
            raise TrialError("no worker was started")
        sock = getattr(getattr(self._listener, "_listener", None), "_socket", None)
        if sock is not None:
            sock.settimeout(START_SECONDS)
        try:
            connection = self._listener.accept()
            answer, _ = self._receive(connection, START_SECONDS)
        except (OSError, EOFError):
            why = self._death()
            self._forget()
            raise TrialError(f"the worker did not start: {why}") from None
        if answer != "ready":
            raise TrialError(f"the worker did not start: it said {answer!r}")
        return connection

    def _receive(self, connection: Connection, silence: float) -> tuple[str, Any]:
        heard = time.monotonic()
        while not connection.poll(POLL):
            if self._process is not None and self._process.poll() is not None and not connection.poll(0):
                raise EOFError
            if time.monotonic() - heard > silence:
                if self._process is not None:
                    self._process.kill()
                raise TimeoutError(f"no sign of life for {silence:.0f} s, so its worker was ended")
        answer: tuple[str, Any] = connection.recv()
        return answer

    def _death(self) -> str:
        """Why the worker is gone, in a sentence."""
        code = self._process.wait(timeout=10) if self._process is not None else None
        tail = _tail(self._log)
        if code is not None and code < 0:
            if code == -signal.SIGKILL:
                return f"{OUT_OF_MEMORY}, most likely: the worker process was killed by the system{tail}"
            return f"the worker process was killed by signal {-code}{tail}"
        return f"the worker process ended with code {code}{tail}"

    def _forget(self) -> None:
        for thing in (self._connection, self._listener, self._process.stdin if self._process else None):
            with contextlib.suppress(OSError, AttributeError):
                thing.close()  # type: ignore[union-attr]  # suppressed
        self._connection = self._listener = self._process = None


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        if lines:
            fatal = [line for line in lines[-200:] if line.startswith("Fatal Python error")]  # a long dump follows that line
            return f"; its last words: {(fatal or lines)[-1][:200]}"
    return ""
