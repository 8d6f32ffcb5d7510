"""A study deleted from MLflow does not come back when a new one takes its name."""

from __future__ import annotations

import numpy as np
import pytest

from automl_cnn.records import Fidelity, State, StudyResult, Trial
from automl_cnn.store import Store
from automl_cnn.track import Tracker, forget
from automl_cnn.track.quiet import quiet_mlflow

CONFIGURATION = {"architecture": "vgg", "resolution": 32}
TRIAL = Trial(0, CONFIGURATION, Fidelity(3), "default", "defaults", State.COMPLETE, 0.7, (0.6, 0.8), seconds=2.0, params=10, mult_adds=20)


def track(store, study, score):
    tracker = Tracker(store, study)
    tracker.start({"seed": 0}, {"name": "flowers", "fingerprint": "f", "classes": ["a", "b"]})
    tracker.rebuild([TRIAL])
    model = store.root / "model.keras"
    model.write_bytes(b"weights")
    result = StudyResult(study, "accuracy", CONFIGURATION, 10, 20, score, (0.6, 0.8), None, None, 1, 9.0, str(model), 0, "budget")
    tracker.finish(result, model, np.zeros((1, 8, 8, 3), np.uint8))


@pytest.mark.parametrize("study", ["flowers", "my flowers"])
def test_a_study_is_forgotten_and_its_name_is_free(tmp_path, study):
    store = Store(tmp_path / "runs")
    assert forget(store, study) == (0, None)
    assert not store.root.exists()
    track(store, study, 0.7)
    track(store, "kept", 0.7)
    client = quiet_mlflow().MlflowClient(store.mlflow_uri, store.mlflow_uri)
    old = client.get_experiment_by_name(study)

    freed, note = forget(store, study)

    assert note is None
    assert freed > 0
    assert client.get_experiment(old.experiment_id).lifecycle_stage == "deleted"
    assert client.get_experiment_by_name(study) is None
    assert [model.name for model in client.search_registered_models()] == ["kept"]
    assert [place.name for place in store.artifacts.iterdir()] == ["kept"]
    assert forget(store, study) == (0, None)

    track(store, study, 0.8)
    new = client.get_experiment_by_name(study)
    assert new.experiment_id != old.experiment_id
    assert len(client.search_runs([new.experiment_id])) == 2
    assert client.get_model_version_by_alias(study, "champion").tags["val_score"] == "0.8"

    client.delete_experiment(new.experiment_id)  # by hand, in MLflow's pages
    assert forget(store, study)[1] is None
    assert client.get_experiment_by_name(study) is None
