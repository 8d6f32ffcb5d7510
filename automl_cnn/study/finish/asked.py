"""What somebody asks of a study after its search: a worker with the study's settings, and tests of a trial's diagnosis."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from automl_cnn.config import METRICS, StudyConfig
from automl_cnn.errors import ConfigError
from automl_cnn.interventions import Interventions
from automl_cnn.paths import read
from automl_cnn.places import checkpoint
from automl_cnn.records import Trial
from automl_cnn.store import Store
from automl_cnn.study.identity import stored_in
from automl_cnn.study.record.lock import held
from automl_cnn.study.record.record import Record
from automl_cnn.study.record.where import storage_of
from automl_cnn.study.running.executors.local import LocalExecutor
from automl_cnn.study.running.executors.protocol import InterventionJob, Setting
from automl_cnn.study.stored.images import images_of
from automl_cnn.study.stored.overview import Overview
from automl_cnn.transfer import is_probe


def intervened(study: Overview, store: Store, number: int | None) -> Interventions:
    """Change the training of the best trial, or that of a `number`, for a few steps, and keep in the study's record what that did.

    Raises:
        ConfigError: there is no such trial, it is a readout, or its model was not kept.
        DataError: the images are not there.
        StoreError: somebody is at work on the study, or its record cannot be written.
        TrialError: the worker failed.
    """
    trial, folder = chosen(study, number), study.folder
    if is_probe(trial.configuration):
        raise ConfigError(f"Trial {trial.number} is a readout of pretrained features: it has no training that could be changed.{_instead(study)}")
    if not checkpoint(folder.trials, trial.number).exists():
        raise ConfigError(f"The model of trial {trial.number} was not kept, so its training cannot be changed: a search keeps those of its best trials alone.")
    images_of(folder)
    storage = storage_of(stored_in(folder) or store.journal)
    with held(folder.lock, study.name), storage.held(study.name), worker_of(study, str(folder.trials)) as executor:
        made = executor.intervene(InterventionJob(trial.number, trial.configuration, trial.fidelity))
        Record(storage, study.name).intervened(trial.number, made)
    return made


def _instead(study: Overview) -> str:
    """The best trial whose training can be changed, as advice; "" if there is none."""
    networks = [one for one in study.trials if one.scored and not (one.is_majority or is_probe(one.configuration))]
    trained = [one for one in networks if checkpoint(study.folder.trials, one.number).exists()]
    best = max(trained, key=lambda one: one.score or 0.0, default=None)
    return "" if best is None else f" Pass --trial {best.number} to test that of the best trained network."


def chosen(study: Overview, number: int | None) -> Trial:
    """The best trial, or that of a `number`.

    Raises:
        ConfigError: there is no such trial, or it has no trained network.
    """
    trial = study.best if number is None else next((one for one in study.trials if one.number == number), None)
    if trial is None or trial.score is None or not trial.scored or trial.is_majority:
        which = "no trained network yet" if number is None else f"no trained network of trial {number}"
        raise ConfigError(f"The study '{study.name}' has {which}, so there is nothing to measure. `automl-cnn studies show {study.name}` lists its trials.")
    return trial


@contextlib.contextmanager
def worker_of(study: Overview, checkpoints: str) -> Iterator[LocalExecutor]:
    """A worker with the study's settings, whose models are in the folder `checkpoints`."""
    settings: Mapping[str, Any] = study.settings
    executor = LocalExecutor(study.folder.log)

    def given(name: str) -> Any:
        return settings.get(name, StudyConfig.model_fields[name].default)

    try:
        executor.configure(
            Setting(
                dataset=str(study.folder.manifest),
                metric=next((known for known in METRICS if known == study.metric), METRICS[0]),
                class_weights=given("class_weights"),
                loss=given("loss"),
                seed=given("seed"),
                plugins_dir=str(read(settings["plugins_dir"])) if settings.get("plugins_dir") else None,
                checkpoints=checkpoints,
                weights=str(read(settings["weights"])) if settings.get("weights") else None,
            )
        )
        yield executor
    finally:
        executor.close()
