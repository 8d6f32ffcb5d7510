"""A search that ends badly: what it says, and what it leaves behind."""

import os
from pathlib import Path

import pytest
from session_fakes import search

from automl_cnn.errors import StoreError, TrialError
from automl_cnn.records import Finished, State
from automl_cnn.store import Store
from automl_cnn.study.record.lock import held, holder
from automl_cnn.track import NullTracker


@pytest.fixture
def ended(monkeypatch):
    """The status that each search gave to its runs in MLflow."""
    statuses = []
    monkeypatch.setattr(NullTracker, "end", lambda self, status: statuses.append(status))
    return statuses


def test_a_search_without_a_model_ends_its_runs(tmp_path, monkeypatch, ended):
    with pytest.raises(TrialError):
        search(tmp_path, monkeypatch, script=lambda number, job: Finished(State.FAILED, failure="broken"))
    assert ended == ["FAILED"]


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "KILLED"), (ZeroDivisionError, "FAILED"), (MemoryError, "FAILED")])
def test_so_does_one_that_is_broken_off(tmp_path, monkeypatch, ended, error, status):
    def seconds(number):
        if number == 1:
            raise error

    with pytest.raises(error):
        search(tmp_path, monkeypatch, seconds=seconds)
    assert ended == [status]


def test_a_study_folder_that_becomes_read_only_is_a_sentence(tmp_path, monkeypatch, ended):
    """The tests may run as root, whom no permission stops, so the system's answer is played."""
    folder = Store(tmp_path / "store").study("s").folder

    def refusing(call):
        def asked(path, *rest, **named):
            place = os.fspath(rest[0] if rest and call is not os.unlink else path)
            if Path(place).is_relative_to(folder):
                raise PermissionError(13, "Permission denied", place)
            return call(path, *rest, **named)

        return asked

    def seconds(number):
        if number == 1:
            for name in ("replace", "link", "unlink"):
                monkeypatch.setattr(os, name, refusing(getattr(os, name)))

    with pytest.raises(StoreError, match="Permission denied") as raised:
        search(tmp_path, monkeypatch, seconds=seconds)
    assert "Traceback" not in str(raised.value)
    assert ended == ["FAILED"]
    monkeypatch.undo()
    assert holder(folder / "running.lock") is None
    with held(folder / "running.lock", "s"):
        pass


def test_a_store_that_cannot_be_written_is_refused_before_anything_is_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match="cannot be written to"):
        search(tmp_path, monkeypatch)
