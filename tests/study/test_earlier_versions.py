"""A store written by version 0.1 as of 974463e, before the search was taken apart: it still opens, reports and goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from session_fakes import search

from automl_cnn.evidence import Evidence
from automl_cnn.records import State
from automl_cnn.store import Store
from automl_cnn.study.finish import reporting
from automl_cnn.study.record.record import Record
from automl_cnn.study.stored.overview import Condition, overview

STORED = Path(__file__).parent.parent / "stored" / "version_0_1"


@pytest.fixture
def store(tmp_path):
    shutil.copytree(STORED, tmp_path / "store")
    return Store(tmp_path / "store")


def test_its_trials_are_read(store):
    trials = Record.all(store.journal)["s"].trials
    assert [trial.state for trial in trials] == [State.COMPLETE] * 3
    assert all(trial.epochs and trial.score == max(epoch.score for epoch in trial.epochs) for trial in trials)
    assert all(trial.params and trial.mult_adds and trial.right for trial in trials)
    assert {(trial.cause, trial.refused, trial.folds) for trial in trials} == {(None, 0, 0)}


def test_it_is_listed_with_its_result(store):
    study = overview(store, "s")
    assert study.state is Condition.FINISHED
    assert study.best is not None
    assert study.best.number == study.result["trial"]
    assert study.result["test_score"] is not None


def test_the_mistakes_of_its_winner_are_read(store):
    stored = json.loads((STORED / "studies" / "s" / "evidence.json").read_text(encoding="utf-8"))["mistakes"]
    evidence = Evidence.load(STORED / "studies" / "s" / "evidence.json")
    assert [one.predicted for one in evidence.mistakes] == [one["said"] for one in stored]
    assert stored


def test_its_report_is_written_again(store):
    written = reporting.conclude(overview(store, "s"), store, None, "not looked at")
    page = next(path for path in written if path.suffix == ".html").read_text(encoding="utf-8")
    assert "simple_cnn" in page


def test_it_goes_on(store, tmp_path, monkeypatch):
    before = Record.all(store.journal)["s"].trials
    result, _, worker = search(tmp_path, monkeypatch, trials=6, max_resolution=224)
    assert len(worker.jobs) == 3
    assert result.trials == 6
    assert result.leaderboard[:3] == before
    assert result.tested == (1 if result.trial == before[0].number else 2)
