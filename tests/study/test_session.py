"""A search from its settings to its result, with a worker that is a formula."""

import time

from session_fakes import search

from automl_cnn import elapsed


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
        passed[0] += 8.0

    result, _, _ = search(tmp_path, monkeypatch, budget="60s", seconds=seconds)
    assert result.stopped_by == "budget"
    assert 4 <= result.trials <= 7
    assert result.seconds == passed[0]
