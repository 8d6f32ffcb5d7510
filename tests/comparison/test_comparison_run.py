"""What is handed to a session: what has no result yet, and the time that is left."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
from comparison_fakes import TABLE, results_of, study

from automl_cnn.comparison.course import Training
from automl_cnn.comparison.results import FILE
from automl_cnn.study.record.record import Record

module = importlib.import_module("automl_cnn.comparison.run")  # the package has a function of that name


@pytest.fixture
def sessions(monkeypatch):
    """Stands in for the sessions, which train nothing; keeps their settings and courses."""
    begun = []

    def session(config, *, course, **given):
        course.trainings = tuple(Training(network, {}, seed) for network, seed in course.wanted)
        begun.append((config, course))
        return SimpleNamespace(stopped_by="budget")

    monkeypatch.setattr(module, "session", session)
    monkeypatch.setattr(module, "images_of", lambda *given, **more: None)
    return begun


def test_only_what_has_no_row_is_trained_and_nothing_where_all_have(tmp_path, sessions):
    comparison = study(tmp_path / "kernels")
    complete = results_of(comparison, [np.ones((3, 4), bool), np.ones((3, 4), bool)])
    complete.write(tmp_path / "kernels" / FILE)
    assert module.run(comparison, store=tmp_path / "store").missing == 0
    assert sessions == []
    larger = study(tmp_path / "kernels", TABLE.replace('"7x7"', '"5x5"'))
    assert module.run(larger, store=tmp_path / "store").missing == 3
    (_, course), *_ = sessions
    assert [(network.series, seed) for network, seed in course.wanted] == [("large", 0), ("large", 1), ("large", 2)]


def test_a_budget_is_for_this_run_whatever_earlier_ones_used(tmp_path, sessions):
    comparison = study(tmp_path / "kernels")
    module.run(comparison, budget=100, store=tmp_path / "store")
    first = sessions[0][0]
    assert 90 < first.budget <= 100
    Record(tmp_path / "store" / "optuna.journal", first.name).use("earlier", 95.0, last=True)
    module.run(comparison, budget=100, store=tmp_path / "store")
    second = sessions[1][0]
    assert second.name == first.name
    assert 185 < second.budget <= 195


def test_a_table_that_needs_another_space_is_another_stored_study(tmp_path, sessions):
    for text in (TABLE, TABLE.replace("resolution = 16", "resolution = 320"), TABLE.replace("held_out = 100", "held_out = 90")):
        module.run(study(tmp_path / "kernels", text), store=tmp_path / "store")
    assert len({config.name for config, _ in sessions}) == 3


def test_the_time_is_shared_among_the_image_sets_that_are_here(tmp_path, sessions, monkeypatch):
    monkeypatch.delenv("AUTOML_CNN_IMAGE_SETS", raising=False)
    text = TABLE + "\n[images.elsewhere]\n\n[images.photos]\n"
    (tmp_path / "photos").mkdir()
    results = module.run(study(tmp_path / "kernels", text), budget=100, store=tmp_path / "store", images={"photos": tmp_path / "photos"})
    assert list(results.left_out) == ["elsewhere"]
    assert [config.data.name for config, _ in sessions] == ["digits", "photos"]
    first, second = (config.budget for config, _ in sessions)
    assert 40 < first <= 50, "half of it, since as many trainings are waiting on the other set"
    assert 80 < second <= 100, "nothing was used"
