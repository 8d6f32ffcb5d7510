"""Split images with several labels into training, validation and test images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from automl_cnn.data.split import SPLITS, TEST, TRAIN, VAL
from automl_cnn.errors import DataError
from automl_cnn.paths import shortened
from automl_cnn.tasks.stratify import parts

_SHOWN = 10


def split_labels(
    has: np.ndarray, given: Sequence[str | None], seed: int, *, val_share: float, test_share: float, names: Sequence[str], keys: Sequence[str]
) -> np.ndarray:
    """int8 (n,): 0 train, 1 val, 2 test, each label in its share (see `tasks.stratify`); the same for the same content and seed.

    `has` is bool (n, labels), `given` holds "train", "val", "test" or None for each image. Given splits stay unchanged, and a split that is missing altogether
    is carved from train. Versions of one photo (equal `keys`) stay on one side, and in train where a given split has one of them. `names` are for messages.

    Raises:
        DataError: a label has too few different images to have one in each split; all of them are named.
    """
    out = np.array([SPLITS[name or "train"] for name in given], np.int8)
    present = {name for name in given if name}
    shares = {code: share for name, code, share in (("test", TEST, test_share), ("val", VAL, val_share)) if name not in present}
    if shares:
        keyed = np.asarray(keys)
        held = np.unique(keyed[out != TRAIN])
        free = np.flatnonzero((out == TRAIN) & ~np.isin(keyed, held))
        if len(free):
            every = [*shares.values(), 1 - sum(shares.values())]
            dealt = parts(has[free], every, groups=keyed[free], seed=seed)
            out[free] = np.array([*shares, TRAIN], np.int8)[dealt]
            _fill(out, has, free, keyed, tuple(shares))
    scarce = [label for label in range(has.shape[1]) if any(not np.any(has[:, label] & (out == code)) for code in SPLITS.values())]
    if scarce:
        counts = [f"'{shortened(names[label])}' ({int(has[:, label].sum()):,})" for label in scarce[:_SHOWN]]
        more = f" and {len(scarce) - _SHOWN:,} more" if len(scarce) > _SHOWN else ""
        raise DataError(
            f"{len(scarce)} of {len(names)} labels have too few images to be in every split: {', '.join(counts)}{more}. Expected at least 3 different images "
            "with each label, one each for training, validation and test. Add images, or leave these labels out of the table."
        )
    return out


def _fill(out: np.ndarray, has: np.ndarray, free: np.ndarray, keys: np.ndarray, carved: Sequence[int]) -> None:
    """Move one photo to each carved split that lacks a label, from a split that can spare it."""
    for label in np.argsort(has.sum(axis=0), kind="stable"):
        for code in (*carved, TRAIN):
            if np.any(has[:, label] & (out == code)):
                continue
            photos = sorted({keys[row] for row in free if has[row, label]}, key=lambda key: (int(np.sum(keys == key)), str(key)))
            for key in photos:
                rows = free[keys[free] == key]
                if out[rows[0]] != code and _spares(out, has, rows):
                    out[rows] = code
                    break


def _spares(out: np.ndarray, has: np.ndarray, rows: np.ndarray) -> bool:
    """Whether the split keeps an image of each label when these rows leave it."""
    left = np.flatnonzero(out == out[rows[0]])
    stays = has[np.setdiff1d(left, rows)].any(axis=0)
    return bool(np.all(stays | ~has[rows].any(axis=0)))
