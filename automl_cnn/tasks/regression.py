"""One or several numbers for each image: a linear output in the user's units, squared error, a ridge regression on features.

A score is higher the better, like that of any other task, so that search, ranking and charts need no second direction: RMSE and MAE count as
`1 - error / standard deviation`, which is 0 for answering the mean and 1 for no error. People read them in the user's units (see `automl_cnn.measure`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.config import Metric
from automl_cnn.errors import DataError
from automl_cnn.records import Calibration
from automl_cnn.tasks.conformal import Widths, widths_of
from automl_cnn.tasks.drawn import Drawn
from automl_cnn.tasks.fidelity import NUMBERS
from automl_cnn.tasks.stratify import dealt
from automl_cnn.tasks.targets import Target, apart
from automl_cnn.tasks.task import Field, Judged, Linear, Matrix, Miss, Pairs, Scores, Tally, Units

METRICS: tuple[Metric, ...] = ("rmse", "mae", "r2", "spearman")
NEAR = 0.5  # standard deviations within which an answer counts as right, where a share of right answers is asked for
STRATA, STRATUM = 10, 20  # parts of equal numbers of images that every split has its share of, at most, and images in each at least
TARGETS, INTERVALS = "targets", "intervals"  # in a model's card
BINS = 20  # of a histogram
MOST_NAMED = 4  # numbers that a line describes
TINY = 1e-12


@dataclass(frozen=True)
class Regression(Drawn):
    """`outputs` numbers for each image. Truth and answers are float (images, outputs), in the user's units.

    The default metric is the root mean squared error. Of several numbers, each counts in its own standard deviations, and scores are their mean.
    `widths` are the half-widths of prediction intervals, where they are known.
    """

    asked: tuple[Target, ...] = ()
    widths: Widths | None = None

    name = "regression"
    exclusive = False
    probable = False
    least = 1
    share = "rmse"
    column = "value"
    returned = "numbers"
    fidelity = NUMBERS
    strengths = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    loss = "standardized"

    @classmethod
    def of(cls, names: Sequence[str], stated: Mapping[str, Any]) -> Regression:
        targets = tuple(Target(str(one["name"]), str(one.get("unit", "")), float(one["mean"]), float(one["sd"])) for one in stated.get(TARGETS) or ())
        known = stated.get(INTERVALS)
        return cls(len(names), targets or tuple(map(Target, names)), Widths.of(known) if known else None)

    @property
    def named_targets(self) -> tuple[Target, ...]:
        """What is asked for, a target for each output."""
        return self.asked or tuple(Target(f"number {number + 1}") for number in range(self.outputs))

    @property
    def means(self) -> np.ndarray:
        """Of the training images, (outputs,)."""
        return np.array([target.mean for target in self.named_targets])

    @property
    def sds(self) -> np.ndarray:
        """Standard deviations of the training images, (outputs,)."""
        return np.array([target.sd for target in self.named_targets])

    @property
    def activation(self) -> Units:
        return Units(tuple(map(float, self.sds)), tuple(map(float, self.means)))

    # ---- scores

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return METRICS

    def draws(self, metric: Metric, truth: np.ndarray, answers: np.ndarray) -> Scores:
        off = self._standardized(answers) - self._standardized(truth)
        if metric == "spearman":
            return _correlation(_ranks(truth), _ranks(answers))
        if metric == "mae":
            return lambda weights: np.asarray(1 - (weights @ np.abs(off) / weights.sum(axis=1, keepdims=True)).mean(axis=1))
        if metric == "rmse":
            return lambda weights: np.asarray(1 - np.sqrt(weights @ off**2 / weights.sum(axis=1, keepdims=True)).mean(axis=1))
        there = self._standardized(truth)

        def explained(weights: np.ndarray) -> np.ndarray:
            images = weights.sum(axis=1, keepdims=True)
            spread = weights @ there**2 / images - (weights @ there / images) ** 2
            return np.asarray((1 - (weights @ off**2 / images) / np.maximum(spread, TINY)).mean(axis=1))

        return explained

    def suited(self, counts: Sequence[int] | np.ndarray) -> Metric:
        return "rmse"

    def loss_of(self, truth: np.ndarray, answers: np.ndarray) -> float:
        """Mean squared error in standard deviations, of a mean number."""
        return float(np.mean((self._standardized(answers) - self._standardized(truth)) ** 2))

    @property
    def untrained_loss(self) -> float:
        return 1.0

    def blind_loss(self, shares: Sequence[float]) -> float:
        """That of answering the mean."""
        return 1.0

    def right(self, truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Which answers are near: within half a standard deviation of the truth, in all numbers."""
        return np.asarray(np.all(np.abs(self._standardized(answers) - self._standardized(truth)) <= NEAR, axis=1))

    def _standardized(self, values: np.ndarray) -> np.ndarray:
        return np.asarray((np.asarray(values, np.float64) - self.means) / self.sds)

    def extent(self, truth: np.ndarray) -> list[dict[str, Any]]:
        """By number: the lowest (`low`), the middle one (`median`), the highest (`high`), `mean`, standard deviation `sd`, and how many lie in each of `BINS`
        equal parts between (`counts`)."""
        return [
            {
                "low": float(values.min()),
                "median": float(np.median(values)),
                "high": float(values.max()),
                "mean": float(values.mean()),
                "sd": float(values.std()),
                "counts": np.histogram(values, BINS)[0].astype(int).tolist(),
            }
            for values in np.asarray(truth, np.float64).T
        ]

    def summed_up(self, images: str, names: Sequence[str], truth: np.ndarray) -> str:
        known = list(zip(self.named_targets, np.asarray(truth, np.float64).T, strict=True))
        shown = [f"{one.title}, from {one.brief(all_.min())} to {one.brief(all_.max())}, mean {one.brief(all_.mean())}" for one, all_ in known[:MOST_NAMED]]
        more = f"; and {len(known) - MOST_NAMED:,} more" if len(known) > MOST_NAMED else ""
        each = "a number each" if self.outputs == 1 else f"{self.outputs:,} numbers each"
        return f"{images}, {each}: {'; '.join(shown)}{more}"

    # ---- training

    def counted(self, truth: np.ndarray) -> np.ndarray:
        return np.full(self.outputs, len(truth), np.int64)

    def strata(self, truth: np.ndarray) -> np.ndarray:
        """Parts with equal numbers of images, from the lowest numbers to the highest; of several numbers, by the sum of their standardized values."""
        return quantiles(truth)

    def targets(self, truth: np.ndarray) -> np.ndarray:
        return np.asarray(truth, np.float32)

    def weights(self, truth: np.ndarray) -> np.ndarray:
        return np.ones(self.outputs, np.float32)

    def image_weights(self, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.ones(len(targets), np.float32)

    def enough(self, truth: np.ndarray) -> bool:
        return len(truth) > 1 and bool(np.any(np.ptp(truth, axis=0) > 0))

    def linear(self, features: np.ndarray, truth: np.ndarray, strength: float, *, balanced: bool, seed: int) -> Linear:
        """A ridge regression, whose penalty is the inverse of `strength` (Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634)."""
        from sklearn.linear_model import Ridge

        wanted = self._standardized(truth)
        fitted = Ridge(alpha=1 / strength, random_state=seed).fit(features.astype(np.float64), wanted)
        kernel = np.asarray(fitted.coef_).reshape(self.outputs, features.shape[1]).T
        return Linear(kernel.astype(np.float32), np.asarray(fitted.intercept_, np.float32).reshape(self.outputs))

    def folds(self, truth: np.ndarray, folds: int, *, groups: np.ndarray | None, least: int, seed: int) -> Pairs:
        if len(truth) < least:
            return []
        return [(learn, held) for learn, held in dealt(self.strata(truth), folds, groups=groups, seed=seed) if len(held) and self.enough(truth[learn])]

    def activate(self, logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        return np.asarray(logits * self.sds + self.means)

    def logits(self, answers: np.ndarray) -> np.ndarray:
        return self._standardized(answers)

    # ---- confidence: an answer has no probability, but an interval

    def softened(self, truth: np.ndarray) -> np.ndarray:
        return np.asarray(truth, np.float64)

    def cross_entropy(self, targets: np.ndarray, answers: np.ndarray) -> float:
        return self.loss_of(targets, answers)

    def confidence(self, truth: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(0), np.zeros(0)

    def confusion(self, truth: np.ndarray, answers: np.ndarray) -> Matrix:
        return ()

    def tallies(self, confusion: Matrix) -> list[Tally]:
        return []

    def decided(self, calibration: Calibration, truth: np.ndarray, answers: np.ndarray, groups: Sequence[int] | np.ndarray = ()) -> Calibration:
        known = widths_of(truth, answers)
        return dataclasses.replace(calibration, widths=known.half if known else ())

    def deciding(self, card: Mapping[str, Any]) -> Regression:
        return dataclasses.replace(self, widths=Widths.of(card[INTERVALS])) if card.get(INTERVALS) else self

    def decisions(self, calibration: Calibration) -> dict[str, Any]:
        return {INTERVALS: Widths(calibration.widths).as_dict()} if calibration.widths else {}

    def of_each(self, names: Sequence[str], judged: Judged) -> dict[str, dict[str, float | None]]:
        """By number, in its unit: `rmse`, `mae`, `r2`, `spearman`; half the width of the prediction interval, and the share of truths within (`covered`)."""
        truth, answers = judged.truth, judged.answers
        if truth is None or answers is None:
            return {}
        covered = self.widths.covered(truth, answers) if self.widths else (None,) * self.outputs
        figures: dict[str, dict[str, float | None]] = {}
        for number, (name, target) in enumerate(zip(names, self.named_targets, strict=True)):
            alone = Regression(1, (target,))
            true, given = truth[:, [number]], answers[:, [number]]
            scores = {metric: alone.score(metric, true, given) for metric in METRICS}
            errors = {metric: target.sd * (1 - scores[metric]) for metric in ("rmse", "mae")}
            half = self.widths.half[number] if self.widths else None
            figures[name] = {**errors, "r2": scores["r2"], "spearman": scores["spearman"], "half_width": half, "covered": covered[number]}
        return figures

    def lines(self, names: Sequence[str], judged: Judged) -> list[str]:
        """`age: RMSE 3.2 years, MAE 2.4 years, R² 0.912; 91.0% of the truths lie within the 90% interval`. Without R² where all truths are the same."""
        figures = self.of_each(names, judged)
        if judged.truth is None or not figures:
            return []
        varies = np.ptp(judged.truth, axis=0) > 0
        return [
            self._line(target, figures[name] if known else {**figures[name], "r2": None}, self.widths)
            for name, target, known in zip(names, self.named_targets, varies, strict=True)
        ]

    @staticmethod
    def _line(target: Target, figures: Mapping[str, float | None], widths: Widths | None) -> str:
        errors = [f"{name} {target.shown(value)}" for name, value in (("RMSE", figures["rmse"]), ("MAE", figures["mae"])) if value is not None]
        within, share = figures["covered"], figures["r2"]
        covered = f"; {within:.1%} of the true values lie within the {widths.level:.0%} interval" if widths and within is not None else ""
        return f"{target.name}: {', '.join(errors)}{'' if share is None else f', R² {share:.3f}'}{covered}"

    def mistakes(self, truth: np.ndarray, answers: np.ndarray) -> list[Miss]:
        """All images, the largest error first, in standard deviations of its number."""
        off = np.abs(self._standardized(answers) - self._standardized(truth))
        return [
            Miss(int(row), int(off[row].argmax()), (), (), 0.0, 0.0, tuple(map(float, truth[row])), tuple(map(float, answers[row])))
            for row in np.argsort(-off.max(axis=1), kind="stable")
        ]

    # ---- answers in words

    def named(self, answers: np.ndarray, names: Sequence[str]) -> np.ndarray:
        values = np.asarray(answers, np.float64)
        return values[:, 0] if self.outputs == 1 else values

    def span(self, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.widths is None:
            raise DataError("The model has no intervals: its search had too few validation images to measure them. Search with more images.")
        half = np.asarray(self.widths.half)
        return self.named(answers - half, ()), self.named(answers + half, ())

    @property
    def no_probabilities(self) -> str:
        numbers = ", ".join(target.title for target in self.named_targets)
        return f"The model predicts numbers ({numbers}), which have no probabilities. Call predict for them, and predict_interval for their intervals."

    def heads(self, names: Sequence[str]) -> list[str]:
        """A number's name with its unit, then, where they are known, the ends of its interval: `age (years)`, `age low`, `age high`."""
        titles = apart((target.title for target in self.named_targets), taken=("path",))
        if self.widths is None:
            return titles
        ends = apart((f"{target.name} {end}" for target in self.named_targets for end in ("low", "high")), taken=("path", *titles))
        return [head for number, title in enumerate(titles) for head in (title, *ends[2 * number : 2 * number + 2])]

    def cells(self, answers: np.ndarray, names: Sequence[str]) -> list[list[str]]:
        places = np.repeat([target.digits for target in self.named_targets], 3 if self.widths else 1)
        return [[f"{value:.{digits}f}" for value, digits in zip(row, places, strict=True)] for row in self._with_ends(answers)]

    def fields(self, names: Sequence[str]) -> dict[str, Field]:
        return dict.fromkeys(self.heads(names), "number")

    def frame(self, answers: np.ndarray, names: Sequence[str]) -> dict[str, list[Any]]:
        return dict(zip(self.heads(names), self._with_ends(answers).T.tolist(), strict=True))

    def _with_ends(self, answers: np.ndarray) -> np.ndarray:
        """float64 (images, columns): each number, then, where it is known, the ends of its interval."""
        values = np.asarray(answers, np.float64)
        if self.widths is None:
            return values
        half = np.asarray(self.widths.half)
        return np.stack([values, values - half, values + half], axis=2).reshape(len(values), -1)

    def columns_of_truth(self) -> list[str]:
        return [target.title for target in self.named_targets]

    def truth_of(self, labels: Sequence[str], names: Sequence[str]) -> np.ndarray | None:
        try:
            values = [float(label) for label in labels]
        except ValueError:
            return None
        return np.array([values]) if len(values) == self.outputs and np.isfinite(values).all() else None

    def sureness(self, answers: np.ndarray) -> np.ndarray:
        return np.ones(len(answers))

    def agreement(self, answers: np.ndarray, others: np.ndarray, within: float = 0.0) -> float:
        """The share of numbers that differ by at most `within` standard deviations, or by a thousandth of one."""
        return float(np.mean(self._apart(answers, others) <= max(within, NUMBERS.exact)))

    def distance(self, answers: np.ndarray, others: np.ndarray) -> float:
        return float(self._apart(answers, others).max())

    def sound(self, answers: np.ndarray) -> bool:
        return bool(np.isfinite(answers).all())

    def _apart(self, answers: np.ndarray, others: np.ndarray) -> np.ndarray:
        """How far apart they are, in standard deviations. Differences below the precision of float32 count as none."""
        values, known = (np.asarray(given, np.float64) for given in (answers, others))
        rounding = 2 * np.spacing(np.maximum(np.abs(values), np.abs(known)).astype(np.float32)).astype(np.float64)
        return np.asarray(np.maximum(np.abs(values - known) - rounding, 0) / self.sds)

    def stated(self) -> dict[str, Any]:
        known = {INTERVALS: self.widths.as_dict()} if self.widths else {}
        return {"task": self.name, TARGETS: [dataclasses.asdict(target) for target in self.named_targets], **known}

    def output(self) -> dict[str, Any]:
        """`digits` is how many to show after the decimal point."""
        words = "one number for each of `classes`, in the units that `targets` state"
        if self.widths:
            words += "; `intervals` has how far its prediction interval reaches to either side (`half_widths`), and which share of truths lies within (`level`)"
        return {"meaning": words, "activation": "linear", "digits": [target.digits for target in self.named_targets]}

    # ---- without a network

    def constant(self, learned: np.ndarray) -> np.ndarray:
        return np.asarray(np.mean(learned, axis=0))

    def baseline(self, metric: Metric, learned: np.ndarray, truth: np.ndarray) -> float:
        return self.score(metric, truth, np.tile(self.constant(learned), (len(truth), 1)))

    def favorite(self, learned: np.ndarray, names: Sequence[str]) -> str:
        means = (f"{target.name} {target.shown(value)}" for target, value in zip(self.named_targets, self.constant(learned), strict=True))
        return f"the mean of the training images ({', '.join(means)}) for every image"


def quantiles(truth: np.ndarray, most: int = STRATA) -> np.ndarray:
    """At most `most` parts of (images, outputs) with about equal numbers of images, at least `STRATUM` each, int32 (images,); equal numbers are in one part."""
    spread = np.std(truth, axis=0)
    place = np.sum((truth - truth.mean(axis=0)) / np.where(spread > 0, spread, 1), axis=1)
    parts = int(np.clip(len(truth) // STRATUM, 1, most))
    edges = np.unique(np.quantile(place, np.arange(1, parts) / parts)) if parts > 1 else np.zeros(0)
    below = np.searchsorted(edges, place, side="left")
    return np.asarray(np.unique(below, return_inverse=True)[1], np.int32)


def _ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=0))


def _correlation(one: np.ndarray, other: np.ndarray) -> Scores:
    """Pearson's correlation of (images, outputs) each, averaged over the outputs; 0 where one does not vary."""

    def of_all(weights: np.ndarray) -> np.ndarray:
        images = weights.sum(axis=1, keepdims=True)
        means = [weights @ part / images for part in (one, other)]
        common = weights @ (one * other) / images - means[0] * means[1]
        spread = [weights @ part**2 / images - mean**2 for part, mean in zip((one, other), means, strict=True)]
        product = spread[0] * spread[1]
        return np.asarray(np.where(product > TINY, common / np.sqrt(np.maximum(product, TINY)), 0.0).mean(axis=1))

    return of_all
