"""Labels that may be wrong, images that belong to no class, and classes that are hard to distinguish: by a regression on frozen features.

Each image is predicted by a regression that did not learn from it; `automl_cnn.tasks.suspects` says which labels these answers put in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.check.extremes import far, ranked
from automl_cnn.data.labelsets import joined
from automl_cnn.metrics import wilson
from automl_cnn.problems import Case, Problem, contradicted, many, verb
from automl_cnn.tasks import Suspect, Task

ALONE = 4.0  # spreads of the distance to the nearest images of its class, beyond which an image stands alone
NEIGHBORS = 5
CONFUSED = 0.1  # share of a class that is taken for another, from which on (at the lower end of its interval) the two are named
PAIRS = 5
SEARCH = "It uses them as they are labeled."
ADVICE = "Look at them, the most suspect first. `--fix FILE` writes a list to edit, and `search --labels FILE` applies it."


@dataclass(frozen=True)
class Answered:
    """Images in `rows` of the data set, with their truth, the probabilities of regressions that did not learn from them, and their features."""

    task: Task
    rows: np.ndarray
    truth: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray


def problems_of(paths: Sequence[str], classes: Sequence[str], answered: Answered) -> list[Problem]:
    """Suspect labels; of one class each, also images unlike their class, and classes that look alike."""
    if answered.task.exclusive:
        every = [_labels(paths, classes, answered), _alone(paths, answered), _confused(classes, answered)]
    else:
        every = [_entries(paths, classes, answered)]
    return [problem for problem in every if problem is not None]


def _labels(paths: Sequence[str], classes: Sequence[str], answered: Answered) -> Problem | None:
    rows, doubtful = answered.rows, answered.task.suspects(answered.truth, answered.probabilities)
    if not doubtful:
        return None
    cases = [
        Case(
            paths[rows[one.row]],
            f"labeled '{classes[one.truths[0]]}', looks like '{classes[one.output]}' ({one.confidence:.0%})",
            row=int(rows[one.row]),
            suggested=classes[one.output],
        )
        for one in doubtful
    ]
    return Problem(
        "label",
        "warning",
        f"{many(len(cases), 'label')} {verb(len(cases), 'is', 'are')} suspect: another class fits the image better. Some are hard images, not mistakes.",
        SEARCH,
        ADVICE,
        len(cases),
        tuple(cases),
    )


def _entries(paths: Sequence[str], classes: Sequence[str], answered: Answered) -> Problem | None:
    """A case for each image, with all of its labels that are suspect."""
    doubtful = answered.task.suspects(answered.truth, answered.probabilities)
    if not doubtful:
        return None
    of_image: dict[int, list[Suspect]] = {}
    for one in doubtful:
        of_image.setdefault(one.row, []).append(one)
    cases = []
    for row, mine in of_image.items():
        labels = [classes[label] for label in mine[0].truths]
        better = set(mine[0].truths).symmetric_difference(one.output for one in mine)
        detail = contradicted(labels, [(classes[one.output], one.confidence) for one in mine])
        cases.append(Case(paths[answered.rows[row]], detail, row=int(answered.rows[row]), suggested=joined(classes[label] for label in better)))
    count, images = len(doubtful), len(cases)
    return Problem(
        "label",
        "warning",
        f"{many(count, 'label')} of {many(images)} {verb(count, 'is', 'are')} suspect: a network that did not learn from the image contradicts "
        f"{verb(count, 'it', 'them')}. Some are hard images, not mistakes.",
        SEARCH,
        ADVICE,
        images,
        tuple(cases),
    )


def _alone(paths: Sequence[str], answered: Answered) -> Problem | None:
    rows, labels, features = answered.rows, answered.truth, answered.features
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
        f"{many(len(order))} {verb(len(order), 'looks', 'look')} unlike the others of the class.",
        "It uses them.",
        "See whether they belong to the class.",
        len(order),
        tuple(Case(paths[rows[row]], "", row=int(rows[row])) for row in order),
    )


def _confused(classes: Sequence[str], answered: Answered) -> Problem | None:
    labels, answers, pairs = answered.truth, answered.probabilities.argmax(axis=1), []
    for label in np.unique(labels):
        mine = answers[labels == label]
        for other in np.unique(mine[mine != label]):
            wrong = int(np.sum(mine == other))
            if wilson(wrong, len(mine))[0] >= CONFUSED:
                pairs.append((wrong / len(mine), f"{wrong / len(mine):.0%} of '{classes[label]}' are mistaken for '{classes[other]}'"))
    if not pairs:
        return None
    pairs.sort(reverse=True)
    more = f", and {len(pairs) - PAIRS} more pairs" if len(pairs) > PAIRS else ""
    return Problem(
        "confusable",
        "note",
        f"Classes that a frozen network confuses: {'; '.join(words for _, words in pairs[:PAIRS])}{more}.",
        "It trains networks that may do better.",
        "More images of these classes help most. If people confuse them too, merge them.",
        len(pairs),
    )
