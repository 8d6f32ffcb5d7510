"""MLflow's database where it cannot be used, was moved, or was left behind by a kill."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_places import ODD
from test_track import CONFIG, DATASET, TRIALS, result_of

from automl_cnn.errors import StoreError
from automl_cnn.store import Store
from automl_cnn.track import Tracker, database, forget, serve
from automl_cnn.track.quiet import quiet_mlflow
from automl_cnn.track.serve import command


def client_of(store):
    return quiet_mlflow().MlflowClient(store.mlflow_uri, store.mlflow_uri)


def tracked(store, *, finish=True):
    """A study that was searched: two trials, a model; the tracker."""
    model = store.study("flowers").best / "model.keras"
    model.write_bytes(b"weights")
    tracker = Tracker(store, "flowers")
    tracker.start(CONFIG, DATASET)
    tracker.trial(TRIALS[0])
    if finish:
        tracker.finish(result_of(TRIALS, model), model, np.zeros((1, 8, 8, 3), np.uint8))
    assert not tracker._complained
    return tracker


def statuses(store):
    experiment = client_of(store).get_experiment_by_name("flowers")
    return {run.info.run_name: run.info.status for run in client_of(store).search_runs([experiment.experiment_id])}


@pytest.mark.parametrize("name", [name for name in ODD if name in ("st?ore", "a%20b", "[x]", "new\nline")])
def test_whatever_a_store_is_called_everything_lies_in_it(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    store = Store(Path(name))
    tracker = tracked(store)
    report = store.root / "report.html"
    report.write_text("<html>")
    tracker.files([report])
    assert not tracker._complained
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert {path.name for path in store.root.iterdir()} >= {"mlflow.db", "mlartifacts"}
    assert [path.name for path in (store.root / "mlartifacts").iterdir()] == ["flowers"]
    assert {path.name for path in store.artifacts.rglob("*") if path.is_file()} >= {"model.keras", "report.html"}
    assert store.mlflow_uri in command(store, 5000)


def unusable(file, kind):
    """Something at MLflow's place that it cannot use; what ends it."""
    if kind == "a folder":
        file.mkdir(parents=True)
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "garbage":
        file.write_bytes(b"this is no database, whatever its name says" * 100)
        return None
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("CREATE TABLE t (c)")
    holder.execute("BEGIN EXCLUSIVE")
    return holder


@pytest.mark.parametrize(("kind", "why"), [("a folder", "is a folder"), ("garbage", "not a database"), ("locked", "locked")])
def test_a_database_that_cannot_be_used_is_one_warning_and_no_retries(tmp_path, monkeypatch, caplog, capfd, kind, why):
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"somebody waits for {seconds} s"))
    store = Store(tmp_path / "store")
    holder = unusable(store.database, kind)
    tracker = Tracker(store, "flowers")
    with caplog.at_level(logging.WARNING):
        tracker.start(CONFIG, DATASET)
        tracker.trial(TRIALS[0])
        tracker.rebuild(TRIALS)
        tracker.finish(result_of(TRIALS, tmp_path / "none.keras"), tmp_path / "none.keras", np.zeros((1, 8, 8, 3), np.uint8))
        tracker.end("KILLED")
    (warning,) = caplog.records
    assert why in warning.getMessage()
    assert "The search goes on" in warning.getMessage()
    assert "Traceback" not in capfd.readouterr().err
    with pytest.raises(StoreError, match=why):
        serve(store, open_browser=False)
    if kind != "a folder":
        assert why in forget(store, "flowers")[1]
    if holder is not None:
        holder.close()


def test_nothing_more_is_tried_after_the_first_failure(tmp_path, caplog):
    tracker = tracked(Store(tmp_path), finish=False)
    calls = []

    def refuse(*given, **named):
        calls.append(given)
        raise RuntimeError(
            "(sqlite3.OperationalError) database is locked\n[SQL: INSERT INTO tags VALUES (?)]\n(Background on this error at: https://sqlalche.me)"
        )

    tracker._client.log_batch = tracker._client.create_run = refuse
    tracker.trial(TRIALS[1])
    tracker.trial(TRIALS[2])
    tracker.rebuild(TRIALS)
    assert len(calls) == 1
    assert [record.getMessage() for record in caplog.records if record.name == "automl_cnn"] == [
        "MLflow could not be written: (sqlite3.OperationalError) database is locked. The search goes on without it; its own record is complete."
    ]


def test_a_search_without_a_model_ends_its_run(tmp_path):
    store = Store(tmp_path)
    tracked(store, finish=False).end("FAILED")
    assert statuses(store) == {"flowers": "FAILED", "000 vgg": "FINISHED"}
    tracked(store).end("KILLED")
    assert statuses(store) == {"flowers": "FINISHED", "000 vgg": "FINISHED"}


def test_what_a_kill_left_running_is_ended_unless_a_search_is_at_work(tmp_path):
    store = Store(tmp_path)
    tracker = tracked(store, finish=False)
    half = tracker._client.create_run(tracker._experiment, run_name="001 vgg", tags={database.PARENT_TAG: tracker._run})
    database.end_runs(store.database, lambda study: study != "flowers", "KILLED")
    assert statuses(store)["flowers"] == "RUNNING"
    database.end_runs(store.database, lambda study: study == "flowers", "KILLED")
    assert statuses(store) == {"flowers": "KILLED", "000 vgg": "FINISHED", "001 vgg": "KILLED"}
    assert tracker._client.get_run(half.info.run_id).info.end_time
    again = tracked(store, finish=False)
    assert statuses(store)["flowers"] == "RUNNING", "a study that goes on runs again"
    again.end("KILLED")


def test_a_moved_store_keeps_its_files_and_takes_more(tmp_path):
    old, new = Store(tmp_path / "o ld"), Store(tmp_path / "elsewhere" / "new")
    tracked(old)
    new.root.parent.mkdir()
    shutil.move(old.root, new.root)
    database.relocate(new.database, new.artifacts)
    client = client_of(new)
    champion = client.get_model_version_by_alias("flowers", "champion")
    assert Path(quiet_mlflow().artifacts.download_artifacts(champion.source, tracking_uri=new.mlflow_uri)).is_dir()
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_track import CONFIG, DATASET, TRIALS
from automl_cnn.store import Store
from automl_cnn.track import Tracker
tracker = Tracker(Store(Path({str(new.root)!r})), "flowers")
tracker.start(CONFIG, DATASET)
tracker.rebuild(TRIALS)
page = Path("page.html")
page.write_text("x")
tracker.files([page])
assert not tracker._complained
"""
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path / "elsewhere", env=os.environ, check=True)
    assert not old.root.exists()
    assert list(new.artifacts.rglob("page.html"))


def test_locations_that_are_not_of_a_store_stay(tmp_path):
    store = Store(tmp_path / "store")
    tracked(store, finish=False)
    with sqlite3.connect(store.database) as direct:
        direct.execute("UPDATE experiments SET artifact_location = 's3://bucket/mlartifacts/x' WHERE name = 'flowers'")
    direct.close()
    database.relocate(store.database, tmp_path / "other" / "mlartifacts")
    assert client_of(store).get_experiment_by_name("flowers").artifact_location == "s3://bucket/mlartifacts/x"
