"""The worker: one request after another, with nothing left over from the last but what may be used again."""

import queue

import pytest

from automl_cnn.errors import Cause
from automl_cnn.modelfile import file as modelfile
from automl_cnn.study.running.executors.worker import Worker, seed_of


class Line:
    """A connection whose other side never says anything."""

    def __init__(self):
        self.sent, self._never = [], queue.Queue()

    def send(self, message):
        self.sent.append(message)

    def recv(self):
        return self._never.get()


@pytest.fixture
def served(monkeypatch):
    """Asks a worker things; gives what it loaded."""
    loaded = []
    monkeypatch.setattr(modelfile, "load_model", lambda file: loaded.append(str(file)) or len(loaded))
    monkeypatch.setattr("gc.freeze", lambda: None)
    for word in ("_test", "_examine", "_refit"):
        monkeypatch.setattr(Worker, word, lambda self, payload: self._network(payload))
    monkeypatch.setattr(Worker, "_ensemble", lambda self, payload: None)

    def serve(*requests):
        line = Line()
        worker = Worker(line)
        for request in (*requests, ("close", None)):
            worker._inbox.put(request)
        worker.serve()
        return loaded, [message for word, message in line.sent if word == "done"]

    return serve


def test_the_best_model_is_loaded_once_for_its_score_and_its_mistakes(served):
    assert served(("test", "best"), ("examine", "best")) == (["best"], [1, 1])


def test_a_refit_knows_the_model_that_was_scored_before_it(served):
    assert served(("test", "best"), ("refit", "best"), ("examine", "best")) == (["best"], [1, 1, 1])


def test_what_was_seen_of_the_test_images_is_forgotten_with_the_model(monkeypatch):
    monkeypatch.setattr(modelfile, "load_model", lambda file: file.name)
    worker = Worker(Line())
    worker._network("best")
    worker._seen = "features"
    assert (worker._network("best"), worker._seen) == ("best", "features")
    assert (worker._network("other"), worker._seen) == ("other", None)


@pytest.mark.parametrize("between", [("ensemble", "best"), ("test", "other")])
def test_a_model_that_may_be_another_by_now_is_loaded_again(served, between):
    loaded, answers = served(("test", "best"), between, ("examine", "best"))
    assert loaded[-1] == "best"
    assert answers[-1] == len(loaded) > answers[0]


@pytest.mark.parametrize("study", [0, 1, 4294967, 4294968, 20250101, 2**31 - 1])
@pytest.mark.parametrize("trial", [0, 7, 999, 123_456])
def test_any_seed_of_a_study_gives_one_that_keras_takes(study, trial):
    import numpy as np

    seed = seed_of(study, trial)
    np.random.RandomState(seed)  # Keras asks for the same range
    assert study > 4_294_000 or seed == 1000 * study + trial  # small ones stay as they were


def test_the_trials_of_a_study_have_different_seeds():
    assert len({seed_of(study, trial) for study in (0, 1, 20250101, 2**31 - 1) for trial in range(500)}) == 2000


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(SystemExit(0), "SystemExit: it tried to end the process, with 0"), (GeneratorExit(), "GeneratorExit"), (KeyboardInterrupt(), "KeyboardInterrupt")],
)
def test_a_plugin_that_exits_fails_its_request_and_the_worker_goes_on(monkeypatch, error, sentence):
    def leave(self, payload):
        raise error

    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr(Worker, "_train", leave)
    monkeypatch.setattr(Worker, "_test", lambda self, payload: payload)
    line = Line()
    worker = Worker(line)
    for request in (("train", None), ("test", "best"), ("close", None)):
        worker._inbox.put(request)
    worker.serve()
    assert line.sent == [("ready", None), ("failed", (sentence, Cause.OTHER)), ("done", "best")]
