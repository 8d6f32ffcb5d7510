"""What makes a study that study: its name, its settings, its images."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from automl_cnn.caveats import COPIES, COPIES_TEST, INDEPENDENT, leaks
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, set_name
from automl_cnn.data.dataset import SplitName
from automl_cnn.databases import Database, parse
from automl_cnn.dataset_summary import IMAGES, LABELS_EACH, RANGES, RIGHT, SAME_ANSWER, TASK
from automl_cnn.errors import ConfigError, DataError, StoreError
from automl_cnn.flags import identity
from automl_cnn.paths import stored
from automl_cnn.store import Store, StudyFolder, atomic_write_text
from automl_cnn.study.observer import Observer
from automl_cnn.study.record.record import FINGERPRINT, Record
from automl_cnn.text import readable
from automl_cnn.toml_file import read_toml

IDENTITY_KEY = "identity"  # in the record
IDENTITY = identity(StudyConfig)  # settings that make another study when they change
ONCE = {  # before it could be chosen
    "engine": "optuna",
    "sampler": "tpe",
    "pruner": "percentile",
    "scaling": "auto",
    "objectives": None,
    "group_by": None,
    "drop_leaks": False,
    "fit": "squash",
    "task": None,
    "ordered": None,
    "loss": "squared",
}


def summary(dataset: Dataset) -> dict[str, Any]:
    """A data set in figures, JSON-ready."""
    return {
        "name": dataset.name,
        "folder": readable(dataset.folder),
        "fingerprint": dataset.fingerprint,
        "classes": list(dataset.classes),
        "images": len(dataset.labels),
        "splits": {split: [int(count) for count in dataset.counts(split)] for split in ("train", "val", "test")},
        "skipped": len(dataset.skipped),
        "duplicates": dataset.duplicates,
        "channels": dataset.channels,
        "native": int(dataset.native),
        **measured(dataset),
        **_of_task(dataset),
        INDEPENDENT: {split: dataset.independent(split) for split in ("train", "val", "test")},
    }


def _of_task(dataset: Dataset) -> dict[str, Any]:
    """What else there is to say of images with several labels, or numbers: their task, how many images a split has, how many images have no label, one, two
    and so on, where numbers lie, and what the same answer to all scores."""
    task = dataset.task
    if task.exclusive:
        return {}
    images = {split: len(dataset.rows(split)) for split in ("train", "val", "test")}
    splits: tuple[SplitName, ...] = ("val", "test")
    same = task.constant(dataset.truth(dataset.rows("train")))
    truths = {split: dataset.truth(dataset.rows(split)) for split in splits}
    answers = {
        split: {**{metric: dataset.same_answer(split, metric) for metric in task.metrics}, RIGHT: task.share_right(truth, np.tile(same, (len(truth), 1)))}
        for split, truth in truths.items()
    }
    ranges = task.extent(dataset.truth(dataset.rows("train")))
    known = {**task.stated(), TASK: task.name, IMAGES: images, LABELS_EACH: list(dataset.labels_each), SAME_ANSWER: answers}
    return known | ({RANGES: ranges} if ranges else {})


def name_of(config: StudyConfig, store: Store | None = None) -> str:
    """The name of a study that was given none: the same settings on the same folder are the same study.

    A study without a set metric is named like one by accuracy, as it was before the images could decide, and one without a set fit like one of squashed
    images; if in `store` it was decided otherwise, what is set makes another name.
    """
    identity = _identity(config)
    identity["data"] = stored(config.data)
    digest = hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=3).hexdigest()
    plain = re.sub(r"[^\w.-]+", "-", set_name(config.data)).strip("-.") or "study"
    name = f"{plain}-{digest}"
    if store is None:
        return name
    decided = _decided(store, name)
    if config.metric is not None and decided.get("metric") not in (None, config.metric):
        name = f"{name}-{config.metric}"
    return f"{name}-{config.fit}" if config.fit == ONCE["fit"] and decided.get("fit") not in (None, config.fit) else name


def _decided(store: Store, name: str) -> dict[str, Any]:
    """The settings of a study, by its study.toml; none where there is none."""
    try:
        return read_toml(store.root / "studies" / name / "study.toml")
    except ConfigError:
        return {}


def settled(config: StudyConfig, record: Record, dataset: Dataset) -> StudyConfig:
    """The settings with the fit of the images, and a metric: the one that is set, else the one that the study began with, else the one that suits the images.

    Raises:
        ConfigError: the metric does not suit what the images are labeled with.
    """
    fitted = config.model_copy(update={"fit": dataset.fit}) if config.fit == "auto" else config
    if config.metric is not None:
        if config.metric not in dataset.task.metrics:
            order = " It needs classes with an order: --ordered low,medium,high." if config.metric == "quadratic_kappa" and dataset.task.exclusive else ""
            raise ConfigError(
                f"The images have {dataset.task.words.each}, and --metric {config.metric} does not suit that: expected one of "
                f"{', '.join(dataset.task.metrics)}.{order}"
            )
        return fitted
    known = (record.settings.get(IDENTITY_KEY) or {}).get("metric")
    return fitted.model_copy(update={"metric": known or dataset.task.suited(dataset.counts("train"))})


def _identity(config: StudyConfig) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(config.model_dump_json(include=set(IDENTITY)))
    values["metric"] = config.scored_by
    values["fit"] = ONCE["fit"] if config.fit == "auto" else config.fit
    return {key: value for key, value in values.items() if ONCE.get(key) != value}


def _by_name(identity: dict[str, Any]) -> dict[str, Any]:
    """The file of weights by its name alone: the same file may be named by another path, or may have moved along with the store."""
    return {**identity, "weights": Path(identity["weights"]).name} if identity.get("weights") else identity


def same_study(record: Record, config: StudyConfig, dataset: Dataset, name: str) -> None:
    """Refuse to mix two searches under one name."""
    identity = _identity(config)
    del identity["data"]
    known = record.settings.get(IDENTITY_KEY)
    if known is None:
        record.keep(IDENTITY_KEY, identity)
        record.keep(FINGERPRINT, dataset.fingerprint)
        return
    then, now = _by_name({**ONCE, **known}), _by_name({**ONCE, **identity})
    changed = [f"{key} was {then.get(key)!r}, now {value!r}" for key, value in now.items() if then.get(key) != value]
    if changed:
        raise ConfigError(f"The study '{name}' exists with other settings: {'; '.join(changed)}. Choose another --name, or the settings it began with.")
    if record.settings.get(FINGERPRINT) != dataset.fingerprint:
        raise StoreError(f"The images changed since the study '{name}' began, so its scores would not compare. Choose another --name for a new study.")


def same_storage(config: StudyConfig, folder: StudyFolder) -> None:
    """Refuse to begin a second record of a study that has one elsewhere.

    Raises:
        ConfigError: the study in this folder has its record in another place.
    """
    there, here = stored_in(folder), config.storage
    if not folder.toml.is_file() or (there and there.place) == (here and here.place):
        return
    known, asked = (f"the database {place}" if place else "the file of this store" for place in (there, here))
    how = f"Pass --storage {there}" if there else "Leave --storage out"
    raise ConfigError(
        f"The study '{folder.name}' has its record in {known}, not in {asked}. {how}, or choose another --name. "
        f"Where the record was moved, change `storage` in {folder.toml}."
    )


def stored_in(folder: StudyFolder) -> Database | None:
    """The database with the record of a study, by its study.toml; None where it is in the store's own file."""
    try:
        known = read_toml(folder.toml).get("storage")
        return None if known is None else parse(known)
    except (ConfigError, ValueError):
        return None


def as_begun(dataset: Dataset, manifest: Path, observer: Observer) -> Dataset:
    """The data set in the splits that the study began with: test images of another split may have been trained on by now."""
    try:
        before = Dataset.load(manifest)
    except DataError:
        return dataset  # a new study
    if before.fingerprint != dataset.fingerprint or len(before) != len(dataset) or np.array_equal(before.splits, dataset.splits):
        return dataset
    observer.note("This study goes on with the split that it began with, although another one would be made today.")
    split = dataclasses.replace(dataset, splits=before.splits)
    notes = tuple(note for note in dataset.notes if note not in leaks(measured(dataset)))
    return dataclasses.replace(split, notes=(*notes, *leaks(measured(split))))


def measured(dataset: Dataset) -> dict[str, float | None]:
    """The shares of copies in a data set, as its figures hold them."""
    return {COPIES: dataset.copied("val"), COPIES_TEST: dataset.copied("test")}


def write_toml(path: Path, config: StudyConfig, name: str) -> None:
    """The settings that would repeat the study, as a study.toml."""
    atomic_write_text(path, tomli_w.dumps(written(config, name)))


def written(config: StudyConfig, name: str) -> dict[str, Any]:
    """The settings of a study as they are kept, JSON-ready. Passwords are not among them."""
    values = {key: value for key, value in json.loads(config.model_dump_json()).items() if value is not None}
    values["name"] = name
    for key in ("data", "store", "plugins_dir", "weights", "labels"):
        if values.get(key) is not None:
            values[key] = stored(getattr(config, key))
    return values
