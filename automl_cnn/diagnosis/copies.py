"""Images of the validation split that are in the training split as well, all but for compression, size or brightness."""

from __future__ import annotations

import numpy as np

SIDE = 16  # px that are compared
ALIKE = 0.999  # correlation of two images' gray values from which they are taken for one: different photos of a thing stay well below
FLAT = 4.0  # gray levels' deviation below which an image shows too little to be distinguished from another
MOST = 1000  # images of validation that are looked up
BLOCK = 512  # images in memory at once


def share_of_copies(images: np.ndarray, train: np.ndarray, val: np.ndarray) -> float:
    """The share of the rows `val` of `images` (uint8, n × height × width × channels) that has a copy in the rows `train`.

    Exact copies the scan keeps in one split already. Of many rows of `val`, `MOST` are looked up.
    """
    if not len(train) or not len(val):
        return 0.0
    chosen = val[np.unique(np.linspace(0, len(val) - 1, min(len(val), MOST)).astype(int))]
    looked = np.concatenate([_thumbnails(images[chosen[start : start + BLOCK]]) for start in range(0, len(chosen), BLOCK)])
    nearest = np.full(len(chosen), -1.0, np.float32)
    for start in range(0, len(train), BLOCK):
        nearest = np.maximum(nearest, (looked @ _thumbnails(images[train[start : start + BLOCK]]).T).max(axis=1))
    return float(np.mean(nearest >= ALIKE))


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """Gray values of a few pixels each, of mean 0 and length 1, so that their product is a correlation; flat images are 0."""
    gray = np.asarray(images).mean(axis=3, dtype=np.float32)
    side = min(SIDE, *gray.shape[1:])
    rows, columns = (np.linspace(0, size, side, endpoint=False).astype(int) for size in gray.shape[1:])
    heights, widths = (np.diff(np.append(starts, size)) for starts, size in zip((rows, columns), gray.shape[1:], strict=True))
    small = np.add.reduceat(np.add.reduceat(gray, rows, axis=1), columns, axis=2) / np.outer(heights, widths)
    small = small.reshape(len(gray), -1)
    small -= small.mean(axis=1, keepdims=True)
    length = np.linalg.norm(small, axis=1, keepdims=True)
    return np.where(length >= FLAT * side, small / np.maximum(length, 1e-9), 0.0)
