"""Images with several labels dealt into parts, each label in its share.

Iterative stratification: Sechidis et al. 2011, https://doi.org/10.1007/978-3-642-23808-6_10. The label with the fewest images left is dealt first, since
frequent ones can still be evened out later; each image goes to the part that lacks most of that label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def parts(truth: np.ndarray, shares: Sequence[float], *, groups: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """The part of each image, int (images,), from `truth` (images, labels) and each part's share of the images, which sum to 1.

    Images with one number in `groups` (images,) go to one part. The same truth, groups and seed give the same parts.
    """
    own = np.arange(len(truth)) if groups is None else groups
    photos, photo = np.unique(own, return_inverse=True)
    sizes = np.bincount(photo, minlength=len(photos)).astype(float)
    counts = np.zeros((len(photos), truth.shape[1]))
    np.add.at(counts, photo, np.asarray(truth, float))
    lacking = np.outer(np.asarray(shares, float), counts.sum(axis=0))  # (parts, labels)
    room = np.asarray(shares, float) * sizes.sum()
    place = np.full(len(photos), -1)
    order = np.random.default_rng(seed).permutation(len(photos))

    def put(group: int, wanted: np.ndarray) -> None:
        part = int(np.lexsort((-room, -wanted))[0])
        place[group] = part
        lacking[part] -= counts[group]
        room[part] -= sizes[group]

    while True:
        free = order[place[order] < 0]
        left = (counts[free] > 0).sum(axis=0)
        if not left.any():
            break
        rarest = int(np.argmin(np.where(left > 0, left, np.inf)))
        for group in free[counts[free, rarest] > 0]:
            put(int(group), lacking[:, rarest])
    for group in order[place[order] < 0]:  # images without a label
        put(int(group), room)
    return place[photo]


def dealt(strata: np.ndarray, folds: int, *, groups: np.ndarray | None, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each of `folds` parts, the rows of the others and its own: each part has its share of every stratum, int (images,).

    Images with one number in `groups` (images,) stay in one part.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    own = np.arange(len(strata)) if groups is None else groups
    if len(np.unique(own)) < len(own):
        return list(StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(strata, strata, own))
    return list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(strata, strata))
