"""Which few configurations, tried one after the other, do best on many image sets: a greedy portfolio.

As Feurer et al. 2022 build Auto-sklearn 2.0's (https://jmlr.org/papers/v23/21-0992.html): the scores of each set are
brought to 0 (the worst candidate) to 1 (the best), and the next entry is the candidate that raises the mean over the sets of
the best entry's score the most.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

LEAST_GAIN = 0.02  # of the mean normalized score: less is chance, and not worth another entry's seconds

Matrix = Mapping[str, Mapping[str, float]]  # candidate -> image set -> score


def complete(scores: Matrix, sets: Sequence[str]) -> dict[str, dict[str, float]]:
    """The candidates that were tried on every set."""
    return {name: {key: row[key] for key in sets} for name, row in scores.items() if all(key in row for key in sets)}


def normalized(scores: Matrix) -> dict[str, dict[str, float]]:
    """Each set's scores from 0, the worst candidate's, to 1, the best one's; all 1 where they are equal."""
    sets = list(next(iter(scores.values()), {}))
    low = {key: min(row[key] for row in scores.values()) for key in sets}
    span = {key: max(row[key] for row in scores.values()) - low[key] for key in sets}
    return {name: {key: (row[key] - low[key]) / span[key] if span[key] else 1.0 for key in sets} for name, row in scores.items()}


def value(portfolio: Sequence[str], matrix: Matrix, sets: Sequence[str]) -> float:
    """The mean over the sets of the best entry's normalized score."""
    return statistics.mean(max((matrix[name][key] for name in portfolio), default=0.0) for key in sets)


def greedy(matrix: Matrix, size: int) -> list[str]:
    """At most `size` candidates by their normalized scores, the most useful first; of those within `LEAST_GAIN` of it, the one named first."""
    sets = list(next(iter(matrix.values()), {}))
    chosen: list[str] = []
    while sets and len(chosen) < min(size, len(matrix)):
        worth = {name: value([*chosen, name], matrix, sets) for name in matrix if name not in chosen}
        most = max(worth.values())
        if chosen and most - value(chosen, matrix, sets) < LEAST_GAIN:
            break
        chosen.append(next(name for name, own in worth.items() if own > most - LEAST_GAIN))
    return chosen


def left_out(matrix: Matrix, size: int) -> dict[str, tuple[float, float]]:
    """For each set: the normalized score there of a portfolio found on the others, and the expected one of as many candidates at random."""
    values = {}
    sets = list(next(iter(matrix.values()), {}))
    for held in sets if len(sets) > 1 else ():
        chosen = greedy({name: {key: score for key, score in row.items() if key != held} for name, row in matrix.items()}, size)
        values[held] = (value(chosen, matrix, [held]), best_of([row[held] for row in matrix.values()], len(chosen)))
    return values


def best_of(values: Sequence[float], size: int) -> float:
    """The expected best of `size` different values drawn at random."""
    ranked, ways = sorted(values), math.comb(len(values), size)
    return sum(one * math.comb(place, size - 1) for place, one in enumerate(ranked)) / ways
