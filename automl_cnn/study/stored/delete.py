"""A study removed from everything that knows of it."""

from __future__ import annotations

import contextlib

from automl_cnn.store import Store, remove
from automl_cnn.study.identity import stored_in
from automl_cnn.study.record.lock import held
from automl_cnn.study.record.record import Record
from automl_cnn.study.record.where import storage_of
from automl_cnn.study.stored.overview import overview
from automl_cnn.track import forget
from automl_cnn.urls import Url, server


def delete(store: Store, name: str) -> tuple[int, str | None]:
    """Delete a study: in MLflow, in the record, its folder; the bytes freed, and what MLflow did not do. The cache of images stays.

    The folder goes last, so that a deletion that was cut short can be repeated.

    Raises:
        StoreError: there is no such study, a search is at work on it, or its files cannot be removed.
    """
    study = overview(store, name)
    folder = study.folder
    storage = storage_of(stored_in(folder) or store.journal)
    with held(folder.lock, name) if folder.folder.is_dir() else contextlib.nullcontext(), storage.held(name):
        freed, note = forget(store, name, _server(study.settings.get("mlflow_uri")), str(study.data.get("fingerprint", "")))
        Record.delete(storage, name)
        return freed + remove(folder.folder), note


def _server(given: object) -> Url | None:
    """The MLflow server that a study's settings name."""
    try:
        return None if given is None else server(given)
    except ValueError:
        return None
