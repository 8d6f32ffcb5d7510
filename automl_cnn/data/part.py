"""A part of a split, of every class alike: what a short trial on many images is trained on."""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np

from automl_cnn.data.dataset import Dataset
from automl_cnn.data.split import NOWHERE, SPLITS

LEAST_PER_CLASS = 8
SCORED = 1000  # validation images that are always scored
AFFORDED = 0.3  # of them for each training image: a pass without learning costs a third of one with it


def part(rows: np.ndarray, labels: np.ndarray, share: float, fingerprint: str) -> np.ndarray:
    """A share of `rows`, ascending, with that share of every class, or `LEAST_PER_CLASS` images where that is more (all, where a class has fewer).

    `labels` are those of all images. Which rows it is follows from the data set's `fingerprint` alone, and a smaller
    share is a part of any larger one: a training that goes on with more images has lost none.
    """
    if share >= 1:
        return rows
    rng = np.random.default_rng(zlib.crc32(fingerprint.encode()))
    chosen = []
    for label in np.unique(labels[rows]):
        mine = rng.permutation(rows[labels[rows] == label])
        chosen.append(mine[: max(LEAST_PER_CLASS, round(share * len(mine)))])
    return np.sort(np.concatenate(chosen))


def thinned(dataset: Dataset, share: float) -> Dataset:
    """The data set with a share of its training images, and no more validation images than suit them; the others belong to no split.

    The validation images that are kept take about a tenth of an epoch's time to score, or are `SCORED` where that is more.
    """
    if share >= 1:
        return dataset
    splits = np.full_like(dataset.splits, NOWHERE)
    splits[dataset.splits == SPLITS["test"]] = SPLITS["test"]
    trained = part(dataset.rows("train"), dataset.strata, share, dataset.fingerprint)
    splits[trained] = SPLITS["train"]
    held = dataset.rows("val")
    splits[part(held, dataset.strata, max(SCORED, AFFORDED * len(trained)) / len(held), dataset.fingerprint)] = SPLITS["val"]
    return dataclasses.replace(dataset, splits=splits)
