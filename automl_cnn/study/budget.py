"""How much time there is, and what it is for. Pure: the clock is handed in."""

from __future__ import annotations

from dataclasses import dataclass

SETUP = 12.0  # seconds that a worker takes to import TensorFlow, before anything was measured
FINISH = 9.0  # seconds set aside for the test score, the registered model and the summary
FINAL_SHARE = 0.35  # of the search, for training the winner again at length
PROPOSALS = 5  # trials that should still fit after the defaults
SLICE = 30.0  # seconds below which a trial says little, so that fewer defaults are better
LEAST_DEFAULTS = 3


@dataclass(frozen=True)
class Budget:
    """`total` seconds for the whole command (None: no limit), `used` so far, at most `trials` trials."""

    total: float | None
    used: float
    trials: int | None = None

    @property
    def reserve(self) -> float:
        """What the finish needs; a small budget gives less than it would like."""
        return min(FINISH + 0.01 * (self.total or 0.0), 0.15 * (self.total or 0.0))

    @property
    def left(self) -> float:
        """Seconds left for training before the finish must begin; infinite without a limit."""
        return float("inf") if self.total is None else self.total - self.used - self.reserve

    @property
    def final(self) -> float:
        """Seconds set aside for the final training."""
        return 0.0 if self.total is None else FINAL_SHARE * max(0.0, self.total - SETUP - self.reserve)

    @property
    def searching(self) -> float:
        """Seconds for everything before the final training; infinite without a limit."""
        return float("inf") if self.total is None else max(0.0, self.total - SETUP - self.reserve) - self.final

    def defaults(self, available: int) -> int:
        """How many of so many defaults there is time for."""
        if self.total is None:
            return available
        return min(available, max(LEAST_DEFAULTS, int(self.searching / SLICE) - PROPOSALS))

    def slice(self, defaults: int) -> float | None:
        """Seconds for one trial, such that `defaults` defaults and a handful of proposals fit; None without a limit."""
        if self.total is None:
            return None
        return max(6.0, min(900.0, self.searching / (defaults + PROPOSALS)))
