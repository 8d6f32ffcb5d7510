"""Every label that applies to an image, none to all of them: a sigmoid for each label, binary cross-entropy, a logistic regression for each label."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.config import Metric
from automl_cnn.processes import cores
from automl_cnn.records import Calibration
from automl_cnn.tasks.drawn import Drawn
from automl_cnn.tasks.draws import area, average_precision, mean_share
from automl_cnn.tasks.stratify import parts
from automl_cnn.tasks.suspects import Suspect, of_labels
from automl_cnn.tasks.task import Activation, Judged, Linear, Matrix, Miss, Pairs, Scores, Tally
from automl_cnn.tasks.thresholds import HALF, THRESHOLDS, chosen

METRICS: tuple[Metric, ...] = ("mean_average_precision", "f1", "micro_f1", "subset_accuracy", "auc")
RARE = 15.0  # logits of a label that no image has, or every image
TINY = 1e-7
LEAST_LOSS = 0.01


@dataclass(frozen=True)
class Multilabel(Drawn):
    """`outputs` labels, of which each image has any number. Truth is uint8 (images, labels).

    The default metric is mean average precision, which needs no threshold: a network is good if, for each label, images that have it are ranked first.
    `thresholds` holds the probability from which each label counts as answered, 0.5 for all where it is empty.
    """

    thresholds: tuple[float, ...] = ()

    name = "multilabel"
    loss = "binary_crossentropy"
    exclusive = False
    least = 1
    share = "subset_accuracy"
    column = "labels"
    doubts_labels = True

    @classmethod
    def of(cls, names: Sequence[str], stated: Mapping[str, Any]) -> Multilabel:
        return cls(len(names), tuple(stated.get(THRESHOLDS) or ()))

    @property
    def activation(self) -> Activation:
        return "sigmoid"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return METRICS

    def draws(self, metric: Metric, truth: np.ndarray, answers: np.ndarray) -> Scores:
        actual = truth > 0
        if metric == "mean_average_precision":
            return average_precision(actual, answers)
        if metric == "auc":
            return area(actual, answers)
        answered = self.answered(answers)
        if metric == "subset_accuracy":
            right = self.right(truth, answers)
            return lambda weights: np.asarray(weights @ right / weights.sum(axis=1))
        hit = actual & answered
        if metric == "micro_f1":
            hits, both = hit.sum(axis=1), actual.sum(axis=1) + answered.sum(axis=1)
            return lambda weights: np.asarray(2 * (weights @ hits) / np.maximum(weights @ both, 1))
        return lambda weights: mean_share(2 * (weights @ hit), weights @ actual + weights @ answered)

    def suited(self, counts: Sequence[int] | np.ndarray) -> Metric:
        return "mean_average_precision"

    def loss_of(self, truth: np.ndarray, answers: np.ndarray) -> float:
        return self.cross_entropy(self.targets(truth), answers)

    @property
    def untrained_loss(self) -> float:
        return math.log(2)

    def blind_loss(self, shares: Sequence[float]) -> float:
        """That of answering how frequent each label is: the mean entropy of a label. Not below a hundredth, where labels are on all images or on none."""
        share = np.clip(np.asarray(shares, float), TINY, 1 - TINY)
        return max(LEAST_LOSS, float(np.mean(-share * np.log(share) - (1 - share) * np.log1p(-share)))) if len(share) else self.untrained_loss

    def right(self, truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return np.asarray(np.all(self.answered(answers) == (truth > 0), axis=1))

    def answered(self, answers: np.ndarray) -> np.ndarray:
        """Which labels are answered, bool (images, labels)."""
        return np.asarray(answers >= np.asarray(self.cuts))

    @property
    def cuts(self) -> tuple[float, ...]:
        """The probability from which each label counts as answered."""
        return self.thresholds or (HALF,) * self.outputs

    def strata(self, truth: np.ndarray) -> np.ndarray:
        """The rarest label of each image; a number of their own for images without one."""
        has = truth > 0
        rarity = np.where(has, has.sum(axis=0), len(truth) + 1)
        return np.asarray(np.where(has.any(axis=1), rarity.argmin(axis=1), has.shape[1]), np.int32)

    def targets(self, truth: np.ndarray) -> np.ndarray:
        return np.asarray(truth, np.float32)

    def weights(self, truth: np.ndarray) -> np.ndarray:
        """The inverse of how frequent each label is, held within a factor of 10 of the mean; a label without images has the mean."""
        share = np.asarray(truth, float).mean(axis=0)
        typical = share[share > 0].mean() if np.any(share > 0) else 1.0
        return np.clip(typical / np.where(share > 0, share, typical), 0.1, 10.0).astype(np.float32)

    def image_weights(self, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The mean weight of an image's labels; 1 where it has none. Labels of a share below 1 in all, as of a mixed image, count by that share."""
        labels = targets.sum(axis=1)
        without = np.maximum(1 - labels, 0)
        return np.asarray((targets @ weights + without) / np.maximum(labels, 1), np.float32)

    def enough(self, truth: np.ndarray) -> bool:
        share = np.asarray(truth, float).mean(axis=0) if len(truth) else np.zeros(self.outputs)
        return bool(np.any((share > 0) & (share < 1)))

    def linear(self, features: np.ndarray, truth: np.ndarray, strength: float, *, balanced: bool, seed: int) -> Linear:
        """A logistic regression for each label."""
        from sklearn.linear_model import LogisticRegression

        weight = "balanced" if balanced else None

        def of_label(label: int) -> tuple[np.ndarray, float]:
            mine = truth[:, label] > 0
            if mine.all() or not mine.any():
                return np.zeros(features.shape[1]), RARE if mine.all() else -RARE
            fitted = LogisticRegression(C=strength, max_iter=300, tol=1e-3, class_weight=weight, random_state=seed).fit(features, mine)
            return fitted.coef_[0], float(fitted.intercept_[0])

        with ThreadPoolExecutor(cores()) as pool:
            columns = list(pool.map(of_label, range(self.outputs)))
        kernel, bias = zip(*columns, strict=True)
        return Linear(np.stack(kernel, axis=1).astype(np.float32), np.asarray(bias, np.float32))

    def folds(self, truth: np.ndarray, folds: int, *, groups: np.ndarray | None, least: int, seed: int) -> Pairs:
        photos = len(truth) if groups is None else len(np.unique(groups))
        if photos < folds or len(truth) < least:
            return []
        of_image = parts(truth, [1 / folds] * folds, groups=groups, seed=seed)
        pairs = [(np.flatnonzero(of_image != fold), np.flatnonzero(of_image == fold)) for fold in range(folds)]
        return [(learn, held) for learn, held in pairs if len(held) and self.enough(truth[learn])]

    def activate(self, logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-np.clip(logits / temperature, -80, 80))))

    def logits(self, answers: np.ndarray) -> np.ndarray:
        inside = np.clip(answers.astype(np.float64), TINY, 1 - TINY)
        return np.asarray(np.log(inside) - np.log1p(-inside))

    def softened(self, truth: np.ndarray) -> np.ndarray:
        doubt = 1 / (len(truth) + 2)
        return np.where(truth > 0, 1 - doubt, doubt)

    def cross_entropy(self, targets: np.ndarray, answers: np.ndarray) -> float:
        """Of a mean label, as Keras has it."""
        inside = np.clip(answers.astype(np.float64), TINY, 1 - TINY)
        return float(-np.mean(targets * np.log(inside) + (1 - targets) * np.log1p(-inside)))

    def confidence(self, truth: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        decided = np.maximum(answers, 1 - answers)
        return decided.ravel(), ((answers >= HALF) == (truth > 0)).ravel()

    def confusion(self, truth: np.ndarray, answers: np.ndarray) -> Matrix:
        actual, answered = truth > 0, self.answered(answers)
        cells = (actual & answered, ~actual & answered, actual & ~answered, ~actual & ~answered)
        return tuple(tuple(int(cell[:, label].sum()) for cell in cells) for label in range(self.outputs))

    def tallies(self, confusion: Matrix) -> list[Tally]:
        return [Tally(hits + missed, hits + wrong, hits) for hits, wrong, missed, _ in confusion]

    def deciding(self, card: Mapping[str, Any]) -> Multilabel:
        return dataclasses.replace(self, thresholds=tuple(card.get(THRESHOLDS) or ()))

    def decisions(self, calibration: Calibration) -> dict[str, Any]:
        return {THRESHOLDS: list(calibration.thresholds)} if calibration.thresholds else {}

    def of_each(self, names: Sequence[str], judged: Judged) -> dict[str, dict[str, float | None]]:
        return {name: tally.as_dict() for name, tally in zip(names, self.tallies(judged.confusion), strict=False)} if self.thresholds else {}

    def decided(self, calibration: Calibration, truth: np.ndarray, answers: np.ndarray, groups: Sequence[int] | np.ndarray = ()) -> Calibration:
        cuts = chosen(truth, answers, groups)
        return dataclasses.replace(calibration, thresholds=cuts.thresholds, f1=cuts.f1, f1_at_half=cuts.f1_at_half)

    def mistakes(self, truth: np.ndarray, answers: np.ndarray) -> list[Miss]:
        actual, answered = truth > 0, self.answered(answers)
        chance = np.where(actual, answers, 1 - answers)  # that it gave to the truth
        worst = np.where(actual == answered, np.inf, chance)
        rows = np.flatnonzero(~self.right(truth, answers))
        return [self._miss(int(row), actual[row], answered[row], worst[row]) for row in rows[np.argsort(worst[rows].min(axis=1), kind="stable")]]

    @staticmethod
    def _miss(row: int, actual: np.ndarray, answered: np.ndarray, worst: np.ndarray) -> Miss:
        label = int(worst.argmin())
        truths, answers = (tuple(int(one) for one in np.flatnonzero(part)) for part in (actual, answered))
        return Miss(row, label, truths, answers, 1 - float(worst[label]), float(worst[label]))

    def suspects(self, truth: np.ndarray, answers: np.ndarray) -> list[Suspect]:
        return of_labels(truth, answers)

    def named(self, answers: np.ndarray, names: Sequence[str]) -> list[Any]:
        return [[names[int(label)] for label in np.flatnonzero(row)] for row in self.answered(answers)]

    def truth_of(self, labels: Sequence[str], names: Sequence[str]) -> np.ndarray | None:
        return np.isin(names, labels)[None].astype(np.uint8) if set(labels) <= set(names) else None

    def sureness(self, answers: np.ndarray) -> np.ndarray:
        return np.asarray(np.where(self.answered(answers), answers, 1 - answers).min(axis=1))

    def agreement(self, answers: np.ndarray, others: np.ndarray, within: float = 0.0) -> float:
        """Of the labels that either gives, the share that both give (the Jaccard index): images without a label must not hide those that changed."""
        after = self.answered(others)
        before = np.where(np.abs(answers - np.asarray(self.cuts)) <= within, after, self.answered(answers))
        either = int(np.sum(before | after))
        return float(np.sum(before & after) / either) if either else 1.0

    def stated(self) -> dict[str, Any]:
        return {"task": self.name, THRESHOLDS: list(self.cuts)}

    def output(self) -> dict[str, Any]:
        words = (
            "one probability for each of `classes`, which are labels, in this order; they do not sum to one. A label counts from its number in `thresholds` on"
        )
        return {"meaning": words, "activation": self.activation}

    def constant(self, learned: np.ndarray) -> np.ndarray:
        return np.asarray(np.mean(learned, axis=0))

    def baseline(self, metric: Metric, learned: np.ndarray, truth: np.ndarray) -> float:
        return self.score(metric, truth, np.tile(self.constant(learned), (len(truth), 1)))

    def favorite(self, learned: np.ndarray, names: Sequence[str]) -> str:
        return "how frequent each label is, for every image"
