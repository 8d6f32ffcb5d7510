"""Where the wall time of a session goes, beside its trials."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from automl_cnn import elapsed

KEY = "times"  # in the record: by session, seconds by what they went to
READY = "ready"  # not a part but a moment: seconds from the command to the first trial


@dataclass
class Times:
    """Seconds by what they went to, in order of appearance.

    start      from the command to the first wish of the planner
    planning   the planner's wishes; the first one waits for the worker to import Keras
    trials     the executor's work on them, from the request to the last event
    keeping    record, best model and tracker after a trial
    finish     calibration, test score, registered model
    """

    spent: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = elapsed.now
    _within: list[float] = field(default_factory=list, repr=False)  # of what is open, the seconds that belong to something within it

    @contextlib.contextmanager
    def within(self, what: str) -> Iterator[None]:
        """What is done within counts for `what`, unless it counts for something within that."""
        began = self.clock()
        self._within.append(0.0)
        try:
            yield
        finally:
            whole = self.clock() - began
            self.add(what, whole - self._within.pop())
            if self._within:
                self._within[-1] += whole

    def add(self, what: str, seconds: float) -> None:
        """Add `seconds` to what was spent on `what`."""
        self.spent[what] = self.spent.get(what, 0.0) + seconds
