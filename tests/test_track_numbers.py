"""What MLflow has of a study whose images have numbers: errors in the user's unit beside the scores, and a table of the numbers."""

import dataclasses
import json

import pytest
from test_track import CONFIG, DATASET, TRIALS, result_of

from automl_cnn.measure import Measure
from automl_cnn.store import Store
from automl_cnn.track import Tracker, champion, labels, numbers

TARGETS = ({"name": "age", "unit": "years", "mean": 40.0, "sd": 20.0},)
DATA = {**DATASET, "task": "regression", "classes": ["age"], "targets": list(TARGETS), "ranges": [{"low": 1, "median": 30, "high": 90, "counts": [1]}]}
SETTINGS = {**CONFIG, "metric": "rmse"}
ERRORS = {"rmse": 3.25, "mae": 2.5, "r2": 0.974, "spearman": 0.98, "half_width": 5.1, "covered": 0.9}


def numbered(**changes):
    given = {
        "metric": "rmse",
        "task": "regression",
        "targets": TARGETS,
        "per_label": {"age": ERRORS},
        "val_score": 0.8,
        "val_interval": (0.7, 0.9),
        "test_score": 0.75,
        "test_interval": (0.7, 0.85),
        **changes,
    }
    return dataclasses.replace(result_of(TRIALS, "model.keras"), **given)


@pytest.fixture
def tracker(tmp_path, monkeypatch):
    monkeypatch.setattr(champion, "register", lambda *_, **__: None)
    made = Tracker(Store(tmp_path), "faces")
    made.start(SETTINGS, DATA)
    made.rebuild(TRIALS)
    made.finish(numbered(), tmp_path / "model.keras", None)
    assert not made._complained
    return made


def test_the_winner_has_errors_in_the_unit_and_a_table_of_numbers(tracker, tmp_path):
    run = tracker._client.get_run(tracker._run)
    wanted = {"val_rmse": 4.0, "val_rmse_low": 2.0, "val_rmse_high": 6.0, "test_rmse": 5.0, "test_rmse_low": 3.0, "test_mae": 2.5, "test_r2": 0.974}
    assert {name: run.data.metrics[name] for name in wanted} == pytest.approx(wanted)
    assert run.data.metrics["val_score"] == 0.8
    assert run.data.metrics["mae/age"] == 2.5
    assert (run.data.tags["task"], run.data.tags["metric"], run.data.tags["unit"]) == ("regression", "rmse", "years")
    (tmp_path / "out").mkdir()
    tracker._client.download_artifacts(tracker._run, "numbers.json", str(tmp_path / "out"))
    table = json.loads((tmp_path / "out" / "numbers.json").read_text())
    assert dict(zip(table["columns"], table["data"][0], strict=True)) == {"number": "age", "unit": "years", **ERRORS}
    assert json.loads(run.data.tags["mlflow.loggedArtifacts"]) == [{"path": "numbers.json", "type": "table"}]
    (data,) = run.inputs.dataset_inputs
    assert json.loads(data.dataset.profile)["ranges"] == DATA["ranges"]


def test_trials_and_curves_have_errors_beside_scores(tracker):
    best = max((one for one in TRIALS if one.scored), key=lambda one: one.score)
    run, _ = tracker._trials[best.number]
    metrics = tracker._client.get_run(run).data.metrics
    assert metrics["best_rmse"] == pytest.approx(20 * (1 - best.score))
    assert metrics["best_rmse_low"] < metrics["best_rmse"] < metrics["best_rmse_high"]
    curve = [point.value for point in tracker._client.get_metric_history(run, "rmse")]
    assert curve == pytest.approx([20 * (1 - epoch.score) for epoch in best.epochs])
    assert "val_within_half_sd" in metrics
    assert "val_accuracy" not in metrics
    assert tracker._client.get_run(tracker._run).data.metrics["best_rmse"] == pytest.approx(20 * (1 - best.score))


def test_the_experiment_says_how_scores_and_errors_go_together(tracker):
    note = tracker._client.get_experiment(tracker._experiment).tags["mlflow.note.content"]
    assert "`rmse` is the error in years; scores are 1 - error / standard deviation" in note


def test_other_metrics_stay_scores():
    assert numbers.named(Measure("r2"), "best_", 0.9, (0.8, 0.95)) == {}
    assert numbers.of_winner(result_of(TRIALS, "model.keras")) == {}
    values = numbers.of_winner(numbered(metric="r2", test_score=None, test_interval=None))
    assert values == {f"val_{name}": value for name, value in ERRORS.items()}


def test_several_numbers_have_their_own_errors():
    two = numbered(targets=(*TARGETS, {**TARGETS[0], "name": "a/b"}), per_label={"age": ERRORS, "a/b": ERRORS})
    assert labels.figures(two)["rmse/a_b"] == 3.25
    assert set(numbers.of_winner(two)) == {f"{split}_rmse{end}" for split in ("val", "test") for end in ("", "_low", "_high")}


def test_what_helped_lowers_the_error():
    metric = Measure.of("rmse", DATA)
    effect = {"action": "dropout", "tried": 2, "mean": 0.02, "interval": (0.01, 0.04)}
    assert numbers.changed(metric, effect) == {**effect, "mean": -0.4, "interval": [-0.8, -0.2]}
    assert numbers.changed(metric, {**effect, "interval": None})["interval"] is None
    assert numbers.changed(Measure("accuracy"), effect) == effect
