"""A search from its settings to its result, with a worker that is a formula."""

import time

from session_fakes import pictures, search

from automl_cnn import elapsed
from automl_cnn.data import claims
from automl_cnn.records import Finished, State
from automl_cnn.study.plan.failures import EQUAL


def test_a_search_with_a_worker_that_is_a_formula_ends_with_a_model(tmp_path, monkeypatch):
    result, _, worker = search(tmp_path, monkeypatch)
    assert (result.trials, result.stopped_by, worker.tested, worker.gone) == (3, "trials", 1, True)
    assert result.test_score == 0.5


def test_the_budget_goes_by_time_that_passes_not_by_the_date(tmp_path, monkeypatch):
    """The clock of the machine is put back and forth by an hour with each look at it, one trial takes eight seconds."""
    real, passed, jumps = time.time, [0.0], iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: real() + 3600 * (next(jumps) % 3 - 1))
    monkeypatch.setattr(elapsed, "now", lambda: 5000.0 + passed[0])

    def seconds(number):
        passed[0] += 8.0 if number >= 0 else 0.0

    result, _, _ = search(tmp_path, monkeypatch, budget="60s", seconds=seconds)
    assert result.stopped_by == "budget"
    assert 4 <= result.trials <= 7
    assert result.seconds == passed[0]


def delete(folder):
    for path in (folder / "store" / "cache").glob("*.npy"):
        path.unlink()


def test_images_that_were_deleted_are_decoded_again(tmp_path, monkeypatch):
    result, observer, worker = search(
        tmp_path, monkeypatch, data=pictures(tmp_path / "images"), trials=6, seconds=lambda number: delete(tmp_path) if number == 2 else None
    )
    failed = [trial for trial in result.leaderboard if trial.state is State.FAILED]
    assert [(trial.number, trial.lost, trial.failure[:40]) for trial in failed] == [(2, True, "interrupted: the decoded images are gone")]
    assert result.stopped_by == "trials"
    assert worker.jobs[3] == worker.jobs[2]  # it is tried again
    assert sum("decoded again" in note for note in observer.notes) == 1
    assert result.test_score == 0.5


def test_images_that_are_deleted_again_and_again_end_the_search_well(tmp_path, monkeypatch):
    result, observer, _ = search(
        tmp_path, monkeypatch, data=pictures(tmp_path / "images"), trials=50, seconds=lambda number: delete(tmp_path) if number >= 2 else None
    )
    assert result.stopped_by == "exhausted"
    assert result.trials == 2 + EQUAL
    assert result.val_score > 0
    assert result.test_score == 0.5  # they were decoded once more for it
    assert any("the decoded images are gone" in note for note in observer.notes)


def test_images_that_cannot_be_decoded_again_end_the_search_with_its_winner(tmp_path, monkeypatch):
    result, observer, worker = search(tmp_path, monkeypatch, trials=50, seconds=lambda number: delete(tmp_path) if number == 2 else None)
    assert (result.stopped_by, result.trials, len(worker.jobs)) == ("exhausted", 3, 3)
    assert result.trial in (0, 1)
    assert result.test_score is None
    assert any("cannot be decoded again" in note for note in observer.notes)
    assert any("The test images could not be scored: the decoded images are gone" in note for note in observer.notes)


def test_images_that_are_others_by_now_do_not_get_into_the_search(tmp_path, monkeypatch):
    images = pictures(tmp_path / "images")

    def change(number):
        if number == 2:
            delete(tmp_path)
            (images / "a" / "0.png").write_bytes((images / "a" / "2.png").read_bytes())

    result, observer, _ = search(tmp_path, monkeypatch, data=images, trials=50, seconds=change)
    assert (result.stopped_by, result.trials) == ("exhausted", 3)
    assert any("have changed meanwhile" in note for note in observer.notes)


def test_a_search_whose_trials_all_fail_for_one_reason_ends_with_the_best_so_far(tmp_path, monkeypatch):
    """As where the disk can no longer be read: 82 trials failed in 40 seconds."""
    fails = Finished(State.FAILED, failure="OSError: read error 5 on the disk")
    result, observer, _ = search(tmp_path, monkeypatch, trials=200, script=lambda number, job: fails if number >= 3 else None)
    assert result.stopped_by == "exhausted"
    assert result.trials < 20
    assert any("failed for one reason" in note for note in observer.notes)


def test_the_images_of_a_search_are_claimed_while_it_runs(tmp_path, monkeypatch):
    seen = []
    search(tmp_path, monkeypatch, seconds=lambda number: seen.append(claims.in_use(tmp_path / "store" / "cache")))
    assert all(len(families) == 1 for families in seen)
    assert claims.in_use(tmp_path / "store" / "cache") == set()


def test_each_winner_is_scored_on_the_test_images_once_however_often_a_study_is_resumed(tmp_path, monkeypatch):
    first, _, worker = search(tmp_path, monkeypatch, name="one")
    assert (first.trial, first.tested, worker.tested) == (2, 1, 1)
    again, _, worker = search(tmp_path, monkeypatch, name="one")
    assert (again.trial, again.tested, worker.tested) == (2, 1, 0)
    assert (again.test_score, again.test_interval) == (first.test_score, first.test_interval)
    more, _, worker = search(tmp_path, monkeypatch, name="one", trials=5)
    assert (more.trial, more.tested, worker.tested) == (4, 2, 1)
