"""Divide a data set into folds; every image is held out once."""

from __future__ import annotations

import dataclasses

import numpy as np

from automl_cnn.data.dataset import Dataset
from automl_cnn.data.split import NOWHERE, TEST, TRAIN, VAL

LEAST = 3  # folds: one is answered, one chooses the epoch, the others train


def possible(dataset: Dataset) -> int:
    """The largest possible number of folds: the number of different photos of the smallest class; if images have numbers, of all images."""
    rows = np.flatnonzero(dataset.splits != NOWHERE)
    truth, photos = dataset.task.targets(dataset.truth(rows)) > 0, dataset.photos(rows)
    own = rows if photos is None else photos
    if not dataset.task.probable:
        return len(np.unique(own))
    return min(len(np.unique(own[truth[:, label]])) for label in range(len(dataset.classes)))


def dealt(dataset: Dataset, folds: int, seed: int) -> np.ndarray:
    """The fold of each image, int8 (images,), -1 for images set aside. Folds are stratified, and versions of one photo stay together."""
    from sklearn.model_selection import StratifiedGroupKFold

    out = np.full(len(dataset), NOWHERE, np.int8)
    rows = np.flatnonzero(dataset.splits != NOWHERE)
    photos = dataset.photos(rows)
    groups = np.arange(len(rows)) if photos is None else photos
    ways = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(rows, dataset.strata[rows], groups)
    for number, (_, held) in enumerate(ways):
        out[rows[held]] = number
    return out


def with_fold(dataset: Dataset, of_image: np.ndarray, fold: int) -> Dataset:
    """The data set whose test images are those of one fold, and whose validation images are those of the next."""
    folds = int(of_image.max()) + 1
    splits = np.full(len(dataset), TRAIN, np.int8)
    splits[of_image == fold], splits[of_image == (fold + 1) % folds], splits[of_image == NOWHERE] = TEST, VAL, NOWHERE
    return dataclasses.replace(dataset, splits=splits)
