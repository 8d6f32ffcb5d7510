"""A study's images where they are now: decoded in its store, or decoded again from where the files are.

A store may have been moved or copied, another search may have taken the room of the decoded images, and the files may lie elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from automl_cnn import paths
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, pixels, prepare
from automl_cnn.data.corrections import corrected
from automl_cnn.data.corrections import read as corrections
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.scan import in_order
from automl_cnn.errors import AutomlCnnError, ConfigError, DataError
from automl_cnn.places import moved, store_of
from automl_cnn.store import Store, StudyFolder
from automl_cnn.toml_file import read_toml
from automl_cnn.urls import Url


def images_of(folder: StudyFolder, data: Path | Url | None = None) -> Dataset:
    """The data set of a study, its pixels ready to be read. `data` is where its image files are, if they are elsewhere now.

    Raises:
        DataError: the images are not there, or are others by now; the message says where they were looked for.
        StoreError: they cannot be decoded again.
    """
    dataset = Dataset.load(folder.manifest)
    if data is None:
        try:
            pixels(dataset, dataset.side)
        except DataError:
            pass
        else:
            return dataset
    root = store_of(folder.manifest)
    if not dataset.folder and data is None:
        raise DataError(f"The images of the study '{folder.name}' were arrays in memory, and their copy in the store is gone. Fit again to have them back.")
    if root is None:
        raise DataError(f"The decoded images {dataset.array} are gone, and {folder.folder} lies in no store to decode them again. Export from its own store.")
    settings = settings_of(folder)
    place = data or _place(dataset, settings)
    if isinstance(place, Path) and not place.exists():
        raise DataError(f"The images of the study '{folder.name}' are not at {place}, and their decoded copy is gone. {_WHERE}")
    shares = {key: settings.get(key, StudyConfig.model_fields[key].default) for key in ("seed", "val_share", "test_share")}
    size = settings.get("max_resolution", StudyConfig.model_fields["max_resolution"].default)
    labels = paths.read(settings["labels"]) if settings.get("labels") else None
    columns = settings.get("columns") if isinstance(place, Url) or place.is_file() else None
    with ExitStack() as claim:
        files = scan_input(place, cache=Store(root).cache, columns=columns, task=settings.get("task"), claim=claim)
        files = files if labels is None else corrected(files, corrections(labels), labels)
        files = in_order(files, settings["ordered"]) if settings.get("ordered") else files
        again = prepare(files, Store(root).cache, max_size=size, fit=dataset.fit, **shares)
    if again.fingerprint != dataset.fingerprint or (again.side, len(again)) != (dataset.side, len(dataset)):
        raise DataError(f"The images in {place} are not those of the study '{folder.name}': they were changed since, or are others. {_WHERE}")
    dataset = dataclasses.replace(dataset, array=again.array, folder=again.folder)  # the splits stay those that the study was made with
    dataset.save(folder.manifest)
    return dataset


def _place(dataset: Dataset, settings: Mapping[str, Any]) -> Path | Url:
    """Where the images of a study were, or where its settings say: that has moved along with the store. The one of the two that exists."""
    named = paths.location(settings.get("data") or dataset.folder)
    if isinstance(named, Url) or named.is_file():
        return named
    before = Path(dataset.folder)
    return before if before.exists() or not named.exists() else named


def looked_for(folder: StudyFolder, data: Path | Url | None = None) -> tuple[Dataset | None, str]:
    """The same; or None, and why. A place that the user names must hold the images, though.

    Raises:
        DataError, StoreError: `data` was given and does not hold the study's images.
    """
    try:
        return images_of(folder, data), ""
    except AutomlCnnError as error:
        if data is not None:
            raise
        return None, str(error)


def settings_of(folder: StudyFolder) -> dict[str, Any]:
    """The settings in a study's study.toml, unchecked, with every path where it is now; empty where it cannot be read."""
    try:
        settings = read_toml(folder.toml)
    except ConfigError:
        return {}
    return moved(settings, store_of(folder.toml))


_WHERE = "Pass --data FOLDER to say where they are, or search again."
