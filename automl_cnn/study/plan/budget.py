"""How much time there is, and what it is for. Pure: the clock is handed in."""

from __future__ import annotations

from dataclasses import dataclass

from automl_cnn.records import Trial
from automl_cnn.transfer import is_probe

SETUP = 12.0  # seconds that a worker takes to import TensorFlow, before anything was measured
FINISH = 7.0  # seconds set aside for calibration, the test score, the registered model and the summary
FINAL_SHARE = 0.35  # of the search, for training the winner again at length
PROPOSALS = 5  # trials that should still fit after the defaults
SLICE = 30.0  # seconds below which a trial says little, so that fewer defaults are better
LEAST_SLICE = 15.0  # seconds of a trial at least: of a short search, few trials that learn something
LONGEST_SLICE = 900.0  # seconds
FEW_SLICES = 4  # of a search with time for fewer trials, half belongs to the first one
LEAST_DEFAULTS = 3
SPARE = 0.005  # of all the time, for what takes longer than foreseen
COMMON_SCORING = 2.0  # seconds of scoring images that FINISH has room for
FORWARD = 3.0  # how much cheaper it is to pass images through a network than to train it on them
MOST_RESERVED = 0.4  # of all the time
ALONE_FROM = 60.0  # seconds of a final training from which it is worth starting a process with all cores for it


@dataclass(frozen=True)
class Budget:
    """`total` seconds for the whole command (None: no limit), `used` so far, at most `trials` trials; the finish takes about `finish` seconds.

    `slots` trials run at a time, each with a `part` of the machine's cores.
    """

    total: float | None
    used: float
    trials: int | None = None
    finish: float = FINISH
    slots: int = 1
    part: float = 1.0

    @property
    def reserve(self) -> float:
        """What the finish needs; a small budget gives less than it would like, unless this machine or these images need more than is common."""
        total = self.total or 0.0
        return min(self.finish + SPARE * total, 0.15 * max(1.0, self.finish / FINISH) * total, MOST_RESERVED * total)

    @property
    def left(self) -> float:
        """Seconds left for training before the finish must begin; infinite without a limit."""
        return float("inf") if self.total is None else self.total - self.used - self.reserve

    @property
    def final(self) -> float:
        """Seconds set aside for the final training."""
        return 0.0 if self.total is None else FINAL_SHARE * max(0.0, self.total - SETUP - self.reserve)

    @property
    def gathers(self) -> bool:
        """Whether the final training is so long that it should have all cores, where trials have a part of them."""
        return self.part < 1 and self.final >= ALONE_FROM

    @property
    def searching(self) -> float:
        """Seconds for everything before the final training; infinite without a limit."""
        return float("inf") if self.total is None else max(0.0, self.total - SETUP - self.reserve) - self.final

    def defaults(self, available: int) -> int:
        """How many of the `available` defaults there is time for."""
        if self.total is None:
            return available
        return min(available, max(LEAST_DEFAULTS, int(self.slots * self.searching * self.part / SLICE) - PROPOSALS))

    def slice(self, defaults: int, *, first: bool = False) -> float | None:
        """Seconds for one trial, such that `defaults` defaults and a handful of proposals fit; None without a limit.

        While there is no model yet, at most half of what is left, so that the `first` one is made in time. Where only a few trials fit, it is that half:
        one good model is worth more than several small ones.
        """
        if self.total is None:
            return None
        share = max(LEAST_SLICE, min(LONGEST_SLICE / self.part, self.slots * self.searching / (defaults + PROPOSALS)))
        if not first:
            return share
        half = max(1.0, self.left / 2)
        return half if self.left < FEW_SLICES * share else min(share, half)


def evenly(left: float, share: float, building: float) -> float:
    """Seconds for each of the last trials: as many as fit into `left` with `share` seconds each and `building` beside, but so that nothing is left over."""
    number = int(left / (share + building))
    return max(share, left / number - building) if number else share


def finishing(best: Trial | None, images: int, ready: float | None) -> float:
    """Seconds that the finish takes: on a machine that was `ready` for its first trial after that many, with `images` images to score by the best network."""
    slower = max(1.0, (ready or SETUP) / SETUP)
    speed = (best.images_per_second or 0.0) * (1.0 if is_probe(best.configuration) else FORWARD) if best is not None else 0.0
    return FINISH * slower + (max(0.0, images / speed - COMMON_SCORING) if speed else 0.0)
