"""A search's images: listed, with the labels that the user corrected, decoded and split."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import numpy as np

from automl_cnn.caveats import COPIES, COPIES_TEST
from automl_cnn.check.early import early
from automl_cnn.check.material import Material
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, Scan, alike, dataset_of, in_fit, pixels, read
from automl_cnn.data.assemble import Splitting
from automl_cnn.data.corrections import corrected
from automl_cnn.data.corrections import read as corrections
from automl_cnn.data.decoded import look
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.passes import Tell
from automl_cnn.data.scan import in_order
from automl_cnn.diagnosis.copies import share_of_copies
from automl_cnn.errors import ImagesGone, StoreError
from automl_cnn.problems import Checked
from automl_cnn.squares import FALLBACK
from automl_cnn.store import Store, StudyFolder
from automl_cnn.study.checking import Checking
from automl_cnn.study.fits import Way
from automl_cnn.study.record.record import DATA, Record

CHECK_SHARE, CHECK_MOST = 0.05, 20.0  # of the budget, and seconds, for the check of the images
FEW = 25  # files whose size is looked at before the workers start
LOOKED_THROUGH = 10**9  # bytes of images that are compared for copies, in about a second


def scanned(config: StudyConfig, store: Store, checking: Checking, claim: ExitStack | None = None) -> Scan:
    """The files of a folder or a table, with the corrections of a list. Until `claim` is closed, no other process deletes what was unpacked for it.

    Raises:
        DataError: the folder's layout; a line of the table or of the list cannot be used.
        ConfigError: `columns` are not there, or `ordered` does not name the classes.
    """
    files = scan_input(
        config.data,
        cache=store.cache_place,
        columns=config.columns,
        task=config.task,
        skip=[store.root],
        listed=checking.listed,
        fetched=checking.fetched,
        claim=claim,
    )
    if config.labels is not None:
        files = corrected(files, corrections(config.labels), config.labels)
    return files if config.ordered is None else in_order(files, config.ordered)


def prepared(images: Scan, config: StudyConfig, store: Store, checking: Checking, way: Way) -> Material:
    """The images decoded and split, with what their files say. Where a study chose its way, the split is the one that it chose by."""
    size, most = config.max_resolution, config.max_pixels
    fit = way.fit if way.choice is None else FALLBACK
    source = read(images, store.cache, max_size=size, max_pixels=most, progress=checking.images, fit=fit)
    splitting = Splitting(config.seed, config.val_share, config.test_share, config.drop_leaks)
    dataset = dataset_of(source, store.cache, splitting, config.group_by, partial(checking.step, "grouping versions of one photo"))
    if way.fit != fit:
        dataset = in_fit(source, dataset, store.cache, way.fit, max_size=size, max_pixels=most, progress=checking.images)
    if way.choice is not None:
        dataset = replace(dataset, notes=(*dataset.notes, way.choice.sentence))
    return Material.of(source, dataset, config.group_by)


def usual_side(images: Dataset | Scan) -> int | None:
    """The median shorter side in px, of a few files where they are not decoded yet; None where none of them can be read."""
    if isinstance(images, Dataset):
        return images.native or images.side
    rows = np.unique(np.linspace(0, len(images.files) - 1, FEW).round().astype(int)) if images.files else ()
    headers = [look(images.folder / images.files[row][0]).header for row in rows]
    sides = [min(header.width, header.height) for header in headers if header is not None]
    return int(np.median(sides)) if sides else None


def gone(dataset: Dataset) -> bool:
    """Whether the decoded images of a data set were deleted or damaged."""
    try:
        pixels(dataset, dataset.side)
    except ImagesGone:
        return True
    return False


def look_for_copies(record: Record, dataset: Dataset) -> None:
    """Of sets too large to be split by their pixels, keep at least the measured shares of copies, while the worker starts; of the largest it is not known."""
    if not alike.too_many(len(dataset)) or len(dataset) * dataset.side**2 * dataset.channels > LOOKED_THROUGH:
        return
    known, images, train = record.settings[DATA], pixels(dataset, dataset.side), dataset.rows("train")
    shares = {COPIES: share_of_copies(images, train, dataset.rows("val")), COPIES_TEST: share_of_copies(images, train, dataset.rows("test"))}
    record.keep(DATA, {**known, **{key: max(share, known.get(key) or 0.0) for key, share in shares.items()}})


def checked(material: Material, folder: StudyFolder, budget: float | None, left: float, tell: Tell | None = None) -> Checked | None:
    """The check of the images that needs no network, kept with the study: made while the worker starts, and found again while the images are the same.

    `left` are the seconds left of the `budget`; None where there are none, and it was not made before.

    Raises:
        ImagesGone: the decoded images were deleted.
        StoreError: it cannot be written.
    """
    try:
        known = Checked.load(folder.check)
    except StoreError:
        known = None  # damaged: made again
    if known is not None and known.fingerprint == material.dataset.fingerprint:
        return known
    if left <= 0:
        return None
    made = early(material, min(CHECK_MOST, left, CHECK_MOST if budget is None else CHECK_SHARE * budget), tell=tell)
    made.save(folder.check)
    return made
