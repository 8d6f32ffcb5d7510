"""A team's MLflow server: everything arrives there, what cannot waits, and nobody waits for it."""

import contextlib
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from mlflow_server import Server as MlflowServer

sys.path.insert(0, str(Path(__file__).parent / "study"))
import session_fakes

from automl_cnn.errors import ConfigError
from automl_cnn.records import Fidelity, State, StudyResult, Trial
from automl_cnn.store import Store
from automl_cnn.study import session
from automl_cnn.study.stored.delete import delete
from automl_cnn.track import Tracker, background, forget
from automl_cnn.track.background import Background
from automl_cnn.track.quiet import quiet_mlflow
from automl_cnn.track.target import Server
from automl_cnn.urls import server as address_of

CONFIGURATION = {"architecture": "vgg", "resolution": 32}
DATASET = {"name": "flowers", "fingerprint": "f", "classes": ["a", "b"]}
TRIALS = tuple(
    Trial(number, CONFIGURATION, Fidelity(3), "default", "defaults", State.COMPLETE, 0.7, (0.6, 0.8), seconds=2.0, params=10, mult_adds=20)
    for number in range(2)
)


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    server = MlflowServer(tmp_path_factory.mktemp("team"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(team):
    return quiet_mlflow().MlflowClient(team.address, team.address)


@pytest.fixture
def files(tmp_path):
    """A model file, a report and the result of a study."""

    def made(study):
        model, report = tmp_path / "model.keras", tmp_path / "report.html"
        session_fakes.write_model(model)
        report.write_text("report")
        result = StudyResult(study, "accuracy", CONFIGURATION, 10, 20, 0.7, (0.6, 0.8), 0.6, (0.5, 0.7), 2, 9.0, str(model), 0, "budget")
        return model, report, result

    return made


def write(tracker, study, files):
    model, report, result = files(study)
    tracker.start({"seed": 0}, DATASET)
    for trial in TRIALS:
        tracker.trial(trial)
    tracker.finish(result, model, np.zeros((1, 8, 8, 3), np.uint8))
    tracker.files([report])


def check(client, study):
    """The study is on the server, each trial once, with its artifacts and its champion."""
    runs = client.search_runs([client.get_experiment_by_name(study).experiment_id])
    parent = next(run for run in runs if run.data.tags.get("automl_cnn.study"))
    assert sorted(run.data.tags["automl_cnn.trial"] for run in runs if run is not parent) == ["0", "1"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.data.metrics["test_score"] == 0.6
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["report.html"]
    version = client.get_model_version_by_alias(study, "champion")
    assert version.run_id == parent.info.run_id
    return parent, version


def test_everything_is_written_to_the_server_and_nothing_to_the_store(team, client, tmp_path, files):
    write(Tracker(Store(tmp_path / "runs"), "direct", address_of(team.address)), "direct", files)
    parent, version = check(client, "direct")
    assert parent.info.artifact_uri.startswith("mlflow-artifacts:")
    fetched = Path(quiet_mlflow().artifacts.download_artifacts(version.source, dst_path=str(tmp_path / "got"), tracking_uri=team.address))
    assert list(fetched.rglob("model.keras"))
    assert not (tmp_path / "runs" / "mlflow.db").exists()
    assert not (tmp_path / "runs" / "mlartifacts").exists()


def test_what_cannot_be_written_waits_for_the_server(team, client, tmp_path, files, caplog, monkeypatch):
    monkeypatch.setattr(background, "FIRST_PAUSE", 0.05)
    tracker = Background(Tracker(Store(tmp_path / "runs"), "later", address_of(team.address)))
    tracker.start({"seed": 0}, DATASET)
    tracker.wait()
    team.stop()
    try:
        with caplog.at_level(logging.WARNING, "automl_cnn"):
            write(tracker, "later", files)
            tracker.wait()  # not at all: the server cannot be reached
    finally:
        team.start()
    tracker.close()
    assert ["cannot be reached now" in record.getMessage() for record in caplog.records] == [True]
    check(client, "later")


def test_what_was_not_written_by_the_end_is_said_and_written_by_the_next_search(team, client, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(session, "Tracker", lambda store, name, uri: Tracker(store, name, uri and reached[0]))
    reached = [address_of("http://127.0.0.1:1")]  # nobody listens
    monkeypatch.setattr(session_fakes.session, "run", _tracked(session.run))
    with caplog.at_level(logging.WARNING, "automl_cnn"):
        result, _, _ = session_fakes.search(tmp_path, monkeypatch, mlflow_uri=team.address)
    last = caplog.records[-1].getMessage()
    assert "MLflow could not be reached: http://127.0.0.1:1" in last
    assert "Run the same command again" in last
    assert result.trials == 3
    reached[0] = address_of(team.address)
    again, _, worker = session_fakes.search(tmp_path, monkeypatch, mlflow_uri=team.address)
    assert worker.jobs == []
    runs = client.search_runs([client.get_experiment_by_name("s").experiment_id])
    assert sorted(run.data.tags["automl_cnn.trial"] for run in runs if "automl_cnn.trial" in run.data.tags) == ["0", "1", "2"]
    assert client.get_model_version_by_alias("s", "champion").tags["trial"] == str(again.trial)
    assert 'mlflow_uri = "http' in (tmp_path / "store" / "studies" / "s" / "study.toml").read_text()
    assert delete(Store(tmp_path / "store"), "s")[1] is None
    assert client.get_experiment_by_name("s") is None


def _tracked(run):
    return lambda config, **given: run(config, **{**given, "track": True})


def test_an_experiment_of_other_images_is_left_alone(team, client, tmp_path, files, caplog):
    store, url = Store(tmp_path / "runs"), address_of(team.address)
    Tracker(store, "theirs", url).start({}, DATASET)
    mine = Tracker(store, "theirs", url)
    with caplog.at_level(logging.WARNING, "automl_cnn"):
        mine.start({}, {**DATASET, "fingerprint": "another"})
        mine.trial(TRIALS[0])
    assert "a study of other images; choose another --name" in caplog.text
    assert len(client.search_runs([client.get_experiment_by_name("theirs").experiment_id])) == 1
    assert "was not deleted" in forget(store, "theirs", url, "another")[1]
    assert forget(store, "theirs", url, "f") == (0, None)


@contextlib.contextmanager
def answering(status):
    """A server that answers everything with one status."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            content = b"You are not authenticated."
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *given):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_that_refuses_costs_one_warning_without_the_password(tmp_path, files, caplog):
    with answering(401) as host, caplog.at_level(logging.WARNING, "automl_cnn"):
        tracker = Background(Tracker(Store(tmp_path / "runs"), "s", address_of(f"http://ana:secret-word@{host}")))
        write(tracker, "s", files)
        tracker.close()
    assert len(caplog.records) == 1
    assert "MLFLOW_TRACKING_USERNAME" in caplog.text
    assert f"http://{host} refuses" in caplog.text
    assert "secret-word" not in caplog.text


def test_files_are_not_written_to_a_folder_of_another_machine():
    remote, local = Server(address_of("http://mlflow.example:5000")), Server(address_of("http://127.0.0.1:5000"))
    assert "--serve-artifacts" in remote.refused("/home/team/mlruns/0")
    assert "--serve-artifacts" in remote.refused("file:///home/team/mlruns/0")
    assert remote.refused("mlflow-artifacts:/0") == remote.refused("s3://bucket/0") == local.refused("/home/team/mlruns/0") == ""


@pytest.mark.parametrize("given", ["mlruns", "sqlite:///x.db", "databricks", "http://", "file:///tmp"])
def test_what_is_no_server_is_refused(tmp_path, monkeypatch, given):
    with pytest.raises(ConfigError, match=r"mlflow_uri: .*expected the address of a server"):
        session_fakes.search(tmp_path, monkeypatch, mlflow_uri=given)
