"""The clock that budgets go by."""

import time

import pytest

from automl_cnn import elapsed


def test_the_start_of_the_process_does_not_depend_on_the_date(monkeypatch):
    before = elapsed.process_start()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert elapsed.process_start() == pytest.approx(before, abs=0.1)  # the system counts in hundredths
    assert before < elapsed.now()


@pytest.mark.parametrize("age", [-3600.0, 3600.0])
def test_a_start_that_cannot_be_true_is_not_believed(monkeypatch, age):
    """Where only the date tells when a process began, and somebody changed it."""
    monkeypatch.setattr(elapsed, "_age_by_boot", lambda: None)
    monkeypatch.setattr(elapsed, "_age_by_wall", lambda: age)
    monkeypatch.setattr(elapsed, "now", lambda: 7.0)
    assert elapsed.process_start() == 7.0


def test_a_system_without_such_a_clock_says_nothing(tmp_path):
    assert elapsed._age_by_boot(tmp_path / "none") is None
    (tmp_path / "odd").write_text("1 (a name) S")
    assert elapsed._age_by_boot(tmp_path / "odd") is None
