"""Decision thresholds of labels: chosen for each label on validation images, and kept only if that helps on held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.tasks.stratify import parts

THRESHOLDS = "thresholds"  # in a model's card
HALF = 0.5
FOLDS = 5
LEAST = 4  # images that have a label, and that have it not, without which it keeps one half
REPEATS = 5  # times that images are dealt into folds


@dataclass(frozen=True)
class Cuts:
    """The thresholds (labels,), and the macro F1 on held-out images: with them, and at 0.5."""

    thresholds: tuple[float, ...]
    f1: float
    f1_at_half: float


def chosen(truth: np.ndarray, answers: np.ndarray, groups: Sequence[int] | np.ndarray = ()) -> Cuts:
    """The thresholds for `truth` and `answers` (images, labels). `groups` holds a number for each image, the same for versions of one photo."""
    own = np.asarray(groups) if len(groups) == len(truth) else np.arange(len(truth))
    half = np.full(truth.shape[1], HALF)
    with_cuts, at_half = [], []
    if len(np.unique(own)) >= 2 * FOLDS:
        for seed in range(REPEATS):
            of_image = parts(truth, [1 / FOLDS] * FOLDS, groups=own, seed=seed)
            answered = np.zeros(truth.shape, bool)
            for fold in range(FOLDS):
                held = of_image == fold
                answered[held] = answers[held] >= best(truth[~held], answers[~held])
            with_cuts.append(macro_f1(truth, answered))
            at_half.append(macro_f1(truth, answers >= half))
    f1, before = (float(np.mean(scores)) if scores else 0.0 for scores in (with_cuts, at_half))
    cuts = best(truth, answers) if f1 > before else half
    return Cuts(tuple(round(float(cut), 4) for cut in cuts), f1, before)


def best(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """The threshold of each label with the highest F1, halfway between two probabilities; of equally good ones, the one nearest to 0.5."""
    return np.array([_of_label(truth[:, label] > 0, answers[:, label]) for label in range(truth.shape[1])])


def _of_label(has: np.ndarray, answers: np.ndarray) -> float:
    if min(int(has.sum()), int((~has).sum())) < LEAST:
        return HALF
    order = np.argsort(-answers, kind="stable")
    ranked, hits = answers[order], np.cumsum(has[order])
    f1 = 2 * hits / (np.arange(1, len(has) + 1) + has.sum())
    ends = np.flatnonzero(np.concatenate([ranked[1:] < ranked[:-1], [True]]))  # of equal answers, all or none
    below = np.append(ranked, 0.0)[ends + 1]
    cuts = (ranked[ends] + below) / 2
    top = f1[ends] >= f1[ends].max() - 1e-12
    return float(min(cuts[top], key=lambda cut: abs(cut - HALF)))


def macro_f1(truth: np.ndarray, answered: np.ndarray) -> float:
    """The mean F1 over the labels that are present or predicted."""
    hits, both = np.sum((truth > 0) & answered, axis=0), np.sum(truth > 0, axis=0) + np.sum(answered, axis=0)
    present = both > 0
    return float(np.mean(2 * hits[present] / both[present])) if present.any() else 0.0
