"""How closely a model has to answer as the one it was made from: an export to another format, or to smaller numbers."""

from __future__ import annotations

from dataclasses import dataclass

SOUND = 0.001  # how far a probability may lie outside 0..1


@dataclass(frozen=True)
class Fidelity:
    """What an export is allowed. Differences are those of `Task.distance`, scores those of the task's `share` metric.

    `exact`: how far an answer of a float32 file may lie from the original's. `lost`: how much of the score a smaller file may lose. `near`: how far an
    answer of a smaller file may lie from the original's and still count as the same; 0 where answers are labels, which are the same or are not.
    """

    exact: float = 1e-4
    lost: float = 0.01
    near: float = 0.0


PROBABILITIES = Fidelity()
NUMBERS = Fidelity(exact=1e-3, lost=0.02, near=0.1)  # in standard deviations
