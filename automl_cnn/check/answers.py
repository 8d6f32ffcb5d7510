"""Predictions of regressions on frozen features for held-out images."""

from __future__ import annotations

import numpy as np

from automl_cnn.data.passes import Passes, Report
from automl_cnn.tasks import Task
from automl_cnn.train.regression import ENOUGH, FOLDS, STRENGTHS, Regression, regress

FITS = 1.0 + len(STRENGTHS) * FOLDS  # of a regression whose strength is chosen, at most
REPEATS = 3  # times that few images are folded, each time otherwise: one fold's luck is averaged out


def held_out(task: Task, features: np.ndarray, truth: np.ndarray, groups: np.ndarray | None, report: Report | None = None) -> np.ndarray | None:
    """Probabilities (n, outputs) for `features` (n, channels), each row by a regression fitted on other folds; None where there are too few images.

    `truth` is that of the images as the `task` has it. Versions of one photo (equal `groups`) stay in one fold. The strength of the penalty is chosen on at
    most `ENOUGH` images; of that many or fewer, the mean over several ways to fold them is taken. `report` receives the number of
    fits done and their approximate total.
    """
    if not task.enough(truth):
        return None
    every = [FITS] * REPEATS if len(truth) <= ENOUGH else [FITS, *[1.0] * FOLDS]
    passes = Passes(report, round(sum(every)), every)
    first = regress(task, features, truth, balanced=False, seed=0, groups=groups, report=passes.part)
    if not first.folds:
        return None
    passes.done()
    if len(truth) <= ENOUGH and len(first.held_rows) == len(truth):
        given = [_answers(first)]
        for seed in range(1, REPEATS):
            given.append(_answers(regress(task, features, truth, balanced=False, seed=seed, groups=groups, report=passes.part)))
            passes.done()
        return np.asarray(np.mean(given, axis=0))
    answers = task.activate(np.zeros((len(truth), task.outputs)))
    keys = np.arange(len(truth)) if groups is None else groups
    different = np.unique(keys)
    fold_of = dict(zip(different.tolist(), np.random.default_rng(0).integers(FOLDS, size=len(different)).tolist(), strict=True))
    folds = np.array([fold_of[key] for key in keys.tolist()])
    for fold in range(FOLDS):
        held = folds == fold
        if held.any() and task.enough(truth[~held]):
            answers[held] = regress(task, features[~held], truth[~held], balanced=False, seed=0, strength=first.strength).answers(features[held])
        passes.done()
    return answers


def _answers(regression: Regression) -> np.ndarray:
    """The probabilities of the held-out images, in the order of the images."""
    answers = np.empty_like(regression.held_out)
    answers[regression.held_rows] = regression.held_out
    return answers
