"""A study taken out of MLflow again."""

from __future__ import annotations

import datetime

from automl_cnn.store import Store, remove
from automl_cnn.track import database
from automl_cnn.track.quiet import quiet_mlflow


def forget(store: Store, study: str) -> tuple[int, str | None]:
    """Delete a study's experiment, files and registered model; the bytes freed, and what went wrong in a sentence, or None.

    The experiment goes to MLflow's bin under another name: a new study of the old name must not be
    taken for the old one. Never raises. MLflow is imported only where the store has used it.
    """
    if not store.database.is_file():
        return 0, None
    try:
        files = store.artifacts_of(study)
        database.check(store.database)
        database.relocate(store.database, store.artifacts)
        client = quiet_mlflow().MlflowClient(store.mlflow_uri, store.mlflow_uri)
        if client.search_registered_models(f"name = '{study}'"):
            client.delete_registered_model(study)  # with all its versions
        experiment = client.get_experiment_by_name(study)
        if experiment is None:
            return 0, None
        if experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)  # MLflow renames no deleted one
        client.rename_experiment(experiment.experiment_id, f"{study} (deleted {datetime.datetime.now().isoformat(' ', 'microseconds')})")
        client.delete_experiment(experiment.experiment_id)
        return remove(files), None
    except Exception as error:  # MLflow, its database and its disk may raise anything
        return 0, f"MLflow still shows the study '{study}', since it could not be deleted there: {database.reason(error)}."
