"""A study taken out of MLflow again."""

from __future__ import annotations

import datetime
from typing import Any

from automl_cnn.store import Store, remove
from automl_cnn.track.database import IMAGES_TAG
from automl_cnn.track.quiet import quiet_mlflow
from automl_cnn.track.target import target_of
from automl_cnn.urls import Url


def forget(store: Store, study: str, server: Url | None = None, images: str = "") -> tuple[int, str | None]:
    """Delete a study's experiment, files and registered model; the bytes freed, and what went wrong in a sentence, or None.

    The experiment goes to MLflow's bin under another name: a new study of the old name must not be taken for the old one. A `server` keeps the files until
    `mlflow gc`, and what it has of another study of the same name, whose `images` have another fingerprint, stays. Never raises. MLflow is imported only
    where the store has used it.
    """
    if server is None and not store.database.is_file():
        return 0, None
    target = target_of(store, study, server)
    try:
        files = store.artifacts_of(study)
        mlflow = quiet_mlflow()
        with target.opening():
            client = mlflow.MlflowClient(target.uri, target.uri)
        experiment = client.get_experiment_by_name(study)
        if server is not None and experiment is not None and _another(client, experiment.experiment_id, images):
            return 0, f"MLflow's experiment '{study}' on {server} was not deleted: it belongs to a study of other images."
        if (server is None or experiment is not None) and client.search_registered_models(f"name = '{study}'"):
            client.delete_registered_model(study)  # with all its versions
        if experiment is None:
            return 0, None
        if experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)  # MLflow renames no deleted one
        client.rename_experiment(experiment.experiment_id, f"{study} (deleted {datetime.datetime.now().isoformat(' ', 'microseconds')})")
        client.delete_experiment(experiment.experiment_id)
        return remove(files) if server is None else 0, None
    except Exception as error:  # MLflow, its database and its disk may raise anything
        return 0, f"MLflow still shows the study '{study}', since it could not be deleted there: {target.reason(error)}."


def _another(client: Any, experiment: str, images: str) -> bool:
    """Whether an experiment holds runs of other images."""
    runs = client.search_runs([experiment], f"tags.`{IMAGES_TAG}` != ''", max_results=1)
    return any(run.data.tags[IMAGES_TAG] != images for run in runs)
