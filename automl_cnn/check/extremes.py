"""Which values lie far from all others. No constant of any image set: distances are counted in the spread of the values themselves."""

from __future__ import annotations

import numpy as np

SURE = 5.0  # spreads from the median: of normal values one in three million lies farther on one side
NORMAL = 1.4826  # times the median distance from the median is the standard deviation of normal values


def far(values: np.ndarray, *, below: bool, least: float, sure: float = SURE) -> np.ndarray:
    """Where `values` (n,) lie more than `sure` spreads below the median, or above it.

    The spread is that of the values on the same side, so that a skewed distribution has no false alarms on its long side; it counts as at least `least`.
    """
    if not len(values):
        return np.zeros(0, bool)
    middle = float(np.median(values))
    away = middle - values if below else values - middle
    mine = away[away >= 0]
    spread = max(least, NORMAL * float(np.median(mine)) if len(mine) else 0.0)
    return np.asarray(away > sure * spread)


def ranked(rows: np.ndarray, values: np.ndarray, *, lowest: bool) -> list[int]:
    """`rows` by their values, the most extreme first."""
    order = np.argsort(values[rows] if lowest else -values[rows], kind="stable")
    return [int(row) for row in rows[order]]
