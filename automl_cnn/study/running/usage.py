"""How well the workers of a session were used: seconds with a trial, and without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from automl_cnn.records import Trial
from automl_cnn.workers import Workers


@dataclass
class Usage:
    """Counts from the first trial's beginning to the last one's end, or until the workers make room for one with all cores.

    Moments are readings of the session's clock.
    """

    count: int = 1
    part: float = 1.0  # of the machine's cores, that each worker has
    each: str = ""  # what each has, where it is on a node of a cluster
    trials: int = 0  # that have ended
    _open: dict[int, float] = field(default_factory=dict)  # by worker, when its trial began
    _busy: float = 0.0
    _first: float | None = None
    _last: float = 0.0
    _over: bool = False

    def began(self, worker: int, moment: float) -> None:
        """A worker begins a trial."""
        if not self._over:
            self._first = moment if self._first is None else self._first
            self._open[worker] = moment

    def finished(self, worker: int, moment: float) -> None:
        """Its trial has ended."""
        self.trials += 1
        if worker in self._open:
            self._busy += moment - self._open.pop(worker)
            self._last = moment

    def close(self, moment: float) -> None:
        """Count no more. Workers that still have a trial were busy until now."""
        for began in self._open.values():
            self._busy += moment - began
            self._last = moment
        self._open.clear()
        self._over = True

    def summary(self, trials: Sequence[Trial] = ()) -> Workers:
        """The figures so far, and the worker of each of `trials`."""
        by_trial = {trial.number: trial.worker for trial in trials if trial.worker is not None}
        wall = 0.0 if self._first is None else self._last - self._first
        nodes = len({trial.node for trial in trials if trial.node is not None}) if self.each else 0
        times = (round(self._busy, 1), round(max(0.0, self.count * wall - self._busy), 1), round(wall, 1))
        return Workers(self.count, self.part, *times, by_trial, self.each, nodes)
