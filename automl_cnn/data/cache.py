"""Decode images into a `Dataset` whose pixels are cached on disk by content: a second call only hashes the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.data import arrays, steady
from automl_cnn.data.assemble import PLAIN, Splitting, assemble, fingerprint_of
from automl_cnn.data.dataset import Dataset
from automl_cnn.data.decode import resize_array
from automl_cnn.data.decoded import Decoded, Probe, key_of, notes_on_bands, path_of, side_for
from automl_cnn.data.fit import Fit
from automl_cnn.data.grouping import Grouping, grouped
from automl_cnn.data.indicators import label_sets_in
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.labels import in_order, labels_of
from automl_cnn.data.levels import CONVENTION, Scale, levels_of_arrays
from automl_cnn.data.measurements import numbers_in
from automl_cnn.data.passes import Report
from automl_cnn.data.pictures import bytes_of, pictures, square
from automl_cnn.data.scan import Scan, set_name
from automl_cnn.errors import DataError, ImagesGone
from automl_cnn.tasks import TaskName
from automl_cnn.text import readable
from automl_cnn.urls import Url

READERS = {"multilabel": label_sets_in, "regression": numbers_in}  # of what is in memory, where it is not a class


def prepare(
    folder: Path | Url | str | Scan,
    cache: Path,
    *,
    seed: int = 0,
    val_share: float = 0.15,
    test_share: float = 0.15,
    max_size: int = 288,
    max_pixels: float | None = None,
    limit_bytes: int = arrays.LIMIT_BYTES,
    progress: Report | None = None,
    group_by: str | None = None,
    drop_leaks: bool = False,
    fit: Fit = "squash",
) -> Dataset:
    """Scan, check, split and decode images, or the files of a `Scan`. `scan_input` lists the sources that `folder` may be, `split` explains the shares.

    The pixels are stored at one square size, the median shorter side of the files but at most `max_size`,
    in `cache`. That folder is kept under `limit_bytes` by deleting the arrays used least recently.
    Files that cannot be read, or that have more than `max_pixels` (`guard.limit`), are listed in `skipped`. `progress` receives the number of files done and
    their total; each file counts twice. `group_by` (`auto` or a pattern, see `grouping.grouped`) keeps groups on one side of every split. `drop_leaks` leaves
    out training images that are versions of the folder's own validation or test images. `fit` makes photos square (see `fit.squared`).

    Raises:
        DataError: the folder's layout is not supported, or a class has too few readable images.
        StoreError: `cache` cannot be written.
    """
    source = read(folder, cache, max_size=max_size, max_pixels=max_pixels, limit_bytes=limit_bytes, progress=progress, fit=fit)
    return dataset_of(source, cache, Splitting(seed, val_share, test_share, drop_leaks), group_by)


@dataclass(frozen=True)
class Source:
    """The examined and decoded files of a folder; `probes` belong to `scan.files`."""

    scan: Scan
    probes: Sequence[Probe]
    key: str
    decoded: Decoded

    @property
    def good(self) -> list[int]:
        """Which files can be used, in order: the rows of the pixels."""
        return [row for row, (path, _, _) in enumerate(self.scan.files) if path not in self.decoded.bad]


def read(
    folder: Path | Url | str | Scan,
    cache: Path,
    *,
    max_size: int = 288,
    max_pixels: float | None = None,
    limit_bytes: int = arrays.LIMIT_BYTES,
    progress: Report | None = None,
    fit: Fit = "squash",
) -> Source:
    """The first half of `prepare`: scan, look at each header, decode. It raises as `prepare` does."""
    report = progress or (lambda done, of: None)
    with ExitStack() as claim:
        files = folder if isinstance(folder, Scan) else scan_input(folder, cache=Path(cache), claim=claim)
        probes, key, decoded = steady.read(files, Path(cache), max_size=max_size, limit_bytes=limit_bytes, report=report, max_pixels=max_pixels, fit=fit)
    report(2 * len(files.files), 2 * len(files.files))
    return Source(files, probes, key, decoded)


def dataset_of(source: Source, cache: Path, splitting: Splitting = PLAIN, group_by: str | None = None, progress: Report | None = None) -> Dataset:
    """The second half of `prepare`: group versions of one photo, and split. It raises as `prepare` does; `progress` is given (images done, of how many)."""
    files, decoded = source.scan, source.decoded
    families, notes = _grouped(source, group_by)
    return assemble(
        name=set_name(files.source.with_suffix("") if files.source else files.folder),
        folder=str(files.url or files.folder.resolve()),
        classes=files.classes,
        files=[files.files[row] for row in source.good],
        digests=[source.probes[row].digest for row in source.good],
        decoded=decoded,
        array=path_of(Path(cache), source.key, decoded.side),
        notes=(*files.notes, *decoded.notes, *notes_on_bands(decoded.bands), *notes),
        refused=files.refused,
        splitting=splitting,
        families=families,
        meaning=files.meaning,
        ordered=files.ordered,
        progress=progress,
    )


def in_fit(
    source: Source,
    dataset: Dataset,
    cache: Path,
    fit: Fit,
    *,
    max_size: int = 288,
    max_pixels: float | None = None,
    limit_bytes: int = arrays.LIMIT_BYTES,
    progress: Report | None = None,
) -> Dataset:
    """The data set of `source` made square in another way. The images and their splits stay the same.

    Raises:
        DataError: a file changed since it was read, or cannot be read in this way.
        StoreError: `cache` cannot be written.
    """
    report = progress or (lambda done, of: None)
    probes, key, decoded = steady.read(
        source.scan, Path(cache), max_size=max_size, limit_bytes=limit_bytes, report=report, max_pixels=max_pixels, fit=fit, known=source.probes
    )
    again = Source(source.scan, probes, key, decoded)
    if again.good != source.good or any(one.digest != other.digest for one, other in zip(probes, source.probes, strict=True)):
        raise DataError(f"Files in {source.scan.shown} changed while they were read. Wait until nothing writes there, and try again.")
    digests = [probes[row].digest for row in again.good]
    return replace(
        dataset,
        fingerprint=fingerprint_of([source.scan.files[row] for row in again.good], digests, decoded, source.scan.meaning),
        array=str(path_of(Path(cache), key, decoded.side).resolve()),
        fit=fit,
    )


def _grouped(source: Source, rule: str | None) -> tuple[list[list[int]], tuple[str, ...]]:
    """The rows that belong together by the user's rule or table, and a note on them."""
    files = [source.scan.files[row] for row in source.good]
    if rule is not None:
        made = grouped(rule, [path for path, _, _ in files], [label for _, label, _ in files], [source.probes[row].header for row in source.good])
    elif source.scan.groups:
        made = Grouping(tuple(source.scan.groups[row] for row in source.good), "the table's column of groups")
    else:
        return [], ()
    families = made.groups
    return families, (f"{sum(map(len, families)):,} images belong to {len(families):,} groups that stay on one side of every split: {made.why}.",)


def prepare_arrays(
    images: Any,
    labels: Iterable[Any],
    cache: Path,
    *,
    scale: Scale | None = None,
    seed: int = 0,
    val_share: float = 0.15,
    test_share: float = 0.15,
    max_size: int = 288,
    limit_bytes: int = arrays.LIMIT_BYTES,
    progress: Report | None = None,
    fit: Fit = "squash",
    task: TaskName | None = None,
    names: Sequence[str] | None = None,
) -> Dataset:
    """Check, split and store images that are already in memory; the paths are their row numbers.

    `images` is anything that `pictures` takes, `labels` one hashable value per image. `scale` gives the values of
    black and white; without it `levels_of_arrays` infers them from all images together. Images of different sizes are
    stored at the median of their shorter sides; `fit` makes them square. Classes are named str(label), sorted if the labels can be sorted.

    With `task="multilabel"`, `labels` is an array (images, labels) of zeros and ones whose columns have `names` (default: their numbers), or a sequence
    with a list, set or tuple of labels for each image. With `task="regression"`, `labels` is an array (images,) or (images, numbers) of numbers, whose
    `names` may have a unit in brackets, such as `age (years)`.

    Raises:
        DataError: images and labels do not fit together, a label is missing (None or NaN), two labels
            read the same, a single class, too few images in a class; what `levels_of_arrays` and `as_uint8` refuse.
        StoreError: `cache` cannot be written.
    """
    held = READERS[task](labels, names) if task in READERS else None
    given, values = pictures(images), labels_of(labels) if held is None else held.cells
    if len(given) != len(values):
        raise DataError(f"There are {len(given)} images and {len(values)} labels: expected one label per image.")
    index, classes = _label_index(values) if held is None else held.index
    levels = CONVENTION.stated(scale).for_files() if scale is not None else levels_of_arrays([given] if isinstance(given, np.ndarray) else given)
    stack = bytes_of(given, levels)
    digests = [hashlib.blake2b(str(picture.shape).encode() + picture.tobytes(), digest_size=16).hexdigest() for picture in stack]
    key = key_of([("", digest) for digest in digests], max_size, fit=fit)
    native = int(np.median([min(picture.shape[:2]) for picture in stack]))
    decoded = Decoded(side_for(native, max_size), int(stack[0].shape[2]), native, {}, levels, fit=fit)
    path, shape = path_of(Path(cache), key, decoded.side), (len(stack), decoded.side, decoded.side, decoded.channels)
    report = progress or (lambda done, of: None)
    if arrays.recall(path, shape) is None:
        arrays.write(path, shape, _resized(stack, decoded.side, report, fit), limit_bytes)
    report(len(stack), len(stack))
    return assemble(
        name="arrays",
        folder="",
        classes=classes,
        files=[(str(row), index[value], None) for row, value in enumerate(values)],
        digests=digests,
        decoded=decoded,
        array=path,
        notes=_dark(given, stack),
        splitting=Splitting(seed, val_share, test_share),
        meaning=None if held is None else held.meaning,
    )


def pixels(dataset: Dataset, size: int, *, limit_bytes: int = arrays.LIMIT_BYTES, report: Report | None = None) -> np.memmap:
    """The images at another square size, uint8 (n, size, size, channels), read-only and memory-mapped.

    They are resized once from the stored array and kept beside it. If several processes ask at the same time, each resizes, and the last result stays.
    `report` receives the number of images done and their total.

    Raises:
        ImagesGone: the stored array was deleted.
        DataError: `size` is below 1.
        StoreError: the new array cannot be written.
    """
    if size < 1:
        raise DataError(f"Images of {size} px were asked for: expected a size of at least 1 px.")
    rows, base = len(dataset), Path(dataset.array)
    stored = arrays.recall(base, (rows, dataset.side, dataset.side, dataset.channels))
    if stored is None:
        raise ImagesGone(f"The decoded images in {base} were deleted or damaged. Run the search again to decode them again.")
    if size == dataset.side:
        return stored
    path, shape = arrays.of_size(base, size), (rows, size, size, dataset.channels)
    images = arrays.recall(path, shape)
    if images is None:
        arrays.write(path, shape, _resized(stored, size, report), limit_bytes)
        images = arrays.recall(path, shape)
    if images is None:
        raise ImagesGone(f"The images at {size} px vanished from {path} right after they were written. Is something cleaning {path.parent}?")
    return images


def _resized(images: np.ndarray | Sequence[np.ndarray], size: int, report: Report | None = None, fit: Fit = "squash") -> Iterator[np.ndarray]:
    starts = range(0, len(images), arrays.CHUNK)
    done = 0

    def some(start: int) -> np.ndarray:
        block = images[start : start + arrays.CHUNK]
        return resize_array(np.asarray(block), size, fit) if isinstance(block, np.ndarray) else np.concatenate([square(image, size, fit) for image in block])

    for block in arrays.in_threads(some, starts):
        done += len(block)
        if report is not None:
            report(done, len(images))
        yield block


def _dark(given: np.ndarray | Sequence[np.ndarray], stack: np.ndarray | Sequence[np.ndarray]) -> tuple[str, ...]:
    """A note where all images together use less than a quarter of their range."""
    brightest = max(int(part.max()) for part in ([stack] if isinstance(stack, np.ndarray) else stack))
    if brightest >= 64:
        return ()
    top = max(float(part.max()) for part in ([given] if isinstance(given, np.ndarray) else given))
    return (f"The brightest pixel of all images is {brightest} of 255. If the full range of their values is smaller, state it: scale=(0, {top:g}).",)


def _label_index(values: Sequence[Any]) -> tuple[dict[Any, int], tuple[str, ...]]:
    different = in_order(values)
    if len(different) < 2:
        raise DataError(f"The labels name {len(different)} class: expected at least two.")
    classes = tuple(readable(str(value)) for value in different)
    twins = [name for number, name in enumerate(classes) if name in classes[:number]]
    if twins:
        raise DataError(f"Two different labels both read '{twins[0]}': use labels of one type.")
    return {value: number for number, value in enumerate(different)}, classes
