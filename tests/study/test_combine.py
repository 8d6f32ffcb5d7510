"""The choice of networks that answer together, on simulated answers: what is found, and above all what is not."""

import numpy as np
import pytest

from automl_cnn import metrics
from automl_cnn.study.finish.combine import DISTINCT, attempts, better, combine, mean
from automl_cnn.tasks import Multiclass


def task(labels):
    return Multiclass(int(labels.max()) + 1)


CLASSES = 5


def answers(labels, right, rng, confidence=0.7):
    """Probabilities of a network that is right so often, its mistakes its own."""
    drawn = np.where(rng.random(len(labels)) < right, labels, (labels + rng.integers(1, CLASSES, len(labels))) % CLASSES)
    noise = rng.dirichlet(np.ones(CLASSES), len(labels))
    return confidence * np.eye(CLASSES)[drawn] + (1 - confidence) * noise


def study(images=600, networks=4, right=0.8, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, images)
    return labels, {number: answers(labels, right, rng) for number in range(networks)}


def best_of(metric, labels, predictions):
    return max(predictions, key=lambda number: metrics.score(metric, labels, predictions[number]))


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1"])
def test_networks_with_mistakes_of_their_own_are_better_together(metric):
    labels, predictions = study()
    best = best_of(metric, labels, predictions)
    combined = combine(task(labels), metric, labels, predictions, best)
    assert combined is not None
    assert next(iter(combined.picks)) == best
    assert 2 <= len(combined.picks) <= DISTINCT
    assert sum(combined.weights.values()) == pytest.approx(1)
    assert combined.score == pytest.approx(metrics.score(metric, labels, mean(predictions, combined.picks)))
    assert combined.score > metrics.score(metric, labels, predictions[best]) + 0.03


def test_a_ranking_is_improved_too():
    labels, predictions = study(images=150, networks=2, right=0.7)
    assert combine(task(labels), "auc", labels, predictions, best_of("auc", labels, predictions)) is not None


def test_the_same_answers_twice_are_no_ensemble():
    labels, predictions = study(networks=1)
    assert combine(task(labels), "accuracy", labels, {0: predictions[0], 1: predictions[0].copy()}, 0) is None
    assert combine(task(labels), "accuracy", labels, predictions, 0) is None


def test_networks_that_know_nothing_hardly_ever_get_in():
    """They break ties of an unsure best by luck, and the best of many sums looks better than it is."""
    taken = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, CLASSES, 120)
        unsure = answers(labels, 0.75, rng, confidence=0.12)
        noise = {number: rng.dirichlet(np.ones(CLASSES), len(labels)) for number in range(1, 5)}
        taken += combine(task(labels), "accuracy", labels, {0: unsure, **noise}, 0) is not None
    assert taken <= 0.1 * 60  # 0.05 of 400 such studies


@pytest.mark.parametrize(("networks", "enough"), [(2, 3), (5, 5)])
def test_a_few_images_set_right_are_chance_and_more_of_them_are_not(networks, enough):
    labels = np.zeros(200, int)
    alone = np.tile([0.9, 0.1], (200, 1))
    alone[:20] = [0.1, 0.9]

    def answered(set_right):
        improved = alone.copy()
        improved[:set_right] = [0.9, 0.1]
        return better(task(labels), "accuracy", labels, improved, alone, tries=attempts(networks))

    results = [answered(count) for count in range(10)]
    assert abs(results.index(True) - enough) <= 1
    assert all(results[results.index(True) :])


def test_as_many_spoiled_as_set_right_are_no_gain():
    labels = np.zeros(200, int)
    alone = np.tile([0.9, 0.1], (200, 1))
    alone[:30] = [0.1, 0.9]
    together = np.roll(alone, 28, axis=0)
    together[0] = [0.9, 0.1]  # one more
    assert not better(task(labels), "accuracy", labels, together, alone, tries=1)


def test_the_short_way_for_accuracy_draws_as_the_long_one_does():
    from automl_cnn.study.finish import combine as combining
    from automl_cnn.tasks.draws import draws

    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, 90)
    alone = np.eye(3)[np.where(rng.random(90) < 0.7, labels, (labels + 1) % 3)]
    together = np.eye(3)[np.where(rng.random(90) < 0.78, labels, (labels + 1) % 3)]
    ahead, behind = task(labels).draws("accuracy", labels, together), task(labels).draws("accuracy", labels, alone)
    long = sum(int(np.sum(ahead(block) <= behind(block) + 1e-12)) for block in draws(90, combining.DRAWS, 1))
    short = combining._drawn_no_better(task(labels), "accuracy", labels, together, alone, seed=2)
    assert 100 < long < combining.DRAWS - 100
    assert short == pytest.approx(long, abs=4 * (2 * combining.DRAWS) ** 0.5 / 2)


def test_what_breaks_the_limits_is_not_taken():
    labels, predictions = study()
    best = best_of("accuracy", labels, predictions)
    assert combine(task(labels), "accuracy", labels, predictions, best, allowed=lambda numbers: len(numbers) == 1) is None
    banned = next(number for number in combine(task(labels), "accuracy", labels, predictions, best).picks if number != best)
    combined = combine(task(labels), "accuracy", labels, predictions, best, allowed=lambda numbers: banned not in numbers)
    assert combined is not None
    assert banned not in combined.picks


def test_equal_studies_give_equal_choices():
    labels, predictions = study()
    best = best_of("accuracy", labels, predictions)
    assert combine(task(labels), "accuracy", labels, predictions, best) == combine(task(labels), "accuracy", labels, dict(reversed(predictions.items())), best)
