"""Images -> a `Dataset` whose pixels lie decoded on disk, keyed by content: a second call only hashes the files."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.data import arrays
from automl_cnn.data.dataset import Dataset, Skipped
from automl_cnn.data.decode import as_uint8, resize_array
from automl_cnn.data.decoded import Decoded, Probe, Report, decode, key_of, line_of, look, path_of, recall, side_for
from automl_cnn.data.scan import scan, told_apart
from automl_cnn.data.split import leaks, split
from automl_cnn.errors import DataError


def prepare(
    folder: Path,
    cache: Path,
    *,
    seed: int = 0,
    val_share: float = 0.15,
    test_share: float = 0.15,
    max_size: int = 224,
    limit_bytes: int = arrays.LIMIT_BYTES,
    progress: Report | None = None,
) -> Dataset:
    """Scan, check, split and decode a folder of images (see `scan` for its layout, `split` for the shares).

    The pixels are stored at one square size, the median shorter side of the files but at most `max_size`,
    in `cache`, a folder that is kept under `limit_bytes` by deleting what was not used for longest.
    Files that cannot be read are listed in `skipped`. `progress` is told (done, of how many); each file counts twice.

    Raises:
        DataError: the folder's layout, too few readable images in a class.
        StoreError: `cache` cannot be written.
    """
    found = scan(Path(folder))
    report = progress or (lambda done, of: None)
    steps = 2 * len(found.files)
    probes: list[Probe] = []
    for result in arrays.in_threads(look, [found.folder / path for path, _, _ in found.files]):
        probes.append(result)
        report(len(probes), steps)
    key = key_of([(path, result.digest) for (path, _, _), result in zip(found.files, probes, strict=True)], max_size)
    decoded = recall(Path(cache), key, len(probes))
    if decoded is None:
        decoded = decode(found, probes, cache=Path(cache), key=key, max_size=max_size, limit_bytes=limit_bytes, report=report)
    report(steps, steps)
    good = [row for row, (path, _, _) in enumerate(found.files) if path not in decoded.bad]
    return _dataset(
        name=told_apart(found.folder),
        folder=str(found.folder.resolve()),
        classes=found.classes,
        files=[found.files[row] for row in good],
        digests=[probes[row].digest for row in good],
        decoded=decoded,
        array=path_of(Path(cache), key, decoded.side),
        notes=found.notes,
        settings=(seed, val_share, test_share),
    )


def prepare_arrays(
    images: np.ndarray,
    labels: Iterable[Any],
    cache: Path,
    *,
    seed: int = 0,
    val_share: float = 0.15,
    test_share: float = 0.15,
    max_size: int = 224,
    limit_bytes: int = arrays.LIMIT_BYTES,
    progress: Report | None = None,
) -> Dataset:
    """Check, split and store images that are already in memory; the paths are their row numbers.

    `images` is anything that `as_uint8` takes, `labels` one hashable value per image. Classes are named
    str(label), in the labels' own order where they have one.

    Raises:
        DataError: images and labels do not fit together, a label is missing (None or NaN), two labels
            read the same, a single class, too few images in a class.
        StoreError: `cache` cannot be written.
    """
    pictures, values = as_uint8(images), list(labels)
    if len(pictures) != len(values):
        raise DataError(f"There are {len(pictures)} images and {len(values)} labels: expected one label per image.")
    index, classes = _label_index(values)
    digests = [hashlib.blake2b(str(picture.shape).encode() + picture.tobytes(), digest_size=16).hexdigest() for picture in pictures]
    key = key_of([("", digest) for digest in digests], max_size)
    native = int(min(pictures.shape[1:3]))
    decoded = Decoded(side_for(native, max_size), int(pictures.shape[3]), native, {})
    path, shape = path_of(Path(cache), key, decoded.side), (len(pictures), decoded.side, decoded.side, decoded.channels)
    report = progress or (lambda done, of: None)
    if arrays.recall(path, shape) is None:
        arrays.write(path, shape, _resized(pictures, decoded.side, report), limit_bytes)
    report(len(pictures), len(pictures))
    dark = f"The brightest pixel of all images is {pictures.max()} of 255; if their full range is smaller, rescale them to 0..1." if pictures.max() < 64 else ""
    return _dataset(
        name="arrays",
        folder="",
        classes=classes,
        files=[(str(row), index[value], None) for row, value in enumerate(values)],
        digests=digests,
        decoded=decoded,
        array=path,
        notes=(dark,) if dark else (),
        settings=(seed, val_share, test_share),
    )


def pixels(dataset: Dataset, size: int, *, limit_bytes: int = arrays.LIMIT_BYTES) -> np.memmap:
    """The images at another square size, uint8 (n, size, size, channels), read-only and memory-mapped.

    Made once from the stored array, then kept beside it. Processes that ask at once each make one; the last stays.

    Raises:
        DataError: `size` is below 1, or the stored array was deleted.
        StoreError: the new array cannot be written.
    """
    if size < 1:
        raise DataError(f"Images of {size} px were asked for: expected a size of at least 1 px.")
    rows, base = len(dataset), Path(dataset.array)
    stored = arrays.recall(base, (rows, dataset.side, dataset.side, dataset.channels))
    if stored is None:
        raise DataError(f"The decoded images in {base} were deleted or damaged. Run the search again to read the images anew.")
    if size == dataset.side:
        return stored
    path, shape = arrays.of_size(base, size), (rows, size, size, dataset.channels)
    found = arrays.recall(path, shape)
    if found is None:
        arrays.write(path, shape, _resized(stored, size), limit_bytes)
        found = arrays.recall(path, shape)
    if found is None:
        raise DataError(f"The images at {size} px vanished from {path} right after they were written. Is something cleaning {path.parent}?")
    return found


def _resized(images: np.ndarray, size: int, report: Report | None = None) -> Iterator[np.ndarray]:
    starts = range(0, len(images), arrays.CHUNK)
    done = 0
    for block in arrays.in_threads(lambda start: resize_array(np.asarray(images[start : start + arrays.CHUNK]), size), starts):
        done += len(block)
        if report is not None:
            report(done, len(images))
        yield block


def _dataset(
    *,
    name: str,
    folder: str,
    classes: tuple[str, ...],
    files: Sequence[tuple[str, int, str | None]],
    digests: Sequence[str],
    decoded: Decoded,
    array: Path,
    notes: tuple[str, ...],
    settings: tuple[int, float, float],
) -> Dataset:
    labels = np.array([label for _, label, _ in files], np.int32)
    splits = split(labels, digests, [given for _, _, given in files], *settings, classes=classes)
    seen = defaultdict[str, set[int]](set)
    fingerprint = hashlib.blake2b(digest_size=16)
    for (path, label, _), digest in zip(files, digests, strict=True):
        seen[digest].add(label)
        fingerprint.update(line_of(path, digest, label))
    if leaked := leaks(digests, splits):
        notes = (*notes, f"{leaked:,} validation or test images are copies of training images: their scores will look better than they are.")
    if torn := sum(len(found) > 1 for found in seen.values()):
        notes = (*notes, f"{torn:,} image{'s appear' if torn != 1 else ' appears'}, byte for byte, under several classes: at least one of the labels is wrong.")
    return Dataset(
        name=name,
        folder=folder,
        classes=classes,
        channels=decoded.channels,
        side=decoded.side,
        paths=tuple(path for path, _, _ in files),
        labels=labels,
        splits=splits,
        fingerprint=fingerprint.hexdigest(),
        array=str(array.resolve()),
        skipped=tuple(Skipped(path, reason) for path, reason in sorted(decoded.bad.items())),
        duplicates=len(digests) - len(seen),
        notes=notes,
        native=decoded.native,
    )


def _label_index(values: Sequence[Any]) -> tuple[dict[Any, int], tuple[str, ...]]:
    try:
        different = list(dict.fromkeys(values))
    except TypeError:
        raise DataError(
            "The labels are not hashable: expected one number, string or the like per image, not a row of numbers (one-hot: pass the argmax)."
        ) from None
    missing = [value for value in different if value is None or value != value]  # noqa: PLR0124  # NaN, of any type
    if missing:
        raise DataError(f"A label is missing ({missing[0]!r}). Give every image a label, or leave those images out.")
    if len(different) < 2:
        raise DataError(f"The labels name {len(different)} class: expected at least two.")
    try:
        different.sort()
    except TypeError:
        different.sort(key=str)
    classes = tuple(str(value) for value in different)
    twins = [name for number, name in enumerate(classes) if name in classes[:number]]
    if twins:
        raise DataError(f"Two different labels both read '{twins[0]}': use labels of one type.")
    return {value: number for number, value in enumerate(different)}, classes
