"""Labels of validation images that may be wrong, by the answers of the winner, which did not learn from them."""

from __future__ import annotations

import dataclasses

import numpy as np

from automl_cnn.check.pictures import thumbnails
from automl_cnn.data import Dataset
from automl_cnn.errors import DataError
from automl_cnn.evidence import Evidence, Mistake

PICTURED, SIDE = 12, 80  # suspects that are shown, and their pictures in px


def with_doubts(evidence: Evidence, dataset: Dataset, probabilities: np.ndarray) -> Evidence:
    """The evidence with suspect labels, the most suspect first, by the winner's probabilities of the validation images.

    What is shown among its mistakes already has no picture.
    """
    if not dataset.task.doubts_labels:
        return evidence
    rows = dataset.rows("val")
    doubts = dataset.task.suspects(dataset.truth(rows), probabilities)
    shown = {mistake.path for mistake in evidence.mistakes}
    pictured = list(dict.fromkeys(one.row for one in doubts if dataset.paths[rows[one.row]] not in shown))[:PICTURED]
    try:
        pictures = dict(zip(pictured, thumbnails(dataset, [int(rows[row]) for row in pictured], SIDE), strict=True))
    except DataError:  # the images are gone
        pictures = {}
    made = (
        Mistake(
            path=dataset.paths[rows[one.row]],
            truth=one.truths[0] if dataset.task.exclusive else one.output,
            predicted=one.output,
            confidence=one.confidence,
            chance=one.chance,
            picture=pictures.get(one.row, ""),
            truths=() if dataset.task.exclusive else one.truths,
            answers=() if dataset.task.exclusive else one.better,
        )
        for one in doubts
    )
    return dataclasses.replace(evidence, suspects=tuple(made))
