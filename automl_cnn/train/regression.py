"""A logistic regression on features, its strength chosen by cross-validation. Pure: numbers in, numbers out."""

from __future__ import annotations

import math
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.data.passes import Report
from automl_cnn.errors import TrialError

STRENGTHS = (0.003, 0.03, 0.3, 3.0)  # inverse of the penalty: the smaller, the more the regression is held back
FOLDS = 5
MOST_VALUES = 250_000_000  # features times images: 1 GB, and about twice as much while they are fitted
ENOUGH = 4000  # images that suffice to choose the strength
LEAST = 20  # images without which nothing is held out
UNSEEN = -20.0  # the bias of a class without an image: it is never answered


@dataclass(frozen=True)
class Regression:
    """Logits are `features @ kernel + bias`: kernel float32 (features, classes), bias float32 (classes,).

    `strength` is the chosen one; `held_out` are the probabilities (images, classes) of the images that it was chosen on, each given by one of `folds`
    regressions that were fitted on other images, and `held_rows` which of the images these are. Without folds they are all alike.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strength: float
    held_out: np.ndarray
    held_rows: np.ndarray
    folds: int = 0

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """(images, features) -> (images, classes)."""
        return softmax(features.astype(np.float32) @ self.kernel + self.bias)


def regress(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    *,
    balanced: bool,
    seed: int,
    groups: np.ndarray | None = None,
    strength: float | None = None,
    report: Report | None = None,
) -> Regression:
    """The regression of integer `labels` (images,) on `features` (images, features); `balanced` gives each class the same weight.

    The strength is the one with the smallest loss on held-out folds, of all images or of `ENOUGH` drawn at random. `groups` holds a number for each
    image, the same for versions of one photo: they stay in one fold. Where a `strength` is given, it is taken as it is and nothing is held out.
    `report` is given how many of the fits are done, of how many at most.

    So that memory is bounded, no more than `MOST_VALUES` features are learned from: of more images, as many at random as that allows.

    Raises:
        TrialError: a feature is not finite, or there is only one class.
    """
    if not np.isfinite(features).all():
        raise TrialError("the pretrained features are not finite: the weights may be damaged")
    if len(np.unique(labels)) < 2:
        raise TrialError("the images seen in time are all of one class: raise --budget")
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it, without types

    most = max(ENOUGH, MOST_VALUES // features.shape[1])
    if len(labels) > most:
        some = np.sort(np.random.default_rng(seed).permutation(len(labels))[:most])
        features, labels, groups = features[some], labels[some], None if groups is None else groups[some]
    features = features.astype(np.float32)
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-3
    reduced, back = _reduced((features - mean) / deviation)
    rows = np.zeros(0, int) if strength is not None else np.random.default_rng(seed).permutation(len(labels))[:ENOUGH]
    with threadpool_limits(1), warnings.catch_warnings():  # of matrices this small, several cores on one are four times slower than one
        warnings.simplefilter("ignore")  # not converged to the last digit is good enough
        held_out, folds = np.zeros((0, classes)), 0
        if strength is None:
            strength, held_out, folds = _chosen(
                reduced[rows], labels[rows], classes, balanced=balanced, seed=seed, groups=None if groups is None else groups[rows], report=report
            )
        fitted = _fit(reduced, labels, strength, balanced, seed)
    kernel, bias = np.zeros((features.shape[1], classes), np.float32), np.full(classes, UNSEEN, np.float32)
    coefficients, intercept = _rows(fitted)
    coefficients = (coefficients @ back.T) / deviation
    kernel[:, fitted.classes_] = coefficients.T
    bias[fitted.classes_] = intercept - coefficients @ mean
    return Regression(kernel, bias, strength, held_out, rows, folds)


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (images, classes) of logits (images, classes)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _reduced(plain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The images in as many dimensions as they span, and the way back: with an L2 penalty, a regression there is the same one."""
    if plain.shape[0] >= plain.shape[1]:
        return plain, np.eye(plain.shape[1], dtype=np.float32)
    values, vectors = np.linalg.eigh((plain @ plain.T).astype(np.float64))  # of the images' products: fewer than the features'
    kept = values > values.max(initial=0.0) * 1e-9
    lengths = np.sqrt(values[kept])
    back = plain.T @ (vectors[:, kept] / lengths)
    return np.asarray(vectors[:, kept] * lengths, np.float32), np.asarray(back, np.float32)


def _chosen(
    features: np.ndarray, labels: np.ndarray, classes: int, *, balanced: bool, seed: int, groups: np.ndarray | None, report: Report | None
) -> tuple[float, np.ndarray, int]:
    """The strength with the smallest loss on held-out folds, the probabilities (images, classes) that it gives there, and the number of folds.

    Without folds it is a middling one.
    """
    folds = _folds(labels, seed, groups)
    losses: dict[float, float] = {}
    guesses: dict[float, np.ndarray] = {}
    for strength in STRENGTHS if folds else STRENGTHS[1:2]:
        guess = np.full((len(labels), classes), 1.0 / classes)

        def answer(fold: tuple[np.ndarray, np.ndarray], strength: float = strength, guess: np.ndarray = guess) -> None:
            learn, held = fold
            guess[held] = _spread(_fit(features[learn], labels[learn], strength, balanced, seed), features[held], classes)

        with ThreadPoolExecutor(cores()) as pool:
            for number, _ in enumerate(pool.map(answer, folds), 1):
                if report is not None:
                    report(len(guesses) * len(folds) + number, len(STRENGTHS) * len(folds) + 1)
        guesses[strength], losses[strength] = guess, _loss(guess, labels)
        if losses[strength] > 1.05 * min(losses.values()):
            break  # it only gets worse from here on
    chosen = min(losses, key=losses.__getitem__)
    return chosen, guesses[chosen], len(folds)


def _folds(labels: np.ndarray, seed: int, groups: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows to fit on and to judge by, of every class alike; none where there are too few images."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    own = np.arange(len(labels)) if groups is None else groups
    fewest = min(len(np.unique(own[labels == label])) for label in np.unique(labels))
    if fewest < 2 or len(labels) < LEAST:
        return []
    grouped = len(np.unique(own)) < len(own)
    folds = (StratifiedGroupKFold if grouped else StratifiedKFold)(min(FOLDS, fewest), shuffle=True, random_state=seed)
    pairs = list(folds.split(labels, labels, own) if grouped else folds.split(labels, labels))
    return [(learn, held) for learn, held in pairs if len(held) and len(np.unique(labels[learn])) > 1]


def _fit(features: np.ndarray, labels: np.ndarray, strength: float, balanced: bool, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=300, tol=1e-3, class_weight="balanced" if balanced else None, random_state=seed).fit(features, labels)


def _rows(fitted: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts, a row for each class; of two classes scikit-learn keeps one row, the second against the first."""
    coefficients, intercept = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:
        return np.stack([0 * coefficients[0], coefficients[0]]), np.array([0.0, intercept[0]])
    return coefficients, intercept


def _spread(fitted: Any, features: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities with a column for every class, those that were not fitted included."""
    out = np.zeros((len(features), classes))
    out[:, fitted.classes_] = fitted.predict_proba(features)
    return out


def _loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean([-math.log(max(1e-7, row[label])) for row, label in zip(probabilities, labels, strict=True)]))
