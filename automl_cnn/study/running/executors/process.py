"""One worker process and the line to it: begun at once, ready once it has imported Keras, gone when it ended."""

from __future__ import annotations

import contextlib
import secrets
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from automl_cnn.errors import Cause, TrialError
from automl_cnn.processes import environment, python
from automl_cnn.study.running.executors import memory
from automl_cnn.study.running.executors.lastwords import last_words
from automl_cnn.study.running.executors.shares import WHOLE, Share

START_SECONDS = 180.0  # how long a worker may take to import Keras
HURRY = 20.0  # seconds of patience below which a start is not waited for beyond it
LEAVE_SECONDS = 5.0  # how long a worker that was asked to end may take
DIE_SECONDS = 30.0  # how long one that is gone may take to be gone (it may be writing a core file)
POLL = 0.2


def _hurry(began: float, patience: Callable[[], float] | None) -> None:
    """Give up waiting for a start where the budget ends.

    Raises:
        TrialError: it does.
    """
    if patience is not None and (left := patience()) < HURRY and time.monotonic() - began > left:
        raise TrialError("the budget ended while its worker started", Cause.INTERRUPTED)


class WorkerProcess:
    """Starts on creation and imports Keras meanwhile. It ends with the line to it, so that it never outlives the search.

    It has its `share` of the machine; by default all of it.
    """

    def __init__(self, log: Path, share: Share = WHOLE) -> None:
        key = secrets.token_bytes(16)
        self._log = log
        self._connection: Connection | None = None
        self._ready = False
        self._sending = threading.Lock()  # a trial is stopped in another thread than it is run in
        self._began = time.monotonic()
        self._listener = Listener(None, authkey=key)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self._start = out.tell()  # before it lie the words of earlier workers
            self._process = subprocess.Popen(
                python("-m", "automl_cnn.study.running.executors.worker"),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C in the terminal must not reach it
                env=environment({"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1", **share.environment}),
            )
        share.hold(self._process.pid)
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(OSError):  # it is gone already, which `connect` will say
                stdin.write(f"{self._listener.address}\n{key.hex()}\n".encode())
                stdin.flush()

    @property
    def memory(self) -> int | None:
        """Bytes that it alone holds."""
        return memory.held(self._process.pid)

    def ready(self) -> bool:
        """Whether it waits for requests; returns at once."""
        with contextlib.suppress(OSError, EOFError):
            if self._connection is None and select.select([self._socket], [], [], 0)[0]:
                self._connection = self._listener.accept()
            if not self._ready and self._connection is not None and self._connection.poll(0):
                self._ready = self._connection.recv()[0] == "ready"
        return self._ready

    def starting(self) -> bool:
        """Whether it neither waits for requests yet nor is gone, nor takes too long; returns at once."""
        return not self.ready() and self._process.poll() is None and time.monotonic() - self._began < START_SECONDS

    def connect(self, patience: Callable[[], float] | None = None) -> None:
        """Wait until it is ready, but no longer than `patience` where that falls below `HURRY` seconds: the budget ends then.

        Raises:
            TrialError: it did not start.
        """
        if self._ready:
            return
        try:
            began = time.monotonic()
            while not self.ready():
                if self._process.poll() is not None:
                    raise EOFError
                if time.monotonic() - began > START_SECONDS:
                    self._process.kill()
                _hurry(began, patience)
                time.sleep(POLL / 4)
        except (OSError, EOFError):
            why, cause = self.death()
            raise TrialError(f"the worker did not start: {why}", cause) from None

    def send(self, word: str, payload: Any = None) -> None:
        """Hand it a request, if there is a line to it.

        Raises:
            OSError: it is gone.
        """
        if self._connection is not None:
            with self._sending:
                self._connection.send((word, payload))

    def receive(self, silence: float) -> tuple[str, Any]:
        """The next thing it says.

        Raises:
            EOFError: it is gone.
            TimeoutError: it sent nothing for `silence` seconds, and was ended.
        """
        if self._connection is None:
            raise EOFError
        start = time.monotonic()
        while not self._connection.poll(POLL):
            if self._process.poll() is not None and not self._connection.poll(0):
                raise EOFError
            if time.monotonic() - start > silence:
                self._process.kill()
                raise TimeoutError(f"no sign of life for {silence:.0f} s, so its worker was ended")
        answer: tuple[str, Any] = self._connection.recv()
        return answer

    def death(self) -> tuple[str, Cause]:
        """Why it is gone, in a sentence, and whether it was for want of memory."""
        try:
            code = self._process.wait(timeout=DIE_SECONDS)
        except subprocess.TimeoutExpired:  # it hung up, and does not end
            self.kill()
            code = self._process.returncode
        words = last_words(self._log, self._start)
        tail = f"; its last words: {words}" if words else ""
        if code == -getattr(signal, "SIGKILL", 9):
            return f"out of memory, most likely: the worker process was killed by the system{tail}", Cause.MEMORY
        if code < 0:
            return f"the worker process was killed by signal {-code}{tail}", Cause.WORKER
        return f"the worker process ended with code {code}{tail}", Cause.WORKER

    def end(self) -> None:
        """Tell it to end, wait for that a while at most, and hang up."""
        if not self._ready:
            self._process.kill()  # it is still importing Keras, for nobody
        with contextlib.suppress(OSError):
            self.send("close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=LEAVE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it now, and hang up."""
        self._process.kill()
        self._process.wait()
        for thing in (self._connection, self._listener, self._process.stdin):
            with contextlib.suppress(OSError, AttributeError):
                thing.close()  # type: ignore[union-attr]  # suppressed

    @property
    def _socket(self) -> Any:
        return self._listener._listener._socket  # type: ignore[attr-defined]  # the library tells no other way not to wait for ever
