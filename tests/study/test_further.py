"""Interventions in a search: made on the winner where its diagnosis is undecided, kept in the record, and never a reason to fail."""

import dataclasses
import os
import signal

import numpy as np
import pytest
from session_fakes import FakeWorker, search

from automl_cnn.errors import TrialError
from automl_cnn.interventions import Interventions
from automl_cnn.records import Finding
from automl_cnn.store import Store
from automl_cnn.study.earlier import experience
from automl_cnn.study.plan.wishes import Measure, Unmeasured
from automl_cnn.study.record.record import Record
from automl_cnn.study.record.where import storage_of
from automl_cnn.study.stored.overview import overview

MADE = Interventions(40, 1.0, 0.9, 0.5, 1.0, 1.1, 1.0, 0.6, 1.1, 0.97, 3.0)
UNDECIDED = Finding("rate_too_low", "medium", "It falls slowly.", {}, probability=0.5, others=(("underfitting", 0.4),))


@pytest.fixture
def asked(monkeypatch):
    """The jobs that the worker was asked to intervene on; it answers `MADE`, or raises what a test puts into `raises`."""
    jobs, raises = [], []

    def intervene(self, job, patience=None):
        jobs.append(job)
        if raises:
            raise raises[0]
        return MADE

    monkeypatch.setattr(FakeWorker, "intervene", intervene, raising=False)
    monkeypatch.setattr("automl_cnn.study.running.further.diagnose", lambda trial, context: [UNDECIDED])
    return jobs, raises


def test_the_winners_undecided_diagnosis_is_tested_and_kept(asked, tmp_path, monkeypatch):
    jobs, _ = asked
    result, _, _ = search(tmp_path, monkeypatch)
    assert [(job.number, dict(job.configuration)) for job in jobs] == [(result.trial, dict(result.configuration))]
    kept = overview(Store(tmp_path / "store"), "s").trials
    assert [trial.interventions for trial in kept] == [MADE if trial.number == result.trial else None for trial in kept]
    search(tmp_path, monkeypatch)
    assert len(jobs) == 1, "what is known is not tested again"


def test_nobody_who_stops_a_search_waits_for_it(asked, tmp_path, monkeypatch):
    jobs, _ = asked

    def press(number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGINT)

    result, _, _ = search(tmp_path, monkeypatch, seconds=press)
    assert (result.stopped_by, jobs) == ("user", [])


def test_a_test_that_fails_is_noted_and_the_search_ends_well(asked, tmp_path, monkeypatch):
    _, raises = asked
    raises.append(TrialError("it went wrong"))
    result, observer, _ = search(tmp_path, monkeypatch)
    assert result.test_score == 0.5
    assert f"The diagnosis of trial {result.trial} could not be tested further: it went wrong." in observer.notes


def test_a_clear_diagnosis_is_not_tested(asked, tmp_path, monkeypatch):
    jobs, _ = asked
    monkeypatch.setattr("automl_cnn.study.running.further.diagnose", lambda trial, context: [dataclasses.replace(UNDECIDED, probability=0.9)])
    search(tmp_path, monkeypatch)
    assert jobs == []


def test_no_time_no_test(asked, tmp_path, monkeypatch):
    jobs, _ = asked
    search(tmp_path, monkeypatch, budget="30s")
    assert jobs == []


def test_a_plan_that_waits_for_interventions_has_them_made(asked, tmp_path, monkeypatch):
    """The stage asks once for each trial; it does not ask again where they failed."""
    from automl_cnn.study.plan.stages import Guided

    jobs, raises = asked
    raises.append(TrialError("no"))
    seen = []

    def next_(self, now):
        for trial in now.done:
            if self.untested(trial):
                raise Unmeasured(Measure("interventions", trial.configuration, trial))
            seen.append(trial.interventions)

    monkeypatch.setattr(Guided, "next", next_)
    monkeypatch.setattr("automl_cnn.study.running.further.diagnose", lambda trial, context: [])
    result, observer, _ = search(tmp_path, monkeypatch, guided="on", trials=12)
    assert result.stopped_by == "trials"
    assert len(jobs) == len({job.number for job in jobs}) >= 5, "each trial once"
    assert set(seen) == {None}
    assert sum("could not be tested further" in note for note in observer.notes) == len(jobs)


def test_a_study_keeps_the_experience_it_began_with(asked, tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, guided="on")
    store = Store(tmp_path / "store")
    record = Record(store.journal, "s")
    assert record.settings["experience"] == []
    known = [{"action": "augment on", "images": 100, "difference": 0.05, "sd": 0.01}]
    record.keep("experience", known)
    assert experience(record, storage_of(store.journal)).prior("augment on").mean > 0
    assert not np.isnan(experience(record, storage_of(store.journal)).prior("augment on").sd)
