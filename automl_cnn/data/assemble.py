"""Make a `Dataset` of decoded files: group versions of one photo, set aside images with contradicting labels, and split the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.caveats import COPIES, COPIES_TEST, leaks
from automl_cnn.data import alike, arrays
from automl_cnn.data.dataset import Dataset, Skipped
from automl_cnn.data.decoded import Decoded, line_of
from automl_cnn.data.groups import VERSION as GROUPING
from automl_cnn.data.groups import Groups, groups_of, same_bytes
from automl_cnn.data.labelsets import LabelSets
from automl_cnn.data.layout import many
from automl_cnn.data.levels import CONVENTION
from automl_cnn.data.numbers import Numbers
from automl_cnn.data.passes import Passes, Report
from automl_cnn.data.split import LEAST_EACH, NOWHERE, SPLITS, TRAIN, split, torn
from automl_cnn.data.split_labels import split_labels
from automl_cnn.errors import DataError
from automl_cnn.tasks import Words, words_for
from automl_cnn.tasks.regression import STRATA
from automl_cnn.text import readable


@dataclass(frozen=True)
class Splitting:
    """How images are split: the `seed`, the shares of validation and test images, and whether to leave out training images that leak into a given split."""

    seed: int = 0
    val_share: float = 0.15
    test_share: float = 0.15
    drop_leaks: bool = False


PLAIN = Splitting()
WEIGHTS = (1.0, 7.0, 3.0, 1.0)  # how long the steps take, relative to one another: the fingerprint, the groups, the split, what follows from it


def assemble(
    *,
    name: str,
    folder: str,
    classes: tuple[str, ...],
    files: Sequence[tuple[str, int, str | None]],
    digests: Sequence[str],
    decoded: Decoded,
    array: Path,
    notes: tuple[str, ...],
    splitting: Splitting,
    refused: Sequence[tuple[str, str]] = (),
    families: Sequence[Sequence[int]] = (),
    meaning: LabelSets | Numbers | None = None,
    ordered: bool = False,
    progress: Report | None = None,
) -> Dataset:
    """The data set of `files` (path, class, given split), row by row the pixels in `array`. `families` are rows that must stay on one side of every split.
    `progress` receives the number of images done and their total.

    `meaning` is the meaning of `classes` if images have several labels or numbers.

    Raises:
        DataError: a class has too few images, or a number is the same for all training images.
    """
    passes = Passes(progress, len(files), WEIGHTS)
    labels = np.array([label for _, label, _ in files], np.int32)
    given = [name for _, _, name in files]
    fingerprint = fingerprint_of(files, digests, decoded, meaning)
    passes.done()
    detailed = decoded.native >= alike.LEAST_SIDE  # smaller pictures, stored a little enlarged, look alike by chance
    stored = None if not detailed else arrays.recall(array, (len(files), decoded.side, decoded.side, decoded.channels))
    pairs = array.parent / f"{fingerprint[:24]}-{decoded.side}.alike{GROUPING}.json"
    groups = groups_of([path for path, _, _ in files], labels, digests, stored, kept=pairs, more=families, progress=passes.part)
    passes.done()
    has = _has(labels, len(classes), meaning)
    names = classes if meaning is None else meaning.parts(labels) if isinstance(meaning, LabelSets) else _parts(has)
    words = words_for("multiclass" if meaning is None else meaning.task)
    aside = _doubtful(labels, has, digests, given)
    several, together = isinstance(meaning, LabelSets), bool(families)

    def dealt(has: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
        return _split(has, digests, given, splitting, names=names, keys=groups.keys, aside=aside, together=together, several=several, report=passes.part)

    splits, alike_rows, alike_names = (
        (dealt(has, names), labels, classes) if not isinstance(meaning, Numbers) else _by_parts(meaning, labels, groups, dealt, given)
    )
    passes.done()
    notes = (
        *notes,
        *groups.notes,
        *_on_torn(torn(alike_rows, groups.keys, given, splits), alike_names),
        *_on_doubtful(labels, digests, len(aside), words),
    )
    why = dict.fromkeys(aside.tolist(), words.elsewhere)
    if splitting.drop_leaks:
        leaking, note = _leaking(has, splits, given, groups.keys, names)
        splits[leaking] = NOWHERE
        why |= dict.fromkeys(leaking.tolist(), "a version of it is in the validation or test images")
        notes = (*notes, note)
    made = Dataset(
        name=name,
        folder=folder,
        classes=classes if meaning is None else meaning.names,
        ordered=ordered,
        **_kept(meaning, labels[splits == TRAIN]),
        channels=decoded.channels,
        side=decoded.side,
        paths=tuple(path for path, _, _ in files),
        labels=labels,
        splits=splits,
        fingerprint=fingerprint,
        array=str(array.resolve()),
        skipped=tuple(Skipped(readable(path), readable(reason)) for path, reason in sorted([*decoded.bad.items(), *refused])),
        duplicates=len(digests) - len(set(digests)),
        notes=tuple(map(readable, notes)),
        native=decoded.native,
        levels=decoded.levels,
        fit=decoded.fit,
        groups=groups.numbers,
        given=tuple(side for side in SPLITS if side in given),
        aside=tuple(sorted(why.items())),
        own_test="test" in given,
    )
    passes.done()
    return replace(made, notes=(*notes, *leaks({COPIES: made.copied("val"), COPIES_TEST: made.copied("test")})))


def fingerprint_of(files: Sequence[tuple[str, int, str | None]], digests: Sequence[str], decoded: Decoded, meaning: LabelSets | Numbers | None = None) -> str:
    """A fingerprint that changes with any path, label or byte."""
    fingerprint = hashlib.blake2b(digest_size=16)
    for (path, label, _), digest in zip(files, digests, strict=True):
        fingerprint.update(line_of(path, digest, label))
    if decoded.levels != CONVENTION:  # the same bytes at other levels are another data set: a model of one misreads the other
        fingerprint.update(line_of("levels", decoded.levels.as_dict()))
    if decoded.fit != "squash":
        fingerprint.update(line_of("fit", decoded.fit))
    if meaning is not None:
        fingerprint.update(line_of(*meaning.line()))
    return fingerprint.hexdigest()


def _on_torn(spread: Mapping[int, int], classes: Sequence[str]) -> tuple[str, ...]:
    """A note on the classes whose versions of one photo lie in several splits; `spread` has the photos of each."""
    if not spread:
        return ()
    few = ", ".join(f"{classes[label]} ({photos})" for label, photos in spread.items())
    return (f"Too few different photos to keep versions of one photo in one split: {few}. Their scores are too good; add photos of them.",)


def _on_doubtful(labels: np.ndarray, digests: Sequence[str], aside: int, named: Words) -> tuple[str, ...]:
    """A note on files with the same bytes under several classes, of which `aside` were left out."""
    twice = len(torn_labels(labels, digests))
    if not twice:
        return ()
    done = f"; {'both' if aside == 2 else f'all {aside:,}'} files were left out" if aside else ""
    words = f"{twice:,} image{'s appear' if twice != 1 else ' appears'}, byte for byte, {named.twice}"
    return (f"{words}: at least one of the {named.labels} is wrong{done}.",)


def torn_labels(labels: np.ndarray, digests: Sequence[str]) -> list[list[int]]:
    """The rows of files with the same bytes under several classes."""
    classes = labels.tolist()
    return [family for family in same_bytes(digests) if len({classes[row] for row in family}) > 1]


def _parts(has: np.ndarray) -> tuple[str, ...]:
    """The names of the parts from low to high numbers in messages."""
    return tuple(f"numbers of part {part + 1}" for part in range(has.shape[1]))


def _by_parts(
    meaning: Numbers, labels: np.ndarray, groups: Groups, dealt: Callable[[np.ndarray, tuple[str, ...]], np.ndarray], given: Sequence[str | None]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The splits of images with numbers, the part of each from low to high numbers, and the parts' names: as many parts as keep each photo, person or place
    on one side. Where a part has too few of these for every split, fewer parts with more of them do.

    Raises:
        DataError: all images together are too few.
    """
    for most in (STRATA, STRATA // 2, STRATA // 4, 1):
        has = meaning.has(labels, most)
        part, names = has.argmax(axis=1), _parts(has)
        try:
            splits = dealt(has, names)
        except DataError:
            continue
        if most == 1 or not torn(part, groups.keys, given, splits):
            return splits, part, names
    raise DataError(f"There are too few different images with numbers: expected at least {LEAST_EACH}, one each for training, validation and test. Add images.")


def _has(labels: np.ndarray, classes: int, meaning: LabelSets | Numbers | None) -> np.ndarray:
    """Which images have which class or label, or are in which part from low to high numbers: bool (images, outputs)."""
    return np.asarray(labels[:, None] == np.arange(classes)) if meaning is None else meaning.has(labels)


def _kept(meaning: LabelSets | Numbers | None, learned: np.ndarray) -> dict[str, Any]:
    """The part of a meaning that a data set keeps; the training images have the rows `learned`."""
    if isinstance(meaning, Numbers):
        return {"numbers": meaning.rows, "targets": meaning.targets(learned)}
    return {} if meaning is None else {"label_sets": meaning.sets}


def _doubtful(labels: np.ndarray, has: np.ndarray, digests: Sequence[str], given: Sequence[str | None]) -> np.ndarray:
    """The rows of files with the same bytes in several classes: which label is correct is unknown. No rows if a class would keep too few images."""
    doubtful = np.zeros(len(labels), bool)
    doubtful[[row for family in torn_labels(labels, digests) for row in family]] = True
    for side in {name or "train" for name in given}:
        mine = np.array([(name or "train") == side for name in given], bool)
        left = has[mine & ~doubtful].sum(axis=0)
        if np.any((left < LEAST_EACH) & has[mine & doubtful].any(axis=0)):
            return np.zeros(0, int)
    return np.flatnonzero(doubtful)


def _split(
    has: np.ndarray,
    digests: Sequence[str],
    given: Sequence[str | None],
    splitting: Splitting,
    *,
    names: tuple[str, ...],
    keys: Sequence[str],
    aside: np.ndarray,
    together: bool,
    several: bool,
    report: Report,
) -> np.ndarray:
    """The split of each row, `NOWHERE` for those in `aside`. Of images with `several` labels, groups are always dealt out whole."""
    out = np.full(len(has), NOWHERE, np.int8)
    kept = np.setdiff1d(np.arange(len(has)), aside)
    mine, sides, photos = ([values[row] for row in kept] for values in (digests, given, keys))
    seed, val, test = splitting.seed, splitting.val_share, splitting.test_share
    if several:
        out[kept] = split_labels(has[kept], sides, seed, val_share=val, test_share=test, names=names, keys=photos)
    else:
        out[kept] = split(has.argmax(axis=1)[kept], mine, sides, seed, val, test, classes=names, keys=photos, together=together, report=report)
    return out


def _leaking(has: np.ndarray, splits: np.ndarray, given: Sequence[str | None], keys: Sequence[str], names: tuple[str, ...]) -> tuple[np.ndarray, str]:
    """The training images whose photo is also in the given validation or test images, and a note. They stay if their class would have no other images."""
    held = {key for key, side in zip(keys, given, strict=True) if side in ("val", "test")}
    mask = np.array([key in held for key in keys], bool) & (splits == TRAIN)
    if not mask.any():
        return np.zeros(0, int), "No training image is a version of a validation or test image, so --drop-leaks left none out."
    kept = has[(splits == TRAIN) & ~mask].any(axis=0)
    stuck = [number for number in range(len(names)) if not kept[number]]
    rows = np.flatnonzero(mask & ~has[:, stuck].any(axis=1))
    words = f"{many(len(rows), 'training image')} that validation or test images are versions of were left out (--drop-leaks)."
    return rows, words + (f" All of {', '.join(names[number] for number in stuck)} are such images, and stay." if stuck else "")
