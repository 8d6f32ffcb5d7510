"""A readout judged by cross-validation: every training and validation image is predicted by a regression that was not trained on it.

A hundred validation images cannot rank readouts whose scores differ by two points. Features are computed already, so that judging on all images costs a
few regressions. The folds keep versions of one photo together. The strength of the penalty is chosen on the same folds: of a handful of strengths, which
makes the score look better by a small part of its standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from automl_cnn.config import Metric
from automl_cnn.paired import packed
from automl_cnn.tasks import Task
from automl_cnn.train.regression import regress

SEED = 0  # of the folds: the same images in every trial of a study, so that trials can be compared in pairs


@dataclass(frozen=True)
class CrossValidated:
    """`score` and its 95 % `interval` over all images, each answered by one of `folds` regressions; `right` is packed, in the order of the images."""

    score: float
    interval: tuple[float, float]
    folds: int
    right: str
    strength: float


def cross_validated(task: Task, metric: Metric, features: np.ndarray, truth: np.ndarray, *, balanced: bool, groups: np.ndarray | None) -> CrossValidated | None:
    """The score of a regression of `truth` on at most `ENOUGH` `features` (images, features); None where there are too few images for folds.

    Raises:
        TrialError: a feature is not finite, or there is only one class.
    """
    regression = regress(task, features, truth, balanced=balanced, seed=SEED, groups=groups)
    if not regression.folds:
        return None
    answers = np.empty_like(regression.held_out)
    answers[regression.held_rows] = regression.held_out
    score = task.score(metric, truth, answers)
    span = task.interval(metric, truth, answers, groups=() if groups is None else groups)
    return CrossValidated(score, span, regression.folds, packed(task.right(truth, answers)), regression.strength)
