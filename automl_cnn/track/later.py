"""A tracker that writes while the search goes on: nobody waits for a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn.records import StudyResult, Trial

if TYPE_CHECKING:
    from automl_cnn.track import Tracking

PATIENCE = 10.0  # seconds that the last words may take to be written


class Later:
    """Hands everything to `tracker` in one thread, in order; nobody waits for it but `wait` and, a while at most, `close`."""

    def __init__(self, tracker: Tracking) -> None:
        self._tracker = tracker
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="track")
        self._last: Future[None] | None = None

    def start(self, config: Mapping[str, Any], dataset_summary: Mapping[str, Any]) -> None:
        self._last = self._pool.submit(self._tracker.start, config, dataset_summary)

    def trial(self, trial: Trial) -> None:
        self._last = self._pool.submit(self._tracker.trial, trial)

    def rebuild(self, trials: Iterable[Trial]) -> None:
        self._last = self._pool.submit(self._tracker.rebuild, trials)

    def finish(self, result: StudyResult, model_file: Path, example: np.ndarray) -> None:
        self._last = self._pool.submit(self._tracker.finish, result, model_file, example)

    def files(self, paths: Iterable[Path]) -> None:
        self._last = self._pool.submit(self._tracker.files, tuple(paths))

    def wait(self) -> None:
        if self._last is not None:
            self._last.result()

    def close(self) -> None:
        """Wait for what was handed over, a while at most; nothing more is taken."""
        if self._last is not None:
            wait([self._last], PATIENCE)
        self._pool.shutdown(wait=False, cancel_futures=True)
