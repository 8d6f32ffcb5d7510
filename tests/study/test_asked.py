"""Interventions that somebody asks for after a search: what they need, where they are kept, and what is refused."""

import pytest
from session_fakes import FakeWorker, search
from test_further import MADE

from automl_cnn.errors import ConfigError, StoreError
from automl_cnn.records import Fidelity, Finished, Job, State
from automl_cnn.space import Choice, Int, Parameter, Space
from automl_cnn.store import Store
from automl_cnn.study.finish import asked
from automl_cnn.study.record.lock import held
from automl_cnn.study.record.record import Record
from automl_cnn.study.stored.overview import overview


@pytest.fixture
def study(tmp_path, monkeypatch):
    """`study()`: a study that was searched, as it lies in its store; and the jobs that the worker is asked to intervene on."""
    jobs = []
    monkeypatch.setattr(FakeWorker, "intervene", lambda self, job, patience=None: jobs.append(job) or MADE, raising=False)
    search(tmp_path, monkeypatch, guided="off")
    jobs.clear()
    monkeypatch.setattr(asked, "LocalExecutor", FakeWorker)
    store = Store(tmp_path / "store")
    return lambda: overview(store, "s"), store, jobs


def test_the_best_trial_is_tested_by_a_worker_with_the_studys_settings_and_the_result_is_kept(study):
    look, store, jobs = study
    best = look().best
    assert asked.intervened(look(), store, None) == MADE
    assert [(job.number, dict(job.configuration)) for job in jobs] == [(best.number, dict(best.configuration))]
    assert FakeWorker.made[-1].setting.checkpoints == str(look().folder.trials)
    assert FakeWorker.made[-1].gone
    assert look().best.interventions == MADE


def test_a_trial_whose_model_was_not_kept_and_one_that_does_not_exist_are_refused(study):
    look, store, jobs = study
    (look().folder.trials / f"trial-{look().best.number:04d}.keras").unlink()
    with pytest.raises(ConfigError, match="was not kept, so its training cannot be changed"):
        asked.intervened(look(), store, None)
    with pytest.raises(ConfigError, match="no trained network of trial 99"):
        asked.intervened(look(), store, 99)
    assert jobs == []


def test_a_readout_is_refused(study):
    look, store, _ = study
    record = Record(store.journal, "s")
    best = look().best
    configuration = {"architecture": "simple_cnn", "pretrained.simple_cnn": "given", "finetune.simple_cnn": "probe", "resolution": 16}
    space = Space(
        (
            Parameter("architecture", Choice("simple_cnn")),
            Parameter("pretrained.simple_cnn", Choice("given")),
            Parameter("finetune.simple_cnn", Choice("probe")),
            Parameter("resolution", Int(8, 64)),
        )
    )
    number = record.start(Job(configuration, Fidelity(1), "made"), space)
    record.finish(number, Finished(State.COMPLETE, best.score, 1))
    with pytest.raises(ConfigError, match=f"is a readout of pretrained features.* Pass --trial {best.number} to test that of the best trained network"):
        asked.intervened(look(), store, number)


def test_nobody_tests_a_study_that_is_searched(study):
    look, store, _ = study
    with held(look().folder.lock, "s"), pytest.raises(StoreError, match="at work on the study 's'"):
        asked.intervened(look(), store, None)
