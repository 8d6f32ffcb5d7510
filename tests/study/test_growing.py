"""What more images would give: measured at the end of a search where that takes seconds, and kept in the record; trained for when somebody asks."""

import dataclasses

import pytest
from session_fakes import FakeWorker, search
from test_refits import NETWORK, READOUT

from automl_cnn import report
from automl_cnn.config import study_config
from automl_cnn.data import prepare_arrays
from automl_cnn.errors import ConfigError, StoreError, TrialError
from automl_cnn.growth import GROWTH, Growth, Size, Sizes
from automl_cnn.records import Finished, State
from automl_cnn.store import Store
from automl_cnn.study.finish import asked, reporting
from automl_cnn.study.finish.growing import SHARE, Growing, lessons, measure, planned
from automl_cnn.study.record.lock import held
from automl_cnn.study.record.record import Record
from automl_cnn.study.stored.overview import overview

SIZES = Sizes((Size(125, (0.72, 0.74, 0.71), 0.01), Size(250, (0.80, 0.79), 0.01), Size(500, (0.86,), 0.01)), 0.6)
READ = {"pretrained": "lite0", "architectures": ("efficientnet_lite",), "trials": 1}


def readout(folder, monkeypatch, grown=lambda job: SIZES, **settings):
    monkeypatch.setattr(FakeWorker, "grown", staticmethod(grown))
    return search(folder, monkeypatch, **{**READ, **settings})


def test_a_search_measures_a_readout_and_keeps_it(tmp_path, monkeypatch):
    result, _, worker = readout(tmp_path, monkeypatch)
    assert [(job.number, job.seconds) for job in worker.growths] == [(0, None)]
    assert result.growth.how == "readout"
    assert result.growth.twice.images == 1000
    assert Growth.of(result.as_dict()["growth"]) == result.growth
    study = overview(Store(tmp_path / "store"), "s")
    assert study.growth == {0: result.growth}
    page = study.folder.report.read_text(encoding="utf-8")
    assert "More images would help: from 250 to 500 images its accuracy rose from 0.795 to 0.860; 1,000 should give" in page


def test_the_same_winner_is_not_measured_again(tmp_path, monkeypatch):
    first, _, _ = readout(tmp_path, monkeypatch)
    again, _, worker = readout(tmp_path, monkeypatch)
    assert worker.growths == []
    assert again.growth == first.growth


@pytest.mark.parametrize("grown", [lambda job: None, lambda job: Sizes((), 0.5)])
def test_where_it_is_not_possible_a_note_says_how_it_is_done_later(tmp_path, monkeypatch, grown):
    result, observer, _ = readout(tmp_path, monkeypatch, grown)
    assert result.growth is None
    (note,) = [text for text in observer.notes if "more images" in text]
    assert note.endswith("there are too few images, or no time was left. `automl-cnn diagnose s --more-images` measures it.")


def test_a_failure_is_a_note_and_no_search_fails_for_it(tmp_path, monkeypatch):
    def broken(job):
        raise TrialError("the pretrained features are not finite")

    result, observer, _ = readout(tmp_path, monkeypatch, broken)
    assert result.val_score == 0.5
    assert any("the pretrained features are not finite. `automl-cnn diagnose s" in text for text in observer.notes)


def test_a_trained_network_is_not_measured_unasked(tmp_path, monkeypatch):
    result, observer, worker = search(tmp_path, monkeypatch, trials=1)
    assert worker.growths == []
    assert result.growth is None
    assert not [text for text in observer.notes if "more images" in text]


class Measuring:
    """A record and an executor of one readout."""

    name = "s"

    def __init__(self):
        self.kept, self.jobs, self.notes = {}, [], []

    def group(self, name):
        return self.kept

    def keep_one(self, group, key, value):
        self.kept[key] = value

    def growth(self, job, patience):
        self.jobs.append(job)
        return SIZES

    def standing(self, left):
        return Growing(study_config({"data": "x", "budget": "5m"}), self, lambda: left).standing(self, READOUT, self.notes.append, lambda text: None)


def test_it_takes_no_longer_than_there_is_time():
    one = Measuring()
    assert one.standing(20.0) is not None
    assert [job.seconds for job in one.jobs] == [20.0]
    late = Measuring()
    assert late.standing(1.0) is None
    assert late.jobs == []
    assert late.notes[0].startswith("What more images would give was not measured: no time was left.")


def test_time_is_set_aside_for_readouts_where_it_is_a_small_share():
    def foreseen(trial, budget="10m", ready=None):
        return Growing(study_config({"data": "x", "budget": budget}), None, lambda: 0.0).foreseen(trial, ready)

    assert 0 < foreseen(READOUT) <= SHARE * 600
    assert foreseen(READOUT, ready=24.0) == 2 * foreseen(READOUT)
    assert foreseen(READOUT, "1m") == foreseen(NETWORK) == foreseen(None) == 0.0


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    import numpy as np

    images = np.random.default_rng(0).integers(0, 256, (400, 8, 8, 3), np.uint8)
    return prepare_arrays(images, [0, 1] * 200, tmp_path_factory.mktemp("cache"))


def test_fewer_images_are_trained_on_for_as_many_steps(dataset):
    whole, (quarter, half) = lessons(NETWORK, (NETWORK,), dataset)
    assert (whole, quarter.images, half.images) == (280, 70, 140)
    assert (quarter.epochs, half.epochs) == (40, 20)
    assert quarter.seconds > half.seconds > 28.0, "ten epochs of 280 images at 100 a second; each epoch is scored"


def test_what_a_trial_continued_counts_as_well(dataset):
    first = dataclasses.replace(NETWORK, best_epoch=6)
    second = dataclasses.replace(NETWORK, number=1, continue_from=0)
    _, (quarter, half) = lessons(second, (first, second), dataset)
    assert (quarter.epochs, half.epochs) == (64, 32)
    shared = dataclasses.replace(NETWORK, fidelity=dataclasses.replace(NETWORK.fidelity, share=0.5))
    whole, (quarter, half) = lessons(shared, (shared,), dataset)
    assert (whole, half.images) == (140, 70)
    assert (quarter.share, half.share) == (0.125, 0.25)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A study of trained networks, ready to be measured with FakeWorkers: (study, measure it)."""
    search(tmp_path, monkeypatch, trials=2)
    monkeypatch.setattr(asked, "LocalExecutor", FakeWorker)
    monkeypatch.setattr(FakeWorker, "script", staticmethod(lambda number, job: None))
    FakeWorker.made.clear()
    lines, steps = [], []
    store = Store(tmp_path / "store")

    def measured(number=None, budget=None):
        study = overview(store, "s")
        plan = planned(study, number, budget)
        lines.append(plan.sentence)
        return measure(study, store, plan, steps.append), lines, steps

    return store, measured


def test_the_winner_is_trained_on_fewer_images_and_the_result_is_kept(trained):
    store, measured = trained
    growth, lines, steps = measured()
    (worker,) = FakeWorker.made
    assert [(job.fidelity.share, job.fidelity.epochs, job.fidelity.seconds, job.seed) for job in worker.jobs] == [(0.25, 2, None, 1)]
    assert worker.gone
    assert worker.setting.checkpoints != str(overview(store, "s").folder.trials), "no trial's model is written over"
    assert [(point.images, point.score) for point in growth.points] == [(16, 0.5), (28, 0.51)]
    assert growth.how == "training"
    assert lines[0].startswith("Training the network of trial 1 once, on 16 images, for as many steps as before: about 0:")
    assert steps == ["training on 16 images: epoch 1 of 1"]
    study = overview(store, "s")
    assert study.growth == {1: growth}
    assert len(study.trials) == 2, "what was trained for it is no trial"
    assert "More images" in report.page(reporting.facts(study, store))


def test_another_trial_is_measured_by_its_number(trained):
    store, measured = trained
    growth, *_ = measured(0)
    assert overview(store, "s").growth == {0: growth}
    with pytest.raises(ConfigError, match="has no trained network of trial 7"):
        measured(7)


def test_a_budget_that_is_too_short_says_what_it_takes(trained):
    _, measured = trained
    with pytest.raises(ConfigError, match=r"One training takes about 0:\d\d, longer than --budget 0:03. Raise it."):
        measured(budget=3.0)
    assert FakeWorker.made == []


def test_a_training_that_fails_or_is_cut_short_keeps_nothing(trained, monkeypatch):
    store, measured = trained
    for outcome in (Finished(State.FAILED, failure="it diverged"), Finished(State.STOPPED, 0.5)):
        monkeypatch.setattr(FakeWorker, "script", staticmethod(lambda number, job, outcome=outcome: outcome))
        with pytest.raises(TrialError, match=r"it diverged|no time was left"):
            measured()
    assert Record(store.journal, "s").group(GROWTH) == {}


def test_nobody_measures_a_study_that_is_searched(trained):
    store, measured = trained
    with held(overview(store, "s").folder.lock, "s"), pytest.raises(StoreError, match="at work on the study 's'"):
        measured()


def test_a_readout_is_measured_on_request_too(tmp_path, monkeypatch):
    readout(tmp_path, monkeypatch, lambda job: None)
    monkeypatch.setattr(asked, "LocalExecutor", FakeWorker)
    monkeypatch.setattr(FakeWorker, "grown", staticmethod(lambda job: SIZES))
    store, lines = Store(tmp_path / "store"), []
    plan = planned(overview(store, "s"), None, 60.0)
    growth = measure(overview(store, "s"), store, plan, lines.append)
    assert growth.how == "readout"
    assert plan.sentence.startswith("Fitting the readout of trial 0 on parts of its images: about 0:")
    assert FakeWorker.made[-1].growths[0].seconds <= 60.0
