"""A stratified part of a split: short trials on large image sets train on it."""

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
    """A share of `rows`, ascending, with that share of every class, or `LEAST_PER_CLASS` images if that is more (or all, if a class has fewer).

    `labels` are those of all images. The choice depends only on the data set's `fingerprint`. A smaller
    share is contained in any larger one: a training that continues with more images keeps those that it had.
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
    """The data set with a share of its training images and proportionally fewer validation images; the others belong to no split.

    Scoring the remaining validation images takes about a tenth of an epoch's time; at least `SCORED` are kept.
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
