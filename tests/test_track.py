import logging
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from automl_cnn.errors import Cause, StoreError
from automl_cnn.modelfile.file import write_card
from automl_cnn.records import Epoch, Fidelity, State, StudyResult, Trial
from automl_cnn.store import Store
from automl_cnn.track import NullTracker, Tracker, serve
from automl_cnn.track.serve import free_port
from automl_cnn.workers import Workers

CLASSES = ["daisy", "rose", "tulip"]
DATASET = {
    "name": "flowers",
    "folder": "images/flowers",
    "fingerprint": "f" * 64,
    "classes": CLASSES,
    "images": 100,
    "splits": {"train": [20, 30, 20], "val": [5, 5, 5], "test": [5, 5, 5]},
    "channels": 3,
}
CONFIG = {"data": "images/flowers", "budget": 60.0, "trials": None, "seed": 0}


def curve(count, top):
    return tuple(
        Epoch(number, count, 2.0 * number, 1.0 / number, top * number / count, 1.2 / number, top * number / count, top * number / count, 0.01 / number)
        for number in range(1, count + 1)
    )


def a_trial(number, architecture="vgg", state=State.COMPLETE, score=0.8, epochs=4, **rest):
    configuration = {"architecture": architecture, f"{architecture}.blocks": number + 1, "optimizer": "sgd", "batch_size": 32}
    interval = None if score is None else (score - 0.1, score + 0.1)
    given = {"best_epoch": epochs, "params": 1000 + number, "mult_adds": 5000, "seconds": 9.5, "images_per_second": 120.0, **rest}
    return Trial(
        number,
        configuration,
        Fidelity(epochs),
        "the default of vgg",
        "defaults",
        state,
        score,
        interval,
        curve(epochs, score or 0.4),
        started_at=1.7e9,
        **given,
    )


TRIALS = [
    a_trial(0, worker=1, part=0.5),
    a_trial(1, "resnet", State.PRUNED, 0.4, 2, worker=2, node="box", part=0.5),
    a_trial(
        2,
        state=State.FAILED,
        score=None,
        epochs=1,
        best_epoch=None,
        failure="the loss became nan in epoch 1: a lower learning rate may help",
        cause=Cause.DIVERGED,
    ),
]


def result_of(trials, model_file):
    best = trials[0]
    return StudyResult(
        "flowers",
        "accuracy",
        best.configuration,
        1000,
        5000,
        0.8,
        (0.7, 0.9),
        0.75,
        (0.6, 0.85),
        len(trials),
        30.0,
        str(model_file),
        0,
        "budget",
        workers=Workers(2, 0.5, 18.0, 2.0, 10.0),
    )


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A study tracked in two sessions, the second a repetition; its store, the champion's file and image."""
    import keras

    folder = tmp_path_factory.mktemp("tracked")
    keras.utils.set_random_seed(2)
    image = keras.Input((None, None, 3), dtype="uint8")
    x = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x)))
    file = folder / "model.keras"
    model.save(file)
    write_card(file, {"classes": CLASSES, "size": 8, "channels": 3})
    store = Store(folder / "runs with space")
    example = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    for config, trials in ((CONFIG, TRIALS[:2]), ({**CONFIG, "budget": 90.0}, TRIALS)):
        tracker = Tracker(store, "flowers")
        tracker.start(config, DATASET)
        for trial in trials:
            tracker.trial(trial)
        tracker.rebuild(trials)
        tracker.finish(result_of(TRIALS, file), file, example)
        assert not tracker._complained
    return store, file, example


@pytest.fixture(scope="module")
def client(tracked):
    import mlflow

    return mlflow.MlflowClient(tracked[0].mlflow_uri, tracked[0].mlflow_uri)


@pytest.fixture(scope="module")
def runs(client):
    experiment = client.get_experiment_by_name("flowers")
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def test_a_resumed_study_is_one_run_with_each_trial_once(client, runs):
    assert sorted(runs) == ["000 vgg", "001 resnet", "002 vgg", "flowers"]
    parent = runs["flowers"].info
    assert parent.status == "FINISHED"
    assert {run.data.tags.get("mlflow.parentRunId") for name, run in runs.items() if name != "flowers"} == {parent.run_id}


def test_the_study_carries_its_settings_its_images_and_its_result(runs):
    study = runs["flowers"]
    assert study.data.params["budget"] == "60.0"
    assert '"budget": 90.0' in study.data.tags["config"]
    assert study.data.metrics["test_score"] == 0.75
    assert study.data.metrics["test_score_low"] == 0.6
    assert study.data.tags["best_trial"] == "0"
    (data,) = study.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("flowers", "f" * 36)
    assert "images/flowers" in data.dataset.source
    assert '"train": [20, 30, 20]' in data.dataset.profile
    assert "tulip" in data.dataset.schema


def test_a_trial_carries_its_curves_and_figures(client, runs):
    run = runs["000 vgg"]
    assert run.data.params["vgg.blocks"] == "1"
    assert {key: run.data.metrics[key] for key in ("best_score", "params", "mult_adds", "seconds")} == {
        "best_score": 0.8,
        "params": 1000,
        "mult_adds": 5000,
        "seconds": 9.5,
    }
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "score", "learning_rate"):
        history = client.get_metric_history(run.info.run_id, name)
        assert [(point.step, point.value) for point in history] == [(epoch.number, getattr(epoch, name)) for epoch in TRIALS[0].epochs]
    assert run.data.tags["stage"] == "defaults"
    assert run.data.tags["reason"] == "the default of vgg"
    assert run.info.end_time - run.info.start_time == 9500


def test_workers_are_named_and_how_they_were_used(runs):
    tags = {name: run.data.tags for name, run in runs.items()}
    assert (tags["000 vgg"]["worker"], tags["001 resnet"]["worker"], tags["001 resnet"]["node"]) == ("1", "2", "box")
    assert "node" not in tags["000 vgg"]
    assert "worker" not in tags["002 vgg"]
    used = runs["flowers"].data.metrics
    assert (used["workers"], used["speed_up"], used["idle_seconds"]) == (2, 1.8, 2.0)


def test_the_study_shows_how_the_best_score_grew(tmp_path):
    store = Store(tmp_path)
    for trials in ([a_trial(0, score=0.5), a_trial(1, score=0.4)], [a_trial(2, state=State.PRUNED, score=0.9), a_trial(3, score=0.6)]):
        tracker = Tracker(store, "growth")
        tracker.start(CONFIG, DATASET)
        tracker.rebuild(trials)
    history = tracker._client.get_metric_history(tracker._run, "best_score")
    assert [(point.step, point.value) for point in history] == [(0, 0.5), (1, 0.5), (3, 0.6)]


def test_pruned_and_failed_trials_say_so(runs):
    assert (runs["001 resnet"].info.status, runs["001 resnet"].data.tags["state"]) == ("KILLED", "pruned")
    failed = runs["002 vgg"]
    assert failed.info.status == "FAILED"
    assert failed.data.tags["failure"] == TRIALS[2].failure
    assert "best_score" not in failed.data.metrics


def test_the_champion_predicts_as_the_model_file_does(tracked, client, monkeypatch):
    import keras
    import mlflow

    _, file, example = tracked
    version = client.get_model_version_by_alias("flowers", "champion")
    assert version.version in ("1", 1), "the same model was registered twice"
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(tracked[0].mlflow_uri)
        champion = mlflow.pyfunc.load_model("models:/flowers@champion")
    finally:
        mlflow.set_tracking_uri(before)
    table = champion.predict(example)
    assert list(table.columns) == ["label", "confidence", "probabilities"]
    np.testing.assert_allclose(
        [[row[name] for name in CLASSES] for row in table["probabilities"]], keras.saving.load_model(file).predict(example, verbose=0), atol=1e-6
    )
    assert champion.metadata.signature.inputs is None, "MLflow would take images in one form only"
    assert champion.metadata.signature.outputs.input_names() == ["label", "confidence", "probabilities"]
    requirements = mlflow.pyfunc.get_model_dependencies(champion.metadata.artifact_path)
    assert {line.split("==")[0] for line in Path(requirements).read_text().split()} >= {"automl-cnn", "keras"}


def test_everything_lies_in_the_store(tracked, client):
    store = tracked[0]
    experiment = client.get_experiment_by_name("flowers")
    assert experiment.artifact_location.startswith(store.artifacts.as_uri())
    assert list(store.artifacts.rglob("model.keras"))
    assert not Path("mlruns").exists()
    assert not Path("mlflow.db").exists()


def test_a_trial_cut_off_half_way_is_completed_not_doubled(tmp_path):
    tracker = Tracker(Store(tmp_path), "cut")
    tracker.start(CONFIG, DATASET)
    end, tracker._client.set_terminated = tracker._client.set_terminated, None
    tracker.trial(TRIALS[0])
    tracker._client.set_terminated = end
    again = Tracker(Store(tmp_path), "cut")
    again.start(CONFIG, DATASET)
    again.rebuild(TRIALS[:1])
    runs = again._client.search_runs([again._experiment], "tags.`automl_cnn.trial` = '0'")
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert len(again._client.get_metric_history(runs[0].info.run_id, "loss")) == 4


def test_a_diverged_curve_is_kept(tmp_path):
    tracker = Tracker(Store(tmp_path), "nan")
    tracker.start(CONFIG, DATASET)
    tracker.trial(a_trial(0, epochs=1))
    broken = Epoch(1, 1, 1.0, math.nan, 0.1, math.inf, 0.1, 0.1, 0.1)
    tracker.trial(Trial(1, {"architecture": "vgg"}, Fidelity(1), "", "search", State.FAILED, epochs=(broken,), failure="nan"))
    assert not tracker._complained
    run = tracker._client.get_run(tracker._trials[1][0])
    assert math.isnan(run.data.metrics["loss"])


def test_a_broken_tracker_warns_once_and_lets_the_search_go_on(tmp_path, caplog):
    (tmp_path / "mlflow.db").write_bytes(b"this is no database, whatever its name says" * 100)
    tracker = Tracker(Store(tmp_path), "flowers")
    with caplog.at_level(logging.WARNING, "automl_cnn"):
        tracker.start(CONFIG, DATASET)
        tracker.trial(TRIALS[0])
        tracker.rebuild(TRIALS)
        tracker.finish(result_of(TRIALS, tmp_path / "none.keras"), tmp_path / "none.keras", np.zeros((1, 8, 8, 3), np.uint8))
    warnings = [entry for entry in caplog.records if entry.name == "automl_cnn"]
    assert len(warnings) == 1
    assert "The search goes on" in warnings[0].getMessage()


def test_the_null_tracker_has_every_method():
    public = {name for name in vars(Tracker) if not name.startswith("_")}
    assert public == {name for name in vars(NullTracker) if not name.startswith("_")}


def test_the_signature_names_the_answer_of_the_task():
    from automl_cnn.tasks import Multiclass, Multilabel
    from automl_cnn.track.champion import _signature

    assert _signature(Multiclass(2).fields(())).outputs.to_dict()[0] == {"type": "string", "name": "label", "required": True}
    first = _signature(Multilabel(2).fields(())).outputs.to_dict()[0]
    assert (first["name"], first["type"], first["items"]) == ("labels", "array", {"type": "string"})


def test_tracking_imports_mlflow_late_and_keras_never(tmp_path):
    code = """
import sys
from pathlib import Path
import numpy as np
from automl_cnn.store import Store
from automl_cnn.track import Tracker
assert "mlflow" not in sys.modules
from automl_cnn.records import StudyResult
Path("model.keras").write_bytes(b"weights")
tracker = Tracker(Store(Path("runs")), "s")
tracker.start({}, {"classes": ["a", "b"]})
result = StudyResult("s", "accuracy", {"architecture": "vgg"}, 1, 1, 0.5, (0, 1), None, None, 0, 1.0, "model.keras", 0, "budget")
tracker.finish(result, Path("model.keras"), np.zeros((1, 8, 8, 3), np.uint8))
assert tracker._client.get_model_version_by_alias("s", "champion")
assert not {"keras", "tensorflow", "torch", "jax"} & set(sys.modules), "Keras was imported"
assert sorted(path.name for path in Path(".").iterdir()) == ["model.keras", "runs"]
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == ""


def test_a_busy_port_gives_the_next_free_one():
    import socket

    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert free_port(port) > port


def test_an_empty_store_has_nothing_to_serve(tmp_path):
    with pytest.raises(StoreError, match="nothing to show"):
        serve(Store(tmp_path), 5000, False)


def test_the_ui_answers_on_this_machine_only_and_ends_with_its_owner(tracked):
    import signal
    import urllib.request

    import psutil

    port = free_port(5600)
    code = "import sys; from pathlib import Path; from automl_cnn.track import serve; sys.exit(serve(Path(sys.argv[1]), int(sys.argv[2]), False))"
    owner = subprocess.Popen([sys.executable, "-c", code, str(tracked[0].root), str(port)], stdout=subprocess.PIPE, text=True)
    try:
        line = owner.stdout.readline()
        assert f"http://127.0.0.1:{port}" in line
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=30) as page:
            assert b"MLflow" in page.read()
        family = psutil.Process(owner.pid).children(recursive=True)
        listening = {connection.laddr.ip for process in family for connection in process.net_connections() if connection.status == "LISTEN"}
        assert listening == {"127.0.0.1"}
        owner.send_signal(signal.SIGTERM)
        assert owner.wait(60) == 0
        assert not psutil.wait_procs(family, timeout=20)[1], "the server outlived its owner"
    finally:
        owner.kill()
