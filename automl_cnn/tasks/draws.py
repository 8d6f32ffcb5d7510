"""Scores of many bootstrap draws of the same images at once: what thousands of draws, even of a ranking, cost is a second. Pure.

A draw is a row of weights: how often each image was drawn (Efron 1979, https://doi.org/10.1214/aos/1176344552).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from automl_cnn import metrics
from automl_cnn.tasks.task import Scores

AT_ONCE = 2_000_000  # weights in memory
DRAWS = 500  # for an interval


def draws(images: int, number: int, seed: int = 0) -> Iterator[np.ndarray]:
    """`number` draws of `images` images with replacement, in blocks (some draws, images)."""
    rng = np.random.default_rng(seed)
    block = max(1, AT_ONCE // images)
    for start in range(0, number, block):
        yield rng.multinomial(images, np.full(images, 1 / images), size=min(block, number - start)).astype(np.float64)


def photo_draws(groups: np.ndarray, number: int, seed: int = 0) -> Iterator[np.ndarray]:
    """As `draws`, but whole photos are drawn: all images with one number in `groups` (images,) together."""
    _, photo = np.unique(groups, return_inverse=True)
    for block in draws(int(photo.max()) + 1, number, seed):
        yield block[:, photo]


def bootstrap(scores: Scores, images: int, groups: Sequence[int] | np.ndarray = (), seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of `scores`. `groups` holds a number for each of the `images`, the same for versions of one photo; without it each stands alone."""
    own = np.asarray(groups) if len(groups) == images else np.arange(images)
    low, high = np.percentile(np.concatenate([scores(block) for block in photo_draws(own, DRAWS, seed)]), [2.5, 97.5])
    return float(low), float(high)


def mean_share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The mean of the shares over the outputs that a draw has, (draws, outputs) each -> (draws,)."""
    return np.asarray(np.sum(part / np.maximum(whole, 1), axis=1) / np.maximum(1, np.sum(whole > 0, axis=1)))


def area(truth: np.ndarray, answers: np.ndarray) -> Scores:
    """The mean area under the ROC curve of the outputs: of all pairs of an image that has it and one that has not, the share that is ranked rightly, ties half.

    `truth` is bool (images, outputs). An output that every image of a draw has, or none, does not count; where no output counts, it is 0.5.
    """
    ranks = [_ranked(column) for column in answers.T]

    def of_output(weights: np.ndarray, column: int) -> tuple[np.ndarray, np.ndarray]:
        order, begins = ranks[column]
        mine, drawn = truth[order, column], weights[:, order]
        own, other = (np.add.reduceat(drawn * chosen, begins, axis=1) for chosen in (mine, ~mine))
        below = np.cumsum(other, axis=1) - other
        pairs = own.sum(axis=1) * other.sum(axis=1)
        return np.sum(own * (below + other / 2), axis=1) / np.maximum(pairs, 1), pairs > 0

    return _over_outputs(of_output, answers.shape[1], 0.5)


def average_precision(truth: np.ndarray, answers: np.ndarray) -> Scores:
    """The mean average precision over the outputs: precision at the rank of each image that has the output, averaged (ties rank as one).

    `truth` is bool (images, outputs). An output that no image of a draw has does not count; where no output counts, it is 0.
    """
    ranks = [_ranked(column) for column in answers.T]

    def of_output(weights: np.ndarray, column: int) -> tuple[np.ndarray, np.ndarray]:
        order, begins = ranks[column]
        own = np.add.reduceat(weights[:, order] * truth[order, column], begins, axis=1)[:, ::-1]  # from the highest answer down
        every = np.add.reduceat(weights[:, order], begins, axis=1)[:, ::-1]
        precision = np.cumsum(own, axis=1) / np.maximum(np.cumsum(every, axis=1), 1)
        positives = own.sum(axis=1)
        return np.sum(own * precision, axis=1) / np.maximum(positives, 1), positives > 0

    return _over_outputs(of_output, answers.shape[1], 0.0)


def kappa(truth: np.ndarray, predicted: np.ndarray) -> Scores:
    """Quadratic kappa (see `metrics.kappa`) of int (images,)."""
    return lambda weights: metrics.kappa(truth, predicted, weights)


def _ranked(answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order of the answers, lowest first, and where in it equal ones begin."""
    order = np.argsort(answers, kind="stable")
    ranked = answers[order]
    return order, np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))


def _over_outputs(of_output, outputs: int, without: float) -> Scores:  # type: ignore[no-untyped-def]
    def of_all(weights: np.ndarray) -> np.ndarray:
        values, present = (np.stack(column, axis=1) for column in zip(*(of_output(weights, one) for one in range(outputs)), strict=True))
        return np.where(present.any(axis=1), np.sum(values * present, axis=1) / np.maximum(present.sum(axis=1), 1), without)

    return of_all
