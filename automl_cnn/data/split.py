"""Split images into training, validation and test images."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from automl_cnn.data.deal import across
from automl_cnn.data.passes import Report, counted
from automl_cnn.data.scarce import Scarce, too_few
from automl_cnn.errors import DataError

TRAIN, VAL, TEST = 0, 1, 2
NOWHERE = -1  # an image that belongs to no split
LEAST_EACH = 3  # images of a class without which none of it is set aside
SPLITS = {"train": TRAIN, "val": VAL, "test": TEST}
Group = list[int]  # rows of equal images


def split(  # noqa: PLR0917  # the order of the sentence: these labels, of these contents, given so
    labels: Sequence[int] | np.ndarray,
    digests: Sequence[str],
    given: Sequence[str | None],
    seed: int,
    val_share: float,
    test_share: float,
    *,
    classes: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    together: bool = False,
    report: Report | None = None,
) -> np.ndarray:
    """int8 (n,): 0 train, 1 val, 2 test; stratified by class, the same for the same content and seed.

    `given` holds "train", "val", "test" or None for each image. Given splits stay unchanged, and a split that is
    missing altogether is carved from train (its share is of train's images). Equal images (equal
    digests) go to the same split: no model is scored on copies of its training images. Equal images with several labels
    all go to train. Versions of one photo (equal `keys`) stay together too, unless a
    class then has too few groups for its splits. In that case copies of given validation and test images
    may leave train. If that is not enough, versions are assigned one by one, because a model with an
    optimistic score is better than none; `torn` names these classes. The order and names of the files do not
    matter: the split of an image depends on its content and the seed. `classes` are names for the messages.
    With `together`, groups with several classes are assigned as a whole as well: they are persons or places, not one photo with two labels.

    Raises:
        DataError: classes have too few different images to have one in each split; all of them are named.
    """
    labels = np.asarray(labels)
    out = np.array([SPLITS[name or "train"] for name in given], np.int8)
    present = {name for name in given if name}
    shares = {code: share for name, code, share in (("test", TEST, test_share), ("val", VAL, val_share)) if name not in present}
    ways = _ways(labels, out, digests, keys, seed, report=report) if shares else (lambda: {},)
    scarce: list[Scarce] = []
    if together and shares and keys is not None:
        for code, rows in across(labels, _whole(out, keys, seed), shares, int(labels.max(initial=-1)) + 1).items():
            out[rows] = code
        if all(np.any((labels == label) & (out == code)) for label in np.unique(labels) for code in (TRAIN, *shares)):
            return out
        out[np.isin(out, list(shares))] = TRAIN  # too few groups of a class: they have to be torn apart
    for label in range(int(labels.max(initial=-1)) + 1 if classes is None else len(classes)):
        name = str(label) if classes is None else classes[label]
        mine = labels == label
        for groups in ways:
            shuffled = [rows for _, rows in sorted(groups().get(label, []))]
            stays = int(np.sum(mine & (out == TRAIN))) - sum(map(len, shuffled))
            enough = len(shuffled) >= len(shares) and len(shuffled) + (stays > 0) >= 1 + len(shares)
            if enough:
                break
        if not enough or any(code not in shares and not np.any(mine & (out == code)) for code in SPLITS.values()):
            counts = {given: int(np.sum(out[mine] == code)) for given, code in SPLITS.items()}
            scarce.append(Scarce(name, counts, len({digests[row] for row in np.flatnonzero(mine).tolist()})))
            continue
        for code, taken in _deal(shuffled, shares, stays > 0).items():
            out[[row for rows in taken for row in rows]] = code
    if scarce:
        raise DataError(too_few(scarce, [given for given, code in SPLITS.items() if code in shares]))
    return out


def torn(labels: Sequence[int] | np.ndarray, keys: Sequence[str], given: Sequence[str | None], splits: np.ndarray) -> dict[int, int]:
    """The classes in which `split` had to assign versions of one photo to several splits, and the number of these photos.

    Versions that already lie in different given splits do not count.
    """
    codes, photos = defaultdict[str, set[int]](set), defaultdict[int, set[str]](set)
    for label, key, name, code in zip(labels, keys, given, splits, strict=True):
        photos[int(label)].add(key)
        if name in (None, "train") and code != NOWHERE:
            codes[key].add(int(code))
    return {label: len(mine) for label, mine in sorted(photos.items()) if any(len(codes[key]) > 1 for key in mine)}


def _ways(
    labels: np.ndarray, out: np.ndarray, digests: Sequence[str], keys: Sequence[str] | None, seed: int, *, report: Report | None
) -> tuple[Callable[[], dict[int, list[tuple[bytes, Group]]]], ...]:
    """Ways to choose the groups to carve, the best one first. Each is computed on demand, because most classes need only the first."""
    given = out.copy()
    if keys is None:
        return (cache(lambda: _free(labels, given, digests, seed, report=report)),)
    return (
        cache(lambda: _free(labels, given, keys, seed, report=report)),
        cache(lambda: _free(labels, given, keys, seed, within=True)),
        cache(lambda: _free(labels, given, digests, seed)),
    )


def _free(
    labels: np.ndarray, out: np.ndarray, keys: Sequence[str], seed: int, *, within: bool = False, report: Report | None = None
) -> dict[int, list[tuple[bytes, Group]]]:
    """By class, the groups that may leave train, each with a number that depends on its key and the seed.

    Groups with an image in another split stay in train, unless only images `within` train count.
    """
    classes, trains = labels.tolist(), (out == TRAIN).tolist()
    groups = defaultdict[str, Group](list)
    for row, key in enumerate(keys):
        if not within or trains[row]:
            groups[key].append(row)
    free = defaultdict[int, list[tuple[bytes, Group]]](list)
    for key, rows in counted(groups.items(), report, len(groups)):
        if all(trains[row] for row in rows) and len({classes[row] for row in rows}) == 1:
            free[classes[rows[0]]].append((_place(key, seed), rows))
    return free


def _whole(out: np.ndarray, keys: Sequence[str], seed: int) -> list[Group]:
    """The groups that lie in train as a whole, in an order that follows from their keys and the seed."""
    groups = defaultdict[str, Group](list)
    for row, key in enumerate(keys):
        groups[key].append(row)
    order = sorted(groups, key=lambda key: _place(key, seed))
    return [groups[key] for key in order if all(out[row] == TRAIN for row in groups[key])]


def _place(key: str, seed: int) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=8, salt=seed.to_bytes(8, "little")).digest()


def _deal(groups: list[Group], shares: dict[int, float], train_has_some: bool) -> dict[int, list[Group]]:
    """The groups that go to each of the missing splits; each gets at least one, and train keeps at least one."""
    total = sum(map(len, groups))
    spare = total - (0 if train_has_some else 1)
    wanted: dict[int, int] = {}
    for code, share in shares.items():
        still = len(shares) - len(wanted) - 1  # each split to come needs one image
        wanted[code] = max(1, min(round(total * share), spare - still))
        spare -= wanted[code]
    dealt: dict[int, list[Group]] = {TRAIN: [], **{code: [] for code in shares}}
    for rows in groups:
        code = next((code for code in shares if wanted[code] >= len(rows)), TRAIN)
        wanted[code] = wanted.get(code, 0) - len(rows)
        dealt[code].append(rows)
    for code in (*shares, *([] if train_has_some else [TRAIN])):
        if not dealt[code]:  # only large groups of copies are left: take the smallest from where there are most
            donor = max(dealt, key=lambda other: (len(dealt[other]) + (other == TRAIN and train_has_some), -other))
            smallest = min(dealt[donor], key=len)
            dealt[donor].remove(smallest)
            dealt[code].append(smallest)
    return {code: dealt[code] for code in shares}
