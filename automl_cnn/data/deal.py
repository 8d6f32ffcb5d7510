"""Assign whole groups to splits if groups hold images of several classes: a person who shows every sign, a place with every animal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Group = Sequence[int]  # rows of images


def across(labels: np.ndarray, groups: Sequence[Group], shares: Mapping[int, float], classes: int) -> dict[int, list[int]]:
    """The rows of each split in `shares` (by its code, the share of the groups' images). Groups stay whole; each class is as near its share as possible.

    `groups` are assigned in their order. The rest goes to training. Every split gets an image of every class, and training keeps one, if the groups allow it.
    """
    counts = [np.bincount(labels[list(rows)], minlength=classes) for rows in groups]
    total = np.sum(counts, axis=0) if counts else np.zeros(classes)
    left, dealt = set(range(len(groups))), {code: list[int]() for code in shares}
    remaining = total.astype(float)
    for code, share in shares.items():
        wanted, have = share * total, np.zeros(classes)
        for number in sorted(left):
            more = have + counts[number]
            if _distance(more, wanted) < _distance(have, wanted) and _spares(remaining, counts[number], total):
                _take(number, code, left, dealt)
                have, remaining = more, remaining - counts[number]
        for label in np.flatnonzero((have == 0) & (total > 0)):
            able = [number for number in sorted(left) if counts[number][label] and _spares(remaining, counts[number], total)]
            if able and not have[label]:
                number = min(able, key=lambda one: int(counts[one].sum()))
                _take(number, code, left, dealt)
                have, remaining = have + counts[number], remaining - counts[number]
    return {code: [row for number in numbers for row in groups[number]] for code, numbers in dealt.items()}


def _take(number: int, code: int, left: set[int], dealt: dict[int, list[int]]) -> None:
    left.remove(number)
    dealt[code].append(number)


def _distance(have: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.sum((have - wanted) ** 2))


def _spares(remaining: np.ndarray, taken: np.ndarray, total: np.ndarray) -> bool:
    """Whether training keeps an image of each class."""
    return bool(np.all((remaining - taken > 0) | (total == 0)))
