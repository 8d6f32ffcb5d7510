"""A tracker that writes in the background, so that the search does not wait for a database."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn.records import StudyResult, Trial
from automl_cnn.track.target import Unreachable

if TYPE_CHECKING:
    from automl_cnn.track import Tracking

LONGEST = 60.0  # seconds allowed for writing the registered model and the report
PATIENCE = 10.0  # seconds allowed for the remaining writes at the very end
LOOK = 0.1  # seconds between two looks at what is written
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between two attempts to reach a server
FAILED, KILLED = "FAILED", "KILLED"  # MLflow's words

log = logging.getLogger("automl_cnn")


class Background:
    """Hands everything to `tracker` in one thread, in order; nobody waits for it but `wait` and `close`, each for a limited time.

    The thread is a daemon, so that a process whose database hangs can end. While a server cannot be reached, what is to be written waits in memory.
    """

    def __init__(self, tracker: Tracking) -> None:
        self._tracker = tracker
        self._calls: queue.SimpleQueue[tuple[Future[None], Callable[[], None]] | None] = queue.SimpleQueue()
        self._last: Future[None] | None = None
        self._closed = False
        self._stuck = ""  # why the server cannot be reached now
        self._warned = False
        self._wake = threading.Event()
        threading.Thread(target=self._work, name="track", daemon=True).start()

    def start(self, config: Mapping[str, Any], dataset_summary: Mapping[str, Any]) -> None:
        self._hand(lambda: self._tracker.start(config, dataset_summary))

    def trial(self, trial: Trial) -> None:
        self._hand(lambda: self._tracker.trial(trial))

    def rebuild(self, trials: Iterable[Trial]) -> None:
        self._hand(lambda: self._tracker.rebuild(trials))

    def finish(self, result: StudyResult, model_file: Path, example: np.ndarray) -> None:
        self._hand(lambda: self._tracker.finish(result, model_file, example))

    def files(self, paths: Iterable[Path]) -> None:
        kept = tuple(paths)
        self._hand(lambda: self._tracker.files(kept))

    def end(self, status: str) -> None:
        self._hand(lambda: self._tracker.end(status))

    def wait(self) -> None:
        """Wait for the calls handed over so far, a minute at most, and not at all for a server that cannot be reached."""
        if self._last is None or self._closed:
            return
        if not self._written(LONGEST) and not self._stuck:
            self._closed = True
            log.warning("MLflow was not written within %.0f s. The search goes on without it; the next search on this study writes what is missing.", LONGEST)

    def close(self) -> None:
        """Wait for the calls handed over so far, a limited time at most; accept no more. Entries that could not be written to a server are logged."""
        if self._last is not None and not self._closed:
            self._stuck, stuck = "", self._stuck
            self._wake.set()  # one more attempt
            if not self._written(PATIENCE) and (stuck or self._stuck):
                log.warning(
                    "MLflow could not be reached: %s. %d entries were not written. Run the same command again when it can be reached: "
                    "it writes what is missing and trains nothing twice.",
                    self._stuck or stuck,
                    self._calls.qsize() + 1,
                )
        self._closed = True
        self._wake.set()
        self._calls.put(None)

    def _written(self, seconds: float) -> bool:
        """Whether all is written; waits until it is, for some seconds at most, or until the server cannot be reached."""
        deadline = time.monotonic() + seconds
        while self._last is not None and not self._last.done():
            left = deadline - time.monotonic()
            if left <= 0 or self._stuck:
                return False
            wait([self._last], min(left, LOOK))
        return True

    def _hand(self, call: Callable[[], None]) -> None:
        self._last = Future()
        self._calls.put((self._last, call))

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            done, call = item
            try:
                self._write(call)
            except BaseException as error:  # this breaks the contract of a tracker, but a caller must not wait forever
                log.warning("MLflow could not be written: %s: %s", type(error).__name__, error)
            finally:
                done.set_result(None)

    def _write(self, call: Callable[[], None]) -> None:
        """Make a call, again and again while the server cannot be reached."""
        pause = FIRST_PAUSE
        while not self._closed:
            try:
                call()
                self._stuck = ""
                return
            except Unreachable as error:
                if not self._warned:
                    log.warning("MLflow cannot be reached now: %s. The search goes on, and its entries are written later.", error)
                self._stuck, self._warned = str(error), True
            self._wake.wait(pause)
            self._wake.clear()
            pause = min(2 * pause, LONGEST_PAUSE)


@contextlib.contextmanager
def ending(tracker: Background) -> Iterator[Background]:
    """However the search within ends, what it began in MLflow ends too. A search that finished well ended its run itself."""
    status = FAILED
    try:
        yield tracker
        status = KILLED  # where anything still runs: a search that must be taken up again
    except KeyboardInterrupt:
        status = KILLED
        raise
    finally:
        tracker.end(status)
        tracker.close()
