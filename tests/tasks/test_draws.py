"""Scores of draws, against the same score of the images that were drawn."""

import numpy as np
import pytest

from automl_cnn import metrics
from automl_cnn.tasks import Multiclass
from automl_cnn.tasks.draws import draws
from automl_cnn.tasks.multiclass import NOMINAL


@pytest.mark.parametrize("metric", [*NOMINAL, "quadratic_kappa"])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_draws_score_is_that_of_the_images_drawn(metric, classes):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 25)  # few, so that some draws lack a class
    probabilities = np.round(rng.dirichlet(np.ones(classes), 25), 1)  # with ties
    weights = np.concatenate(list(draws(25, 60)))
    drawn = Multiclass(classes).draws(metric, labels, probabilities)(weights)
    for row, score in zip(weights.astype(int), drawn, strict=True):
        rows = np.repeat(np.arange(25), row)
        assert score == pytest.approx(metrics.score(metric, labels[rows], probabilities[rows]))


def test_draws_are_with_replacement_as_many_as_images_and_the_same_for_a_seed():
    blocks = list(draws(30, 500, seed=3))
    weights = np.concatenate(blocks)
    assert weights.shape == (500, 30)
    assert set(weights.sum(axis=1)) == {30}
    assert np.mean(weights == 0) == pytest.approx((1 - 1 / 30) ** 30, abs=0.02)
    np.testing.assert_array_equal(weights, np.concatenate(list(draws(30, 500, seed=3))))


def test_many_images_are_drawn_in_blocks(monkeypatch):
    monkeypatch.setattr("automl_cnn.tasks.draws.AT_ONCE", 1000)
    assert [block.shape for block in draws(400, 5)] == [(2, 400), (2, 400), (1, 400)]
