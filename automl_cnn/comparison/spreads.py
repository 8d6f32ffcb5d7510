"""How much a measure differs from seed to seed, network by network: a few seeds tell little, so that networks borrow from each other.

Smyth 2004, Linear models and empirical Bayes methods, https://doi.org/10.2202/1544-6115.1027: each network's variance is drawn toward a common one, the more
so the more alike the variances of all networks are. Pooling them outright would give a network that always learns the wide interval of one that diverges for
every other seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

ROUNDED = 1 / 12  # variance of what rounding to whole numbers takes away
FEWEST = 3  # variances above zero that tell how alike they are
MOST = 1e6  # degrees of freedom of a common variance that all networks share


def drawn_together(variances: Sequence[float], freedoms: Sequence[int]) -> list[tuple[float, float]]:
    """Each variance drawn toward the common one, with the degrees of freedom that it has then; `freedoms` are those of each alone."""
    values, known = np.asarray(variances, float), np.asarray(freedoms, float)
    total = float(known.sum())
    pooled = (float(values @ known / total), total) if total else (math.nan, 0.0)
    common, prior = _prior(values, known)
    if not prior or prior >= MOST:
        return [pooled] * len(values)
    drawn = (prior * common + known * values) / (prior + known)
    return [(float(value), float(min(prior + own, total))) for value, own in zip(drawn, known, strict=True)]


def least(values: Sequence[float]) -> float:
    """The variance below which nothing is known of values that come in steps, such as shares of right answers: equal ones are equal to a step."""
    steps = np.diff(np.unique(np.asarray(values, float)))
    return float(steps.min()) ** 2 * ROUNDED if len(steps) else 0.0


def _prior(values: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """The common variance and the degrees of freedom that it is worth: none where too few variances tell, `MOST` or more where they differ by chance alone."""
    from scipy.special import digamma, polygamma

    use = (values > 0) & (known > 0)
    if use.sum() < FEWEST:
        return 0.0, 0.0
    logs = np.log(values[use]) - digamma(known[use] / 2) + np.log(known[use] / 2)
    middle = float(logs.mean())
    excess = float(np.mean((logs - middle) ** 2) * len(logs) / (len(logs) - 1) - np.mean(polygamma(1, known[use] / 2)))
    if excess <= 0:
        return math.exp(middle), MOST
    prior = 2 * _inverse_trigamma(excess)
    return math.exp(middle + float(digamma(prior / 2)) - math.log(prior / 2)), prior


def _inverse_trigamma(value: float) -> float:
    """The number whose trigamma is `value` (Smyth 2004, appendix): Newton's method, which converges from below."""
    from scipy.special import polygamma

    if value > 1e7:
        return 1 / math.sqrt(value)
    if value < 1e-6:
        return 1 / value
    number = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, number))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, number))
        number += step
        if -step / number < 1e-8:
            break
    return number
