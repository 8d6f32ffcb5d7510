import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from automl_cnn.metrics import cross_entropy, interval, score, wilson


@pytest.fixture(scope="module")
def answers():
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 200, p=[0.5, 0.3, 0.15, 0.05])
    logits = rng.normal(size=(200, 4)) + 1.2 * np.eye(4)[labels]
    return labels, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def test_scores_are_those_of_scikit_learn(answers):
    labels, probabilities = answers
    predicted = probabilities.argmax(1)
    assert score("accuracy", labels, probabilities) == pytest.approx(np.mean(predicted == labels))
    assert score("balanced_accuracy", labels, probabilities) == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert score("f1", labels, probabilities) == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert score("auc", labels, probabilities) == pytest.approx(roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"))


def test_auc_of_one_class_alone_is_chance():
    assert score("auc", np.zeros(3, int), np.full((3, 2), 0.5)) == 0.5


def test_wilson_matches_the_published_example_and_stays_within_bounds():
    low, high = wilson(81, 263)  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert (low, high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert wilson(0, 10)[0] == pytest.approx(0, abs=1e-12)
    assert wilson(10, 10)[1] == pytest.approx(1)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1", "auc"])
def test_the_interval_holds_the_score(answers, metric):
    labels, probabilities = answers
    low, high = interval(metric, labels, probabilities, draws=100)
    assert 0 <= low < score(metric, labels, probabilities) < high <= 1


def test_cross_entropy_never_is_infinite():
    assert cross_entropy(np.array([0]), np.array([[0.0, 1.0]])) == pytest.approx(-np.log(1e-7))
