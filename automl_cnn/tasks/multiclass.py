"""One class of several for each image: softmax, cross-entropy, a multinomial logistic regression on features."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn import metrics
from automl_cnn.config import Metric
from automl_cnn.tasks.draws import area, kappa, mean_share
from automl_cnn.tasks.stratify import dealt
from automl_cnn.tasks.suspects import Suspect, of_classes
from automl_cnn.tasks.task import Activation, Linear, Matrix, Miss, Pairs, Scores, Tally, Task

NOMINAL: tuple[Metric, ...] = ("accuracy", "balanced_accuracy", "f1", "auc")
UNSEEN = -20.0  # the bias of a class without an image: it is never answered


@dataclass(frozen=True)
class Multiclass(Task):
    """`outputs` classes, of which each image has one. Truth is int (images,). `ordered` classes go from the lowest to the highest."""

    ordered: bool = False

    name = "multiclass"
    loss = "categorical_crossentropy"
    exclusive = True
    least = 2
    share = "accuracy"
    column = "label"
    doubts_labels = True

    @property
    def activation(self) -> Activation:
        return "softmax"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return ("quadratic_kappa", *NOMINAL) if self.ordered else NOMINAL

    def score(self, metric: Metric, truth: np.ndarray, answers: np.ndarray) -> float:
        return metrics.score(metric, truth, answers)

    def interval(
        self, metric: Metric, truth: np.ndarray, answers: np.ndarray, *, groups: Sequence[int] | np.ndarray = (), seed: int = 0
    ) -> tuple[float, float]:
        return metrics.interval(metric, truth, answers, groups=groups, seed=seed)

    def draws(self, metric: Metric, truth: np.ndarray, answers: np.ndarray) -> Scores:
        if metric == "auc":
            return area(truth[:, None] == np.arange(self.outputs), answers)
        predicted = answers.argmax(axis=1)
        right = predicted == truth
        if metric == "accuracy":
            return lambda weights: np.asarray(weights @ right / weights.sum(axis=1))
        if metric == "quadratic_kappa":
            return kappa(truth, predicted)
        classes = np.arange(answers.shape[1])
        actual, answered = (given[:, None] == classes for given in (truth, predicted))
        hit = actual & right[:, None]
        if metric == "balanced_accuracy":
            return lambda weights: mean_share(weights @ hit, weights @ actual)
        return lambda weights: mean_share(2 * (weights @ hit), weights @ actual + weights @ answered)

    def suited(self, counts: Sequence[int] | np.ndarray) -> Metric:
        return "quadratic_kappa" if self.ordered else metrics.suited(counts)

    def loss_of(self, truth: np.ndarray, answers: np.ndarray) -> float:
        return metrics.cross_entropy(truth, answers)

    @property
    def untrained_loss(self) -> float:
        return math.log(self.outputs)

    def blind_loss(self, shares: Sequence[float]) -> float:
        """That of equal classes: the thresholds of the diagnosis were measured against it."""
        return math.log(self.outputs)

    def right(self, truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return np.asarray(answers.argmax(axis=1) == truth)

    def strata(self, truth: np.ndarray) -> np.ndarray:
        return truth

    def targets(self, truth: np.ndarray) -> np.ndarray:
        onehot = np.zeros((len(truth), self.outputs), np.float32)
        onehot[np.arange(len(truth)), truth] = 1
        return onehot

    def weights(self, truth: np.ndarray) -> np.ndarray:
        """Each class weighs the same in sum, and the mean over the images is 1; a class without images has 0."""
        counts = np.bincount(truth, minlength=self.outputs)
        present = counts > 0
        weights = np.zeros(self.outputs, np.float32)
        weights[present] = len(truth) / (present.sum() * counts[present])
        return weights

    def image_weights(self, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.asarray(targets @ weights)

    def enough(self, truth: np.ndarray) -> bool:
        return len(np.unique(truth)) > 1

    def narrowed(self, truth: np.ndarray) -> tuple[Task, np.ndarray]:
        present, place = np.unique(truth, return_inverse=True)
        return dataclasses.replace(self, outputs=len(present)), place

    def linear(self, features: np.ndarray, truth: np.ndarray, strength: float, *, balanced: bool, seed: int) -> Linear:
        from sklearn.linear_model import LogisticRegression

        weight = "balanced" if balanced else None
        fitted = LogisticRegression(C=strength, max_iter=300, tol=1e-3, class_weight=weight, random_state=seed).fit(features, truth)
        kernel, bias = np.zeros((features.shape[1], self.outputs), np.float32), np.full(self.outputs, UNSEEN, np.float32)
        coefficients, intercept = _rows(fitted)
        kernel[:, fitted.classes_] = coefficients.T
        bias[fitted.classes_] = intercept
        return Linear(kernel, bias)

    def folds(self, truth: np.ndarray, folds: int, *, groups: np.ndarray | None, least: int, seed: int) -> Pairs:
        own = np.arange(len(truth)) if groups is None else groups
        fewest = min(len(np.unique(own[truth == label])) for label in np.unique(truth))
        if fewest < 2 or len(truth) < least:
            return []
        pairs = dealt(truth, min(folds, fewest), groups=own, seed=seed)
        return [(learn, held) for learn, held in pairs if len(held) and self.enough(truth[learn])]

    def activate(self, logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        cooled = logits / temperature
        shifted = np.exp(cooled - cooled.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))

    def logits(self, answers: np.ndarray) -> np.ndarray:
        return np.asarray(np.log(answers.astype(np.float64)))

    def softened(self, truth: np.ndarray) -> np.ndarray:
        doubt = 1 / (len(truth) + 2)
        wanted = np.full((len(truth), self.outputs), doubt / max(1, self.outputs - 1))
        wanted[np.arange(len(truth)), truth] = 1 - doubt
        return wanted

    def cross_entropy(self, targets: np.ndarray, answers: np.ndarray) -> float:
        return float(-np.mean(np.sum(targets * np.log(np.clip(answers, 1e-12, 1.0)), axis=1)))

    def confidence(self, truth: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return answers.max(axis=1), self.right(truth, answers)

    def confusion(self, truth: np.ndarray, answers: np.ndarray) -> Matrix:
        counts = np.bincount(truth.astype(np.int64) * self.outputs + answers.argmax(axis=1), minlength=self.outputs**2)
        return tuple(tuple(int(count) for count in row) for row in counts.reshape(self.outputs, self.outputs))

    def tallies(self, confusion: Matrix) -> list[Tally]:
        answered = [sum(column) for column in zip(*confusion, strict=True)]
        return [Tally(sum(row), answered[number], row[number]) for number, row in enumerate(confusion)]

    def mistakes(self, truth: np.ndarray, answers: np.ndarray) -> list[Miss]:
        wrong = np.flatnonzero(~self.right(truth, answers))
        order = wrong[np.argsort(answers[wrong, truth[wrong]], kind="stable")]
        return [self._miss(int(row), int(truth[row]), answers[row]) for row in order]

    @staticmethod
    def _miss(row: int, truth: int, answers: np.ndarray) -> Miss:
        answer = int(answers.argmax())
        return Miss(row, answer, (truth,), (answer,), float(answers[answer]), float(answers[truth]))

    def suspects(self, truth: np.ndarray, answers: np.ndarray) -> list[Suspect]:
        return of_classes(truth, answers)

    def named(self, answers: np.ndarray, names: Sequence[str]) -> list[Any]:
        return [names[output] for output in answers.argmax(axis=1)]

    def truth_of(self, labels: Sequence[str], names: Sequence[str]) -> np.ndarray | None:
        return np.array([names.index(labels[0])]) if labels[0] in names else None

    def sureness(self, answers: np.ndarray) -> np.ndarray:
        return np.asarray(answers.max(axis=1))

    def agreement(self, answers: np.ndarray, others: np.ndarray, within: float = 0.0) -> float:
        return float(np.mean(answers.argmax(axis=1) == others.argmax(axis=1)))

    def constant(self, learned: np.ndarray) -> np.ndarray:
        counts = np.bincount(learned, minlength=self.outputs)
        return np.asarray(counts / counts.sum())

    def baseline(self, metric: Metric, learned: np.ndarray, truth: np.ndarray) -> float:
        return metrics.always(metric, *(np.bincount(labels, minlength=self.outputs) for labels in (learned, truth)))

    def favorite(self, learned: np.ndarray, names: Sequence[str]) -> str:
        return f"'{names[int(self.constant(learned).argmax())]}' for every image"


def _rows(fitted: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts, a row for each class; of two classes scikit-learn keeps one row, the second against the first."""
    coefficients, intercept = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:
        return np.stack([0 * coefficients[0], coefficients[0]]), np.array([0.0, intercept[0]])
    return coefficients, intercept
