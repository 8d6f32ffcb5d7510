"""A whole search with several workers: the session, the record, the model files and the finish, first with workers that are formulas, then with real ones."""

import json
import os
import signal
import threading

import psutil
import pytest
from session_fakes import FakeWorker, search

from automl_cnn.config import study_config
from automl_cnn.errors import Cause, ConfigError
from automl_cnn.records import Epoch, Finished, State
from automl_cnn.store import Store
from automl_cnn.study import session, team
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.stored.overview import overview


@pytest.fixture(autouse=True)
def eight_cores(request, monkeypatch):
    if "slow" not in request.keywords:
        monkeypatch.setattr(team.processes, "core_numbers", lambda: list(range(8)))
        monkeypatch.setattr(team, "gpus", lambda backend: ())


@pytest.fixture
def together(monkeypatch):
    """Trials of the formula begin only when two are under way."""
    both = threading.Barrier(2, timeout=60)
    return lambda number: both.wait() if number in (0, 1) else None


def test_a_search_with_two_workers(tmp_path, monkeypatch, together):
    result, _, whole = search(tmp_path, monkeypatch, seconds=together, trials=6, workers=2)
    assert result.trials == 6
    assert {trial.worker for trial in result.leaderboard} == {1, 2}
    assert {trial.part for trial in result.leaderboard} == {0.5}
    used = json.loads(json.dumps(result.as_dict()))["workers"]
    assert (used["count"], used["part"], set(used["trials"])) == (2, 0.5, {str(number) for number in range(6)})
    first, second = FakeWorker.made[:2]
    assert [worker.log.name for worker in FakeWorker.made] == ["worker.log", "worker-2.log", "worker-all.log"]
    assert (first.beside, second.beside) == (1, 1)
    assert len(first.jobs) + len(second.jobs) == 6
    assert whole.tested == 1  # with all cores, since nobody waits
    assert all(worker.gone for worker in FakeWorker.made)
    kept = overview(Store(tmp_path / "store"), "s")
    assert {trial.worker for trial in kept.trials} == {1, 2}
    assert kept.everything()["leaderboard"][0]["worker"] in (1, 2)
    assert kept.result["workers"] == used


def test_it_goes_on_with_another_number_of_workers(tmp_path, monkeypatch, together):
    search(tmp_path, monkeypatch, seconds=together, trials=3, workers=2)
    result, _, _ = search(tmp_path, monkeypatch, trials=6)
    assert [trial.part for trial in result.leaderboard] == [0.5] * 3 + [1.0] * 3
    assert result.workers.count == 1
    kept = overview(Store(tmp_path / "store"), "s")
    assert kept.settings["workers"] == "auto"
    result, _, _ = search(tmp_path, monkeypatch, trials=9, workers=4)
    assert result.workers.count == 4
    assert result.trials == 9


def test_a_worker_that_dies_costs_its_own_trial(tmp_path, monkeypatch, together):
    dead = Finished(State.FAILED, failure="the worker process was killed by signal 11", cause=Cause.WORKER)
    result, _, _ = search(tmp_path, monkeypatch, seconds=together, script=lambda number, job: dead if number == 1 else None, trials=5, workers=2)
    assert [trial.number for trial in result.leaderboard if trial.state is State.FAILED] == [1]
    assert sum(trial.state is State.COMPLETE for trial in result.leaderboard) == 4


def test_more_workers_than_cores_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="--workers 99: found 8 cores"):
        search(tmp_path, monkeypatch, workers=99)
    assert FakeWorker.made == []
    assert not (tmp_path / "store" / "studies").exists()


def test_little_memory_is_noted(tmp_path, monkeypatch):
    class Small:
        available = 2**31

    monkeypatch.setattr(team.psutil, "virtual_memory", lambda: Small)
    _, observer, _ = search(tmp_path, monkeypatch, workers=4)
    assert any("4 workers hold about 4.8 GB of memory, and 2.0 GB are free" in note for note in observer.notes)


class Killer(NullObserver):
    """Kills the second worker's process in the middle of its first trial."""

    def __init__(self):
        self.victim, self.places, self.notes = None, {}, []

    def note(self, text):
        self.notes.append(text)

    def trial_started(self, job, number, place=None):
        self.places[number] = place

    def event(self, number, event):
        if self.victim is None and isinstance(event, Epoch) and self.places[number].worker == 2:
            cores = sorted(os.sched_getaffinity(0))
            own = [child for child in psutil.Process().children() if sorted(os.sched_getaffinity(child.pid)) == cores[len(cores) // 2 :]]
            assert len(own) == 1
            self.victim = number
            own[0].send_signal(signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda pid: [0])(0)) < 2, reason="two workers need two cores")
def test_real_workers_of_which_one_is_killed(tmp_path, digits):
    before = {child.pid for child in psutil.Process().children()}
    settings = {"data": digits, "name": "s", "store": tmp_path / "store", "pretrained": "none", "architectures": ("simple_cnn", "vgg"), "workers": 2}
    killer = Killer()
    result = session.run(study_config({**settings, "trials": 6, "max_epochs": 3}), observer=killer, track=False)
    failed = [trial for trial in result.leaderboard if trial.state is State.FAILED]
    assert [(trial.number, trial.worker, trial.cause) for trial in failed] == [(killer.victim, 2, Cause.MEMORY)]
    assert sum(trial.state in (State.COMPLETE, State.PRUNED) for trial in result.leaderboard) == 5
    assert {trial.worker for trial in result.leaderboard if trial.state is State.COMPLETE} == {1, 2}
    assert result.test_score is not None
    assert {child.pid for child in psutil.Process().children()} <= before
