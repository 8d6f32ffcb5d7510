"""The image sets of a comparison: looked up or made, then cut to the number of images that the table asks for."""

from __future__ import annotations

import dataclasses
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from automl_cnn.comparison.table import ImageSet
from automl_cnn.data import Dataset, prepare, scan
from automl_cnn.data.samples import write_digits
from automl_cnn.data.split import NOWHERE, SPLITS
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.store import Store

FOLDERS = "AUTOML_CNN_IMAGE_SETS"  # the environment variable with a folder of image sets, each a folder or a .zip file
DIGITS = "digits"
HELD_OUT, TEST = 0.35, 0.05  # of the images, where a set has no such splits of its own
SEED = 0  # of the splits: every comparison is judged by the same images


def place_of(name: str, given: Mapping[str, Path], store: Store) -> Path | None:
    """The folder of an image set: the one given for it, scikit-learn's digits, or one in the folder of `FOLDERS`. None: it is not on this machine.

    Raises:
        ConfigError: a given folder does not exist.
    """
    if name in given:
        if not given[name].is_dir():
            raise ConfigError(f"--images {name}={given[name]}: there is no such folder. Expected a folder with one subfolder of images per class.")
        return given[name]
    own = store.root / "images" / name
    if name == DIGITS:
        return write_digits(own)
    known = Path(os.environ[FOLDERS]) if os.environ.get(FOLDERS) else None
    if known is None:
        return None
    if (known / name).is_dir():
        return known / name
    archive = known / f"{name}.zip"
    return _unpacked(archive, own) if archive.is_file() else None


def absent(name: str) -> str:
    """The message for an image set that is not on this machine."""
    return f"The images of '{name}' are not on this machine, so this part is left out. Pass --images {name}=FOLDER, or set {FOLDERS} to a folder that holds it."


def images_of(asked: ImageSet, folder: Path, store: Store, *, largest: int) -> Dataset:
    """The images of a set, split: those to learn from, the held-out ones as the validation split, and a few test images that no result depends on.

    A smaller number of training images is a part of any larger one; all are judged by the same held-out images.

    Raises:
        DataError: the folder cannot be used, or has fewer images than the table asks for.
    """
    return some(prepare(scan(folder), store.cache, seed=SEED, val_share=HELD_OUT, test_share=TEST, max_size=largest), asked.train, asked.held_out)


def some(dataset: Dataset, train: int | None, held_out: int | None) -> Dataset:
    """Keep `train` training images and `held_out` held-out images (None: all of them). The others then belong to no split.

    Raises:
        DataError: there are fewer, or a class is left without a training image.
    """
    splits = dataset.splits.copy()
    for split, wanted, what in (("train", train, "training"), ("val", held_out, "held-out")):
        rows = np.flatnonzero(dataset.splits == SPLITS[split])
        if wanted is None:
            continue
        if wanted > len(rows):
            raise DataError(f"There are {len(rows):,} {what} images of {dataset.name}, and {wanted:,} were asked for. Ask for fewer.")
        splits[np.setdiff1d(rows, _some(rows, dataset.strata, wanted))] = NOWHERE
    trained = dataset.of_each(np.flatnonzero(splits == SPLITS["train"]))
    missing = [name for name, count in zip(dataset.classes, trained, strict=True) if not count]
    if missing:
        raise DataError(f"{train:,} training images of {dataset.name} are too few: none is left of {', '.join(missing[:5])}. Ask for more.")
    return dataclasses.replace(dataset, splits=splits, fingerprint=f"{dataset.fingerprint}-{train}-{held_out}")


def _some(rows: np.ndarray, labels: np.ndarray, wanted: int) -> np.ndarray:
    """`wanted` of the rows, of every class the same share; a smaller number is a part of a larger one."""
    rng = np.random.default_rng(SEED)
    place = np.empty(len(rows))
    for label in np.unique(labels[rows]):
        mine = np.flatnonzero(labels[rows] == label)
        place[rng.permutation(mine)] = (np.arange(len(mine)) + 0.5) / len(mine)  # where in the class's own order, from 0 to 1
    return np.sort(rows[np.argsort(place, kind="stable")[:wanted]])


def _unpacked(archive: Path, folder: Path) -> Path:
    """A zip file's folder of images, unpacked once."""
    if folder.is_dir():
        return folder
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as file:
            file.extractall(part)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{archive} cannot be unpacked: {error}.") from None
    inner = part / folder.name
    os.replace(inner if inner.is_dir() else part, folder)
    shutil.rmtree(part, ignore_errors=True)
    return folder
