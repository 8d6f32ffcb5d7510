import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, f1_score, roc_auc_score

from automl_cnn.metrics import always, cross_entropy, interval, score, suited, wilson


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
    assert score("quadratic_kappa", labels, probabilities) == pytest.approx(cohen_kappa_score(labels, predicted, weights="quadratic"))
    assert score("f1", labels, probabilities) == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert score("auc", labels, probabilities) == pytest.approx(roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"))


def test_auc_of_one_class_alone_is_chance():
    assert score("auc", np.zeros(3, int), np.full((3, 2), 0.5)) == 0.5


def test_wilson_matches_the_published_example_and_stays_within_bounds():
    low, high = wilson(81, 263)  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert (low, high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert wilson(0, 10)[0] == pytest.approx(0, abs=1e-12)
    assert wilson(10, 10)[1] == pytest.approx(1)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1", "auc", "quadratic_kappa"])
def test_the_interval_holds_the_score(answers, metric):
    labels, probabilities = answers
    low, high = interval(metric, labels, probabilities, draws=100)
    assert 0 <= low < score(metric, labels, probabilities) < high <= 1


def test_cross_entropy_never_is_infinite():
    assert cross_entropy(np.array([0]), np.array([[0.0, 1.0]])) == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize(
    ("trained", "metric"),
    [
        ((266, 14), "balanced_accuracy"),
        ((75, 25), "balanced_accuracy"),
        ((74, 26), "accuracy"),
        ((50, 50), "accuracy"),
        ((67, 17, 16), "balanced_accuracy"),
        ((60, 20, 20), "accuracy"),
        ((50, *[5] * 10), "accuracy"),
        ((600, *[50] * 9), "balanced_accuracy"),
        ((5,), "balanced_accuracy"),
        ((), "accuracy"),
    ],
)
def test_the_metric_that_suits_the_numbers_of_images(trained, metric):
    assert suited(trained) == metric


def test_the_score_of_one_answer():
    assert always("accuracy", [14, 266], [3, 57]) == pytest.approx(0.95)
    assert always("balanced_accuracy", [14, 266], [3, 57]) == 0.5
    assert always("f1", [14, 266], [3, 57]) == pytest.approx(0.5 * 2 * 57 / (57 + 60))
    assert always("auc", [14, 266], [3, 57]) == 0.5
    assert always("accuracy", [14, 266], [5, 5]) == 0.5


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1", "auc", "quadratic_kappa"])
def test_versions_of_one_photo_count_once(answers, metric):
    labels, probabilities = answers
    low, high = interval(metric, labels, probabilities)
    copied = interval(metric, np.repeat(labels, 6), np.repeat(probabilities, 6, axis=0), groups=np.repeat(np.arange(200), 6))
    assert copied == pytest.approx((low, high), abs=0.03)
    alone = interval(metric, np.repeat(labels, 6), np.repeat(probabilities, 6, axis=0))
    assert alone[1] - alone[0] < 0.6 * (copied[1] - copied[0])


def test_few_images_of_a_class_leave_its_recall_open():
    labels = np.repeat([0, 1], [3, 57])
    low, high = interval("balanced_accuracy", labels, np.eye(2)[labels])
    assert (low, high) == (pytest.approx(0.72, abs=0.01), 1.0)


def test_the_interval_of_every_share_holds_it_in_spite_of_rounding():
    for total in range(1, 200):
        for right in (0, total // 2, total):
            low, high = wilson(right, total)
            assert low <= right / total <= high
