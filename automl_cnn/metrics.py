"""Scores of class probabilities, with 95 % intervals. Higher is better, none above 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from automl_cnn.config import Metric

TINY = 1e-9
HALF_WAY = 0.5  # from chance to 1, from which the most frequent class alone makes accuracy look good
Z95 = 1.959963984540054


def score(metric: Metric, labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The metric of `probabilities` (images, classes) against integer `labels` (images).

    accuracy: share of right answers. balanced_accuracy: mean recall over the classes present;
    choose it where classes are imbalanced and all matter alike. f1: macro average over all classes.
    auc: area under the ROC curve, one class against the rest, macro average over the classes
    present; choose it where ranking matters more than the decision. quadratic_kappa: agreement beyond chance of
    classes that have an order, with far misses counted more than near ones; below 0 where it is worse than chance.
    """
    if metric == "auc":
        return _auc(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    if metric == "quadratic_kappa":
        return float(kappa(labels, predicted, np.ones((1, len(labels))))[0])
    if metric == "accuracy":
        return float(np.mean(predicted == labels))
    classes = probabilities.shape[1]
    matrix = np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    right, actual, answers = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    if metric == "balanced_accuracy":
        present = actual > 0
        return float(np.mean(right[present] / actual[present]))
    seen = (actual + answers) > 0
    return float(np.mean(2 * right[seen] / (actual + answers)[seen]))


def interval(
    metric: Metric, labels: np.ndarray, probabilities: np.ndarray, *, groups: Sequence[int] | np.ndarray = (), seed: int = 0, draws: int = 500
) -> tuple[float, float]:
    """The 95 % interval of `score`: Wilson's for accuracy, made of Wilson's for balanced accuracy, else the bootstrap's percentiles.

    `groups` holds a number for each image, the same for versions of one photo: a network is right or wrong for all of
    them, so each photo counts once.
    """
    groups = np.asarray(groups) if len(groups) == len(labels) else np.arange(len(labels))
    right = probabilities.argmax(axis=1) == labels
    if metric == "accuracy":
        return _of_share(right, groups)
    if metric == "balanced_accuracy":
        return _of_mean([(float(np.mean(right[rows])), *_of_share(right[rows], groups[rows])) for rows in (labels == label for label in np.unique(labels))])
    rng = np.random.default_rng(seed)
    photos = np.unique(groups)
    members = {photo: np.flatnonzero(groups == photo) for photo in photos} if len(photos) < len(groups) else None
    drawn = []
    for _ in range(draws):
        chosen = rng.integers(0, len(photos), len(photos))
        rows = chosen if members is None else np.concatenate([members[photos[index]] for index in chosen])
        drawn.append(score(metric, labels[rows], probabilities[rows]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def always(metric: Metric, trained: Sequence[int] | np.ndarray, counts: Sequence[int] | np.ndarray) -> float:
    """The score of always predicting the most frequent class of the training images (`trained`, by class) on images of which there are `counts`."""
    labels = np.repeat(np.arange(len(counts)), counts)
    answers = np.zeros((len(labels), len(counts)))
    answers[:, int(np.argmax(trained))] = 1.0
    return score(metric, labels, answers)


def suited(trained: Sequence[int] | np.ndarray) -> Metric:
    """The metric to choose by, from the numbers of training images: accuracy, or balanced accuracy where accuracy misleads.

    It misleads where always predicting the most frequent class already gets half-way from chance, one in the number of
    classes, to 1: from 75 % of the images of two classes, 67 % of three, 55 % of ten.
    """
    chance = 1 / max(2, len(trained))
    share = float(np.max(trained) / max(1, np.sum(trained))) if len(trained) else 0.0
    return "balanced_accuracy" if (share - chance) / (1 - chance) >= HALF_WAY else "accuracy"


def _of_share(right: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    photos = len(np.unique(groups))
    return wilson(float(np.mean(right)) * photos, photos)


def _of_mean(shares: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """The interval of the mean of independent shares, each with its own interval (Zou and Donner 2008, https://doi.org/10.1002/sim.3095)."""
    share, low, high = (np.array(values) for values in zip(*shares, strict=True))
    middle = float(np.mean(share))
    below, above = (float(np.sqrt(np.sum((share - bound) ** 2))) / len(share) for bound in (low, high))
    return max(0.0, middle - below), min(1.0, middle + above)


def wilson(right: float, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, sound for few images and near 0 and 1 (Wilson 1927)."""
    share = right / total
    middle = (share + Z95**2 / (2 * total)) / (1 + Z95**2 / total)
    half = Z95 / (1 + Z95**2 / total) * np.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    return max(0.0, min(share, float(middle - half))), min(1.0, max(share, float(middle + half)))  # rounding leaves no share outside


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log-likelihood in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.mean(np.log(np.clip(chosen, 1e-7, 1.0))))


def kappa(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Cohen's kappa with quadratic weights, (draws,), where each image of int (images,) counts as often as `weights` (draws, images) says.

    1 where all answers are right, 0 where they are no better than chance with the same frequencies, or where every image and every answer is of one class;
    an answer two classes off counts four times as much as one that is one class off. Cohen 1968, https://doi.org/10.1037/h0026256
    """
    true, given = np.asarray(truth, float), np.asarray(predicted, float)
    off, images = weights @ (true - given) ** 2, weights.sum(axis=1)
    by_chance = weights @ true**2 + weights @ given**2 - 2 * (weights @ true) * (weights @ given) / images
    return np.where(by_chance > TINY, 1 - off / np.where(by_chance > TINY, by_chance, 1), 0.0)


def _auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    present = [index for index in range(probabilities.shape[1]) if 0 < np.sum(labels == index) < len(labels)]
    if not present:
        return 0.5
    return float(np.mean([roc_auc_score(labels == index, probabilities[:, index]) for index in present]))
