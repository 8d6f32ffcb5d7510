"""Whatever the budget, something cheap comes out: the majority class at least, and it is said to be no more."""

import dataclasses
import signal

import numpy as np
import pytest
from session_fakes import search

from automl_cnn import elapsed
from automl_cnn.data import prepare_arrays
from automl_cnn.errors import TrialError
from automl_cnn.modelfile.file import read_card
from automl_cnn.ranking import incumbent
from automl_cnn.records import MAJORITY, MAJORITY_CLASS, Fidelity, Finished, State, Trial
from automl_cnn.store import Store
from automl_cnn.study.finish import majority
from automl_cnn.study.stored.overview import overview


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test lets them."""
    passed = [0.0]
    monkeypatch.setattr(elapsed, "now", lambda: 5000.0 + passed[0])
    return passed


def passing(clock, seconds):
    def pass_(number):
        clock[0] += seconds

    return pass_


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1", "auc", None])
def test_it_is_scored_as_a_network_would_be(tmp_path, monkeypatch, clock, metric):
    chosen = {} if metric is None else {"metric": metric}
    result, _, _ = search(tmp_path, monkeypatch, budget="20s", seconds=passing(clock, 1.0), starts=False, **chosen)
    assert result.metric == metric or metric is None
    assert result.val_score == pytest.approx(result.baseline)


@pytest.mark.parametrize("budget", [1, 5, 20, 60])
def test_a_worker_that_does_not_start_in_time_leaves_the_majority_class(tmp_path, monkeypatch, clock, budget):
    result, observer, worker = search(tmp_path, monkeypatch, budget=f"{budget}s", seconds=passing(clock, 1.0), starts=False)
    assert worker.jobs == []
    assert clock[0] <= budget  # nobody waited longer
    assert result.configuration == {"architecture": MAJORITY_CLASS, "resolution": 16}
    assert (result.val_score, result.baseline, result.stopped_by) == (result.baseline, result.val_score, "budget")
    assert result.test_score == pytest.approx(0.5)
    assert worker.tested == 0
    (note,) = [note for note in observer.notes if "The model looks at no image" in note]
    assert f"No network could be trained within {budget} s" in note
    assert "it answers '0' for every image. Raise --budget to " in note
    assert read_card(tmp_path / "store/studies/s/best/model.keras")["configuration"]["architecture"] == MAJORITY_CLASS


def test_a_budget_that_cannot_be_kept_is_said_to_be_at_once(tmp_path, monkeypatch, clock):
    _, observer, _ = search(tmp_path, monkeypatch, budget="5s", seconds=passing(clock, 1.0), starts=False)
    assert "A budget of 5 s is shorter than Keras takes to start" in observer.notes[0]
    assert "Raise --budget to 90s or more" in observer.notes[0]


def test_a_trial_that_ran_out_of_time_is_no_answer(tmp_path, monkeypatch, clock):
    late = Finished(State.FAILED, failure="no sign of life for 14 s, so its worker was ended")
    result, _, worker = search(tmp_path, monkeypatch, budget="40s", seconds=passing(clock, 20.0), script=lambda number, job: late)
    assert [trial.state for trial in result.leaderboard] == [State.FAILED, State.COMPLETE]
    assert result.configuration["architecture"] == MAJORITY_CLASS
    assert worker.jobs[0].fidelity.seconds <= 10  # half of what was left for it


def test_what_fails_for_another_reason_is_an_error_still(tmp_path, monkeypatch, clock):
    fails = Finished(State.FAILED, failure="ValueError: no")
    with pytest.raises(TrialError, match="ValueError: no"):
        search(tmp_path, monkeypatch, budget="600s", script=lambda number, job: fails)


def test_a_search_that_goes_on_with_more_time_replaces_it(tmp_path, monkeypatch, clock):
    search(tmp_path, monkeypatch, budget="20s", seconds=passing(clock, 1.0), starts=False)
    again = overview(Store(tmp_path / "store"), "s")
    assert again.best.is_majority
    result, observer, _ = search(tmp_path, monkeypatch, budget="120s", seconds=passing(clock, 10.0))
    assert not next(trial for trial in result.leaderboard if trial.number == result.trial).is_majority
    assert result.val_score > 0.4
    assert read_card(tmp_path / "store/studies/s/best/model.keras")["trial"] == result.trial
    assert not [note for note in observer.notes if "The model looks at no image" in note]


def test_the_same_budget_again_says_the_same(tmp_path, monkeypatch, clock):
    first, _, _ = search(tmp_path, monkeypatch, budget="20s", seconds=passing(clock, 1.0), starts=False)
    again, _, worker = search(tmp_path, monkeypatch, budget="20s", seconds=passing(clock, 1.0), starts=False)
    assert (again.trial, again.trials, again.test_score, worker.tested) == (first.trial, first.trials, first.test_score, 0)


def test_any_network_comes_before_the_majority_class():
    network = Trial(0, {"architecture": "vgg"}, Fidelity(1), "", "search", State.COMPLETE, 0.4)
    constant = dataclasses.replace(network, number=1, stage=MAJORITY, score=0.9)
    assert incumbent((network, constant)) is network
    assert incumbent((constant,)) is constant


@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 3)])
def test_its_file_is_a_model_that_keras_reads(tmp_path, channels, classes):
    from automl_cnn.modelfile.file import load_model

    labels = [0] * 20 + [1] * 12 + ([2] * 8 if classes == 3 else [1] * 8)
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 12, channels), np.uint8)
    dataset = prepare_arrays(images, labels, tmp_path)
    majority.write(tmp_path / "model.keras", dataset)
    model = load_model(tmp_path / "model.keras")
    assert [layer.name for layer in model.layers] == ["pixels", "resize", "pool", "classifier", "probabilities"]
    predicted = np.asarray(model.predict_on_batch(images[:5].astype("float32")))
    assert predicted == pytest.approx(majority.answers(dataset, 5), abs=1e-6)
    assert model.count_params() == majority.cost(dataset).params
    model.save(tmp_path / "again.keras")


@pytest.mark.parametrize(
    ("used", "ready", "budget"),
    [(5.0, None, "90s"), (20.0, None, "120s"), (20.0, 15.0, "90s"), (100.0, 15.0, "150s"), (300.0, 280.0, "360s")],
)
def test_the_budget_that_is_advised_is_larger_and_leaves_time_for_a_network(used, ready, budget):
    assert majority.advice(used, ready) == budget


def test_whoever_interrupts_it_before_the_first_trial_is_not_advised_to_raise_the_budget(tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number):
        if number == -1 and signal.getsignal(signal.SIGINT) is not before:  # the worker starts, and the search answers signals
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(TrialError, match=r"No network could be trained\.\nIt was interrupted before its first trial had ended\. The same command goes on\."):
        search(tmp_path, monkeypatch, budget="60s", seconds=interrupt)
