"""Labels that may be wrong, images that belong to no class, and classes that are hard to tell apart: by a regression on frozen features.

Each image is answered by a regression that did not learn from it. Confident learning (Northcutt et al. 2021, https://arxiv.org/abs/1911.00068) then takes
a label for suspect where another class is more likely than that class usually is for its own images, or far more likely than the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.check.extremes import far, ranked
from automl_cnn.metrics import wilson
from automl_cnn.problems import Case, Problem, many, verb

CLEAR = 0.5  # by how much another class is more likely than the label where that alone is enough
ALONE = 4.0  # spreads of the distance to the nearest images of its class, beyond which an image stands alone
NEIGHBORS = 5
CONFUSED = 0.1  # share of a class that is taken for another, from which on (at the lower end of its interval) the two are named
PAIRS = 5


@dataclass(frozen=True)
class Suspect:
    """An image whose label may be wrong; `likely` is the class that fits better, by the `margin` of their probabilities."""

    row: int
    likely: int
    margin: float


def suspects(probabilities: np.ndarray, labels: np.ndarray) -> list[Suspect]:
    """The most suspect first. `probabilities` (n, classes) are of regressions that did not learn from the image."""
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    usual = np.array([own[labels == label].mean() if np.any(labels == label) else np.inf for label in range(classes)])
    likely = probabilities.argmax(axis=1)
    margin = probabilities[np.arange(len(labels)), likely] - own
    sure = probabilities[np.arange(len(labels)), likely] >= usual[likely]
    rows = np.flatnonzero((likely != labels) & (sure | (margin > CLEAR)))
    return [Suspect(int(row), int(likely[row]), float(margin[row])) for row in rows[np.argsort(-margin[rows], kind="stable")]]


def suspicion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How suspect each label is, from -1 to 1: the probability of the likeliest other class less that of the label."""
    own = probabilities[np.arange(len(labels)), labels]
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1.0
    return np.asarray(others.max(axis=1) - own)


@dataclass(frozen=True)
class Answered:
    """Images in `rows` of the data set, with their labels, the probabilities of regressions that did not learn from them, and their features."""

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray


def problems_of(paths: Sequence[str], classes: Sequence[str], answered: Answered) -> list[Problem]:
    """Suspect labels, images unlike their class, classes that look alike."""
    every = [_labels(paths, classes, answered), _alone(paths, answered), _confused(classes, answered)]
    return [problem for problem in every if problem is not None]


def _labels(paths: Sequence[str], classes: Sequence[str], answered: Answered) -> Problem | None:
    rows, labels, probabilities = answered.rows, answered.labels, answered.probabilities
    doubtful = suspects(probabilities, labels)
    if not doubtful:
        return None
    cases = [
        Case(
            paths[rows[one.row]],
            f"labeled '{classes[labels[one.row]]}', looks like '{classes[one.likely]}' ({probabilities[one.row, one.likely]:.0%})",
            row=int(rows[one.row]),
            suggested=classes[one.likely],
        )
        for one in doubtful
    ]
    return Problem(
        "label",
        "warning",
        f"{many(len(cases), 'label')} {verb(len(cases), 'is', 'are')} suspect: another class fits the image better. Some are hard images and not mistakes.",
        "It uses them as they are labeled.",
        "Look at them, the first ones first. `--fix FILE` writes a list to edit, and `search --labels FILE` applies it.",
        len(cases),
        tuple(cases),
    )


def _alone(paths: Sequence[str], answered: Answered) -> Problem | None:
    rows, labels, features = answered.rows, answered.labels, answered.features
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-3
    plain = (np.asarray(features, np.float32) - mean) / deviation
    plain /= np.maximum(np.linalg.norm(plain, axis=1, keepdims=True), 1e-9)
    distance = np.zeros(len(labels))
    odd = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        if len(mine) <= 2 * NEIGHBORS:
            continue
        likeness = plain[mine] @ plain[mine].T
        np.fill_diagonal(likeness, -np.inf)
        nearest = np.partition(likeness, -NEIGHBORS, axis=1)[:, -NEIGHBORS:].mean(axis=1)
        distance[mine] = 1 - nearest
        odd[mine] = far(distance[mine], below=False, least=0.02, sure=ALONE)
    if not odd.any():
        return None
    order = ranked(np.flatnonzero(odd), distance, lowest=False)
    return Problem(
        "outlier",
        "note",
        f"{many(len(order))} {verb(len(order), 'looks', 'look')} like no other of the class.",
        "It uses them.",
        "See whether they belong to the class.",
        len(order),
        tuple(Case(paths[rows[row]], "", row=int(rows[row])) for row in order),
    )


def _confused(classes: Sequence[str], answered: Answered) -> Problem | None:
    labels, answers, pairs = answered.labels, answered.probabilities.argmax(axis=1), []
    for label in np.unique(labels):
        mine = answers[labels == label]
        for other in np.unique(mine[mine != label]):
            wrong = int(np.sum(mine == other))
            if wilson(wrong, len(mine))[0] >= CONFUSED:
                pairs.append((wrong / len(mine), f"{wrong / len(mine):.0%} of '{classes[label]}' are taken for '{classes[other]}'"))
    if not pairs:
        return None
    pairs.sort(reverse=True)
    more = f", and {len(pairs) - PAIRS} more pairs" if len(pairs) > PAIRS else ""
    return Problem(
        "confusable",
        "note",
        f"Classes that a frozen network cannot tell apart well: {'; '.join(words for _, words in pairs[:PAIRS])}{more}.",
        "It trains networks that may do better.",
        "More images of these classes help most. If people cannot tell them apart either, join them.",
        len(pairs),
    )
