"""A tracker that writes while the search goes on: nobody waits for a database."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn.records import StudyResult, Trial

if TYPE_CHECKING:
    from automl_cnn.track import Tracking

LONGEST = 60.0  # seconds allowed for writing the registered model and the report
PATIENCE = 10.0  # seconds allowed for the remaining writes at the very end
FAILED, KILLED = "FAILED", "KILLED"  # MLflow's words

log = logging.getLogger("automl_cnn")


class Background:
    """Hands everything to `tracker` in one thread, in order; nobody waits for it but `wait` and `close`, each for a limited time.

    The thread is a daemon, so that a process whose database hangs can end.
    """

    def __init__(self, tracker: Tracking) -> None:
        self._tracker = tracker
        self._calls: queue.SimpleQueue[tuple[Future[None], Callable[[], None]] | None] = queue.SimpleQueue()
        self._last: Future[None] | None = None
        self._closed = False
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
        """Wait for the calls handed over so far, a minute at most."""
        if self._last is not None and not self._closed and wait([self._last], LONGEST).not_done:
            self._closed = True
            log.warning("MLflow was not written within %.0f s. The search goes on without it; the next search on this study writes what is missing.", LONGEST)

    def close(self) -> None:
        """Wait for the calls handed over so far, a limited time at most; accept no more."""
        if self._last is not None and not self._closed:
            wait([self._last], PATIENCE)
        self._closed = True
        self._calls.put(None)

    def _hand(self, call: Callable[[], None]) -> None:
        self._last = Future()
        self._calls.put((self._last, call))

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            done, call = item
            try:
                if not self._closed:
                    call()
            except BaseException as error:  # this breaks the contract of a tracker, but a caller must not wait forever
                log.warning("MLflow could not be written: %s: %s", type(error).__name__, error)
            finally:
                done.set_result(None)


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
