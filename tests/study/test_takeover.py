"""A study whose files are on another machine: here, in another store."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from session_fakes import search
from typer.testing import CliRunner

from automl_cnn.cli import app
from automl_cnn.errors import StoreError
from automl_cnn.modelfile.file import read_card
from automl_cnn.places import JOURNAL
from automl_cnn.records import Finished, State
from automl_cnn.store import Store
from automl_cnn.study.record.record import Record
from automl_cnn.study.stored.overview import overview


def moved(tmp_path: Path) -> Path:
    """Another store, with the record and without the files."""
    there = tmp_path / "there"
    there.mkdir()
    shutil.copy(tmp_path / "store" / JOURNAL, there / JOURNAL)
    return there


@pytest.mark.parametrize("trials", [3, 5])
def test_the_best_model_is_trained_again_where_it_is_not(tmp_path, monkeypatch, trials):
    first, _, _ = search(tmp_path, monkeypatch)
    there = moved(tmp_path)
    result, observer, worker = search(tmp_path, monkeypatch, store=there, trials=trials)
    assert any(f"model of trial {first.trial}, the best one, is not in {there}" in note for note in observer.notes)
    again = worker.jobs[0]
    assert (again.stage, again.configuration, again.seed) == ("again", first.configuration, first.trial)
    assert again.reason == f"trial {first.trial} again, since its model is not on this machine"
    assert len(worker.jobs) == 1 + trials - 3  # the takeover runs no extra trial
    assert [trial.score for trial in result.leaderboard[:3]] == [trial.score for trial in first.leaderboard]
    assert result.trial >= 3
    assert read_card(Path(result.model_path))["trial"] == result.trial
    assert result.val_score == result.leaderboard[result.trial].score


def test_a_leaderboard_says_which_models_are_elsewhere(tmp_path, monkeypatch):
    search(tmp_path, monkeypatch)
    there = moved(tmp_path)
    search(tmp_path, monkeypatch, store=there)
    shown = [CliRunner().invoke(app, ["studies", "show", "s", "--store", str(store)]).output for store in (tmp_path / "store", there)]
    assert [text.count("elsewhere") for text in shown] == [0, 3]


def test_it_is_trained_once(tmp_path, monkeypatch):
    search(tmp_path, monkeypatch)
    there = moved(tmp_path)
    second, _, _ = search(tmp_path, monkeypatch, store=there)
    third, observer, worker = search(tmp_path, monkeypatch, store=there)
    assert worker.jobs == []
    assert third.trial == second.trial
    assert not any("trained again" in note for note in observer.notes)


def test_a_training_that_fails_is_not_repeated(tmp_path, monkeypatch):
    search(tmp_path, monkeypatch)
    there, failed = moved(tmp_path), Finished(State.FAILED, failure="no")
    _, _, worker = search(tmp_path, monkeypatch, store=there, trials=5, script=lambda number, job: failed if job.stage == "again" else None)
    assert [job.stage for job in worker.jobs].count("again") == 1


def test_the_models_of_the_first_machine_count_there_again(tmp_path, monkeypatch):
    first, _, _ = search(tmp_path, monkeypatch)
    there = moved(tmp_path)
    search(tmp_path, monkeypatch, store=there)
    shutil.copy(there / JOURNAL, tmp_path / "store" / JOURNAL)
    back, _, worker = search(tmp_path, monkeypatch)
    assert worker.jobs == []
    assert back.trial == first.trial
    assert Path(back.model_path).is_file()


def test_a_front_is_trained_again_as_far_as_it_is_needed(tmp_path, monkeypatch):
    given = {"objectives": "accuracy,params", "trials": 4}
    first, _, _ = search(tmp_path, monkeypatch, **given)
    result, _, worker = search(tmp_path, monkeypatch, store=moved(tmp_path), **given)
    assert {tuple(job.configuration.items()) for job in worker.jobs} == {tuple(first.leaderboard[number].configuration.items()) for number in first.front}
    assert all(number >= 4 for number in result.front)


def test_without_time_to_train_it_again_nothing_is_changed_and_it_is_said_where_it_is(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("automl_cnn.elapsed.now", lambda: clock[0])

    def pass_time(number):
        clock[0] += 50.0

    search(tmp_path, monkeypatch, budget="100s", seconds=pass_time)
    there = moved(tmp_path)
    before = (there / JOURNAL).read_bytes()
    with pytest.raises(StoreError, match=r"budget leaves no time .* left it in .*/store/studies/s on .* or raise --budget"):
        search(tmp_path, monkeypatch, store=there, budget="100s")
    assert b'"absent"' not in (there / JOURNAL).read_bytes()[len(before) :]


def test_another_split_of_the_same_images_is_refused(tmp_path, monkeypatch):
    search(tmp_path, monkeypatch)
    there = moved(tmp_path)
    Record(there / JOURNAL, "s").keep("split", "another")
    with pytest.raises(StoreError, match=r"began with another split .* Copy dataset.json from .*/store/studies/s on"):
        search(tmp_path, monkeypatch, store=there)


def test_an_absent_model_is_no_winner(tmp_path, monkeypatch):
    first, _, _ = search(tmp_path, monkeypatch)
    record = Record(tmp_path / "store" / JOURNAL, "s")
    record.mark_absent([first.trial])
    study = overview(Store(tmp_path / "store"), "s")
    assert study.best.number != first.trial
    assert study.trials[first.trial] == dataclasses.replace(first.leaderboard[first.trial], absent=True)
