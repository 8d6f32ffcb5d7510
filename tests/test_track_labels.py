"""What MLflow has of a study whose images have several labels."""

import dataclasses
import json

import pytest
from test_track import CONFIG, DATASET, TRIALS, result_of

from automl_cnn.store import Store
from automl_cnn.track import Tracker, champion, labels

SCORES = {"images": 9, "answered": 0, "right": 0, "recall": 0.5, "precision": None, "f1": 0.25}
DATA = {**DATASET, "task": "multilabel", "images_by_split": {"train": 50, "val": 10, "test": 10}, "labels_per_image": [10, 60, 30]}


def labeled(names=("cat", "dog"), **changes):
    thresholds = {name: 0.25 + number / 8 for number, name in enumerate(names)}
    return dataclasses.replace(result_of(TRIALS, "model.keras"), task="multilabel", thresholds=thresholds, per_label=dict.fromkeys(names, SCORES), **changes)


def test_the_winner_has_scores_and_thresholds_of_each_label(tmp_path, monkeypatch):
    monkeypatch.setattr(champion, "register", lambda *_, **__: None)
    tracker = Tracker(Store(tmp_path), "labels")
    tracker.start(CONFIG, DATA)
    tracker.rebuild(TRIALS)
    for _ in range(2):  # a study that goes on logs them again
        tracker.finish(labeled(), tmp_path / "model.keras", None)
    assert not tracker._complained
    run = tracker._client.get_run(tracker._run)
    assert run.data.tags["task"] == "multilabel"
    assert {name: run.data.metrics[name] for name in ("f1/cat", "recall/dog", "threshold/cat", "threshold/dog")} == {
        "f1/cat": 0.25, "recall/dog": 0.5, "threshold/cat": 0.25, "threshold/dog": 0.375,
    }  # fmt: skip
    assert "precision/cat" not in run.data.metrics  # it was never answered
    table = json.loads((tmp_path / "out" / "labels.json").read_text()) if _download(tracker, tmp_path / "out") else {}
    assert table["columns"] == ["label", "images", "answered", "right", "recall", "precision", "f1", "threshold"]
    assert table["data"][0] == ["cat", 9, 0, 0, 0.5, None, 0.25, 0.25]
    assert json.loads(run.data.tags["mlflow.loggedArtifacts"]) == [{"path": "labels.json", "type": "table"}]
    (data,) = run.inputs.dataset_inputs
    assert json.loads(data.dataset.profile)["images_by_split"] == {"train": 50, "val": 10, "test": 10}


def _download(tracker, place):
    place.mkdir()
    return tracker._client.download_artifacts(tracker._run, "labels.json", str(place))


def test_a_study_of_classes_has_its_task_and_no_table(tmp_path):
    tracker = Tracker(Store(tmp_path), "flowers")
    tracker.start(CONFIG, DATASET)
    run = tracker._client.get_run(tracker._run)
    assert run.data.tags["task"] == "multiclass"
    assert labels.rows(result_of(TRIALS, "model.keras")) == []
    assert labels.figures(result_of(TRIALS, "model.keras")) == {}


@pytest.mark.parametrize("name", ["a/b", "50 %", "Häuser", "x" * 300, "[red]"])
def test_a_label_of_any_name_is_a_metric_that_mlflow_takes(name):
    from mlflow.utils.validation import _validate_metric_name

    for metric in labels.figures(labeled((name,))):
        _validate_metric_name(metric)


def test_labels_that_become_one_name_do_not_overwrite_each_other():
    figures = labels.figures(labeled(("a?", "a!")))
    assert figures["threshold/a_"] == 0.25


def test_very_many_labels_have_a_table_alone():
    names = tuple(f"label {number}" for number in range(300))
    assert len(labels.rows(labeled(names))) == 300
    assert len(labels.figures(labeled(names))) == 4 * labels.MOST
