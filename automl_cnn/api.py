"""The two functions of the Python interface; see also `ImageClassifier`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_cnn.config import StudyConfig, study_config
from automl_cnn.data import Dataset, inmemory, prepare, prepare_arrays
from automl_cnn.data.cache import READERS
from automl_cnn.data.measurements import continuous
from automl_cnn.errors import DataError
from automl_cnn.export import bundle
from automl_cnn.places import store_option
from automl_cnn.records import StudyResult
from automl_cnn.store import Store
from automl_cnn.study.session import run
from automl_cnn.tasks import Regression

if TYPE_CHECKING:
    from automl_cnn.export.bundle import Classifier

MEMORY = "memory"  # what stands for a place where the images have none


def search(data: Any, *, track: bool = True, config: str | Path | None = None, **settings: Any) -> StudyResult:
    """Find the best network for images; the same call again continues where it ended.

    `data` is a folder with one subfolder per class, a table or an archive, by its path or its URL (see `automl_cnn.data.inputs`), or in memory:
    `(images, labels)`, a data frame with paths and labels (or with pictures in the column `image`), a `tf.data.Dataset`, or a data set with a length whose
    items are (image, label), as PyTorch's. Data in memory is read completely, once.

    A table of images with several labels needs no setting (`cat|dog` in a cell, or a column of zeros and ones for each label); for what is in memory,
    say `task="multilabel"`: labels are then an array (images, labels) of zeros and ones, or a list or set of labels for each image. With `task="regression"`
    they are numbers, (images,) or (images, numbers); floating-point labels that are not whole numbers are taken for numbers without it.

    `settings` are those of `automl_cnn.config.StudyConfig`: budget="10m" (or seconds), trials, seed,
    name, store, architectures=("vgg",), metric="balanced_accuracy"…; `config` is a study.toml they override.
    `track=False` leaves MLflow out.

    Raises:
        AutomlCnnError: the images, a setting or a plugin cannot be used; the message says what to change.
    """
    file = Path(config) if config else None
    if isinstance(data, (str, os.PathLike)):
        return run(study_config({"data": data, **settings}, file), track=track)
    chosen = study_config({"data": Path(MEMORY), **settings}, file)
    dataset = held(data, chosen, Store(chosen.store))
    name = chosen.name or f"{MEMORY}-{dataset.fingerprint[:8]}"
    return run(chosen.model_copy(update={"name": name}), track=track, dataset=dataset)


def held(data: Any, config: StudyConfig, store: Store) -> Dataset:
    """Images in memory, checked, split and stored like those of a folder.

    Raises:
        DataError: they cannot be used, or a setting is only for files.
    """
    shares: dict[str, Any] = {
        "seed": config.seed,
        "val_share": config.val_share,
        "test_share": config.test_share,
        "max_size": config.max_resolution,
        "fit": "squash" if config.fit == "auto" else config.fit,
    }
    files = inmemory.files_of(data, config.columns, config.task) if inmemory.is_frame(data) else None
    if files is not None:
        return prepare(files, store.cache, **shares, max_pixels=config.max_pixels, group_by=config.group_by, drop_leaks=config.drop_leaks)
    for setting in ("columns", "group_by", "labels"):
        if getattr(config, setting) is not None:
            raise DataError(f"{setting} = {getattr(config, setting)}: pictures in memory have no names. Pass a folder, a table, or a data frame with paths.")
    raw = data[1] if isinstance(data, (tuple, list)) and len(data) == 2 else None
    task = config.task or (Regression.name if continuous(raw) else None)
    images, labels = inmemory.pictures_of(data, several=task in READERS)
    return prepare_arrays(images, labels, store.cache, **shares, task=task)


def load(model: str | Path, store: str | Path = "automl-cnn-runs") -> Classifier:
    """The classifier in a .keras file, a study's folder, or of a study's name in `store`.

    Raises:
        StoreError: there is no such model; the message lists the available ones.
        ConfigError: `store` cannot be a folder.
    """
    return bundle.load(bundle.resolve(model, Store(store_option(store))))
