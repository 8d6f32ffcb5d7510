"""Scores of many bootstrap draws of the same images at once: what thousands of draws, even of a ranking, cost is a second. Pure.

A draw is a row of weights: how often each image was drawn (Efron 1979, https://doi.org/10.1214/aos/1176344552).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from automl_cnn.config import Metric

AT_ONCE = 2_000_000  # weights in memory

Scores = Callable[[np.ndarray], np.ndarray]  # (draws, images) -> (draws,)


def draws(images: int, number: int, seed: int = 0) -> Iterator[np.ndarray]:
    """`number` draws of `images` images with replacement, in blocks (some draws, images)."""
    rng = np.random.default_rng(seed)
    block = max(1, AT_ONCE // images)
    for start in range(0, number, block):
        yield rng.multinomial(images, np.full(images, 1 / images), size=min(block, number - start)).astype(np.float64)


def scores(metric: Metric, labels: np.ndarray, probabilities: np.ndarray) -> Scores:
    """What `automl_cnn.metrics.score` would say of each draw."""
    if metric == "auc":
        return _auc(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    if metric == "accuracy":
        return lambda weights: np.asarray(weights @ right / weights.sum(axis=1))
    classes = np.arange(probabilities.shape[1])
    truth, answer = (given[:, None] == classes for given in (labels, predicted))
    hit = truth & right[:, None]
    if metric == "balanced_accuracy":
        return lambda weights: _mean(weights @ hit, weights @ truth)
    return lambda weights: _mean(2 * (weights @ hit), weights @ truth + weights @ answer)


def _mean(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The mean of the shares over the classes that a draw has."""
    return np.asarray(np.sum(part / np.maximum(whole, 1), axis=1) / np.sum(whole > 0, axis=1))


def _auc(labels: np.ndarray, probabilities: np.ndarray) -> Scores:
    """Each class against the rest: of all pairs of one of each, the share that is ranked rightly, ties half."""

    def of_class(weights: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(probabilities[:, label], kind="stable")
        ranked = probabilities[order, label]
        begins = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))  # of equal probabilities
        mine = labels[order] == label
        drawn = weights[:, order]
        own, other = (np.add.reduceat(drawn * chosen, begins, axis=1) for chosen in (mine, ~mine))
        below = np.cumsum(other, axis=1) - other
        pairs = own.sum(axis=1) * other.sum(axis=1)
        return np.sum(own * (below + other / 2), axis=1) / np.maximum(pairs, 1), pairs > 0

    def of_all(weights: np.ndarray) -> np.ndarray:
        areas, present = (np.stack(column, axis=1) for column in zip(*(of_class(weights, label) for label in range(probabilities.shape[1])), strict=True))
        return np.where(present.any(axis=1), np.sum(areas * present, axis=1) / np.maximum(present.sum(axis=1), 1), 0.5)

    return of_all
