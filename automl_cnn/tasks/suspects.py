"""Labels that may be wrong, by the answers of a model that did not learn from the images. Pure.

Confident learning (Northcutt et al. 2021, https://arxiv.org/abs/1911.00068) takes a label for suspect where another class is more likely than that class
usually is for its own images. Of several labels, each is a question of its own: that an image has it, or that it has it not (Thyagarajan et al. 2022,
https://arxiv.org/abs/2211.13895).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLEAR = 0.5  # by how much another class is more likely than the label where that alone is enough
HIGH = 0.9  # least probability that one of several labels is wrong
TIMES = 5.0  # how much less likely than on average the entry is then, at least: of a rare label, a low probability says nothing

ROUNDING = 1e-9


@dataclass(frozen=True)
class Suspect:
    """A label of the image in `row` that may be wrong.

    `output` is the class that fits better, or the one of several labels that is missing or too much; `confidence` is the model's probability of that, and
    `chance` the one that it gives the label as it is. `truths` are the outputs that the image has, `better` those that it would have.
    """

    row: int
    output: int
    confidence: float
    chance: float
    truths: tuple[int, ...]
    better: tuple[int, ...]


def of_classes(truth: np.ndarray, answers: np.ndarray) -> list[Suspect]:
    """Suspect classes, the largest difference of probabilities first. `truth` is int (images,), `answers` (images, classes)."""
    every = np.arange(len(truth))
    own, likely = answers[every, truth], answers.argmax(axis=1)
    usual = np.array([own[truth == label].mean() if np.any(truth == label) else np.inf for label in range(answers.shape[1])])
    best = answers[every, likely]
    margin, sure = best - own, best >= usual[likely]
    rows = np.flatnonzero((likely != truth) & (sure | (margin > CLEAR)))
    return [
        Suspect(int(row), int(likely[row]), float(best[row]), float(own[row]), (int(truth[row]),), (int(likely[row]),))
        for row in rows[np.argsort(-margin[rows], kind="stable")]
    ]


def of_labels(truth: np.ndarray, answers: np.ndarray) -> list[Suspect]:
    """Suspect entries of several labels, the most suspect first. `truth` is 0 or 1 (images, labels), `answers` are probabilities of the same shape.

    An entry, that an image has a label or has it not, is suspect where the model contradicts it with at least `HIGH` probability, where it does so
    at least as much as it usually says the opposite of images that are labeled with the opposite, and where the entry is at least `TIMES` less likely than
    it is on average. The last keeps out rare labels that the model cannot see: it denies them for every image, also for images that have them.
    """
    has = truth > 0
    chance = np.where(has, answers, 1 - answers)
    common = _common(has)
    usual = np.where(has, _mean_of(1 - answers, ~has), _mean_of(answers, has))  # the model's confidence in the opposite, on images labeled so
    doubted = (1 - chance >= np.maximum(HIGH, usual) - ROUNDING) & (chance <= common / TIMES)
    images, labels = np.nonzero(doubted)
    order = np.argsort(unlikely(truth, answers)[images, labels], kind="stable")
    return [_entry(int(image), int(label), has[image], float(chance[image, label])) for image, label in zip(images[order], labels[order], strict=True)]


def unlikely(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """How likely each entry of several labels is, (images, labels), the lowest the most suspect.

    An entry that fewer than half of the images have is compared with that share: that an image lacks a rare label is likely in any case.
    """
    has = truth > 0
    return np.asarray(np.where(has, answers, 1 - answers) / np.minimum(_common(has), 0.5))


def unlikely_classes(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """How likely each image's class is, (images,), compared with the likeliest other; the lowest are the most suspect."""
    every = np.arange(len(truth))
    others = answers.copy()
    others[every, truth] = -1.0
    return np.asarray(answers[every, truth] - others.max(axis=1))


def _entry(row: int, label: int, has: np.ndarray, chance: float) -> Suspect:
    truths = tuple(int(one) for one in np.flatnonzero(has))
    better = tuple(one for one in truths if one != label) if has[label] else tuple(sorted((*truths, label)))
    return Suspect(row, label, 1 - chance, chance, truths, better)


def _common(has: np.ndarray) -> np.ndarray:
    """How frequent each entry is, (images, labels): the share of images with the label where an image has it, else of those without."""
    share = has.sum(axis=0) / max(1, len(has))
    return np.asarray(np.where(has, share, 1 - share))


def _mean_of(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The mean of the chosen values in each column; infinite where none is."""
    counts = chosen.sum(axis=0)
    return np.where(counts > 0, np.sum(values * chosen, axis=0) / np.maximum(counts, 1), np.inf)
