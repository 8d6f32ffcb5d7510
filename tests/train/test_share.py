"""A trial on a share of the training images."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from automl_cnn import metrics
from automl_cnn.data import part as parts
from automl_cnn.data import pixels
from automl_cnn.modelfile.file import load_model
from automl_cnn.records import Fidelity
from automl_cnn.train import predict, train, trial


def test_it_is_trained_on_that_share_of_every_class_and_goes_on_with_more_of_the_same(spec, dataset, plugins):
    def rows(share, seed):
        given = dataclasses.replace(spec(seed=seed), fidelity=Fidelity(1, share=share))
        return trial.Training(given, dataset, plugins, lambda event: True, began=0.0).rows

    some, more, every = rows(0.2, 0), rows(0.6, 1), rows(1.0, 2)
    assert np.array_equal(every, dataset.rows("train"))
    assert set(some) < set(more) < set(every)
    assert np.array_equal(np.bincount(dataset.labels[more]), np.round(0.6 * dataset.counts("train")))


def test_its_epochs_may_be_scored_on_fewer_images_but_its_score_is_that_of_all(spec, dataset, plugins, monkeypatch):
    monkeypatch.setattr(parts, "SCORED", 10)
    held, given = dataset.rows("val"), dataclasses.replace(spec(epochs=2), fidelity=Fidelity(2, share=0.3))
    assert len(parts.thinned(dataset, 0.3).rows("val")) < len(held)
    finished = train(given, dataset, plugins, lambda event: True)
    probabilities = predict(load_model(Path(given.checkpoint)), pixels(dataset, 8), held)
    assert finished.score == pytest.approx(metrics.score("accuracy", dataset.labels[held], probabilities))
    assert finished.interval == pytest.approx(metrics.interval("accuracy", dataset.labels[held], probabilities))
    assert 0 < finished.steps_seconds <= finished.seconds - finished.setup
