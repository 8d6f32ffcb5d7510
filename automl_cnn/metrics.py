"""Scores of class probabilities, with 95 % intervals. Higher is better, all within 0..1."""

from __future__ import annotations

import numpy as np

from automl_cnn.config import Metric

Z95 = 1.959963984540054


def score(metric: Metric, labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The metric of `probabilities` (images, classes) against integer `labels` (images).

    accuracy: share of right answers. balanced_accuracy: mean recall over the classes present;
    choose it where classes are imbalanced and all matter alike. f1: macro average over all classes.
    auc: area under the ROC curve, one class against the rest, macro average over the classes
    present; choose it where ranking matters more than the decision.
    """
    if metric == "auc":
        return _auc(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    if metric == "accuracy":
        return float(np.mean(predicted == labels))
    classes = probabilities.shape[1]
    matrix = np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    right, actual, said = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    if metric == "balanced_accuracy":
        present = actual > 0
        return float(np.mean(right[present] / actual[present]))
    seen = (actual + said) > 0
    return float(np.mean(2 * right[seen] / (actual + said)[seen]))


def interval(metric: Metric, labels: np.ndarray, probabilities: np.ndarray, *, seed: int = 0, draws: int = 500) -> tuple[float, float]:
    """The 95 % interval of `score`: Wilson's for accuracy, else the bootstrap's percentiles over images."""
    if metric == "accuracy":
        return wilson(int(np.sum(probabilities.argmax(axis=1) == labels)), len(labels))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        rows = rng.integers(0, len(labels), len(labels))
        drawn.append(score(metric, labels[rows], probabilities[rows]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def wilson(right: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, sound for few images and near 0 and 1 (Wilson 1927)."""
    share = right / total
    middle = (share + Z95**2 / (2 * total)) / (1 + Z95**2 / total)
    half = Z95 / (1 + Z95**2 / total) * np.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log-likelihood in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.mean(np.log(np.clip(chosen, 1e-7, 1.0))))


def _auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    present = [index for index in range(probabilities.shape[1]) if 0 < np.sum(labels == index) < len(labels)]
    if not present:
        return 0.5
    return float(np.mean([roc_auc_score(labels == index, probabilities[:, index]) for index in present]))
