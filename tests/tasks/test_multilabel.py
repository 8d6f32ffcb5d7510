"""Several labels for each image: scores against scikit-learn, the regression of a readout, confidence and thresholds."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score

from automl_cnn.tasks import TASKS, Multiclass, Multilabel
from automl_cnn.tasks.draws import photo_draws
from automl_cnn.tasks.multilabel import METRICS
from automl_cnn.tasks.thresholds import best, chosen, macro_f1

LABELS = 4
TASK = Multilabel(LABELS)


@pytest.fixture(scope="module")
def answered():
    """Labels of 200 images, some of them rare, and probabilities that know something about them; answers have ties."""
    rng = np.random.default_rng(0)
    truth = (rng.random((200, LABELS)) < [0.5, 0.3, 0.1, 0.04]).astype(np.uint8)
    return truth, np.round(TASK.activate(rng.normal(size=truth.shape) + 2.0 * truth - 1.0), 2)


def test_scores_are_those_of_scikit_learn(answered):
    truth, answers = answered
    given = answers >= 0.5
    expected = {
        "mean_average_precision": average_precision_score(truth, answers, average="macro"),
        "f1": f1_score(truth, given, average="macro"),
        "micro_f1": f1_score(truth, given, average="micro"),
        "subset_accuracy": float(np.mean((given == truth).all(axis=1))),
        "auc": roc_auc_score(truth, answers, average="macro"),
    }
    assert {metric: TASK.score(metric, truth, answers) for metric in TASK.metrics} == pytest.approx(expected)
    assert TASK.loss_of(truth, answers) == pytest.approx(np.mean([log_loss(truth[:, one], np.clip(answers[:, one], 1e-7, 1 - 1e-7)) for one in range(LABELS)]))


@pytest.mark.parametrize("metric", METRICS)
def test_the_score_of_a_draw_is_that_of_the_images_drawn(answered, metric):
    truth, answers = (part[:30] for part in answered)
    weights = np.random.default_rng(1).multinomial(30, np.full(30, 1 / 30), size=40)
    drawn = [np.repeat(np.arange(30), row) for row in weights]
    expected = [TASK.score(metric, truth[rows], answers[rows]) for rows in drawn]
    np.testing.assert_allclose(TASK.draws(metric, truth, answers)(weights.astype(float)), expected)


@pytest.mark.parametrize("metric", METRICS)
def test_an_interval_holds_the_score_and_is_wider_where_photos_come_twice(answered, metric):
    truth, answers = answered
    low, high = TASK.interval(metric, truth, answers)
    assert low < TASK.score(metric, truth, answers) < high
    twice = np.concatenate([truth, truth]), np.concatenate([answers, answers])
    again = TASK.interval(metric, *twice, groups=np.tile(np.arange(200), 2))
    assert again[1] - again[0] == pytest.approx(high - low, rel=0.25)
    alone = TASK.interval(metric, *twice)
    assert alone[1] - alone[0] < 0.9 * (high - low)


def test_all_images_of_a_photo_are_drawn_together():
    for block in photo_draws(np.array([7, 7, 3, 7]), 20):
        assert (block[:, 0] == block[:, 1]).all()
        assert (block[:, 0] == block[:, 3]).all()


def test_each_label_has_the_regression_of_scikit_learn():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(120, 5))
    truth = (features[:, :3] + 0.5 * rng.normal(size=(120, 3)) > 0).astype(np.uint8)
    linear = Multilabel(3).linear(features, truth, 0.3, balanced=False, seed=0)
    for label in range(3):
        expected = LogisticRegression(C=0.3, max_iter=300, tol=1e-3).fit(features, truth[:, label]).predict_proba(features)[:, 1]
        np.testing.assert_allclose(Multilabel(3).activate(linear.logits(features))[:, label], expected, atol=1e-3)


def test_a_label_that_all_images_have_or_none_is_answered_so():
    features, truth = np.random.default_rng(3).normal(size=(40, 2)), np.zeros((40, 3), np.uint8)
    truth[:, 0], truth[::2, 1] = 1, 1
    answers = Multilabel(3).activate(Multilabel(3).linear(features, truth, 1.0, balanced=True, seed=0).logits(features))
    assert answers[:, 0].min() > 0.99
    assert answers[:, 2].max() < 0.01


def test_folds_cover_every_image_once_and_keep_photos_together(answered):
    truth, _ = answered
    photos = np.arange(200) // 2
    folds = TASK.folds(truth, 5, groups=photos, least=20, seed=0)
    assert sorted(np.concatenate([held for _, held in folds]).tolist()) == list(range(200))
    for learn, held in folds:
        assert not set(photos[learn]) & set(photos[held])
        assert (truth[held].sum(axis=0) > 0)[:3].all(), "each label of which there are enough is in each fold"
    assert TASK.folds(truth[:10], 5, groups=None, least=20, seed=0) == []


def test_logits_and_activation_undo_each_other(answered):
    _, answers = answered
    inside = np.clip(answers, 1e-3, 1 - 1e-3)
    np.testing.assert_allclose(TASK.activate(TASK.logits(inside)), inside)
    assert abs(TASK.activate(TASK.logits(inside), 4.0) - 0.5).max() < abs(inside - 0.5).max()


def test_rare_labels_weigh_more(answered):
    truth, _ = answered
    weights = TASK.weights(truth)
    assert (np.diff(weights) > 0).all()
    assert weights.max() <= 10
    of_images = TASK.image_weights(TASK.targets(np.eye(LABELS, dtype=np.uint8)), weights)
    np.testing.assert_allclose(of_images, weights)
    assert TASK.image_weights(np.zeros((1, LABELS), np.float32), weights) == 1


def test_an_image_mixed_with_one_that_has_no_label_weighs_in_between():
    weights = np.array([0.5, 4.0, 1.0])
    for share in (0.0, 0.01, 0.5, 1.0):
        targets = np.array([[0.0, share, 0.0]], np.float32)
        assert Multilabel(3).image_weights(targets, weights) == pytest.approx(share * 4 + (1 - share) * 1)
    assert Multilabel(3).image_weights(np.array([[1.0, 1.0, 0.0]], np.float32), weights) == pytest.approx(4.5 / 2)


def test_mistakes_name_the_worst_label_of_each_image_the_most_confident_first():
    truth = np.array([[1, 0], [1, 1], [0, 0]])
    answers = np.array([[0.9, 0.7], [0.2, 0.95], [0.1, 0.3]])
    first, second = Multilabel(2).mistakes(truth, answers)
    assert (first.row, first.output, first.truths, first.answers) == (1, 0, (0, 1), (1,))
    assert (second.row, second.output, second.truths, second.answers) == (0, 1, (0,), (0, 1))
    assert first.confidence == pytest.approx(0.8)
    assert second.confidence == pytest.approx(0.7)


def test_counts_by_label_and_labels_that_are_never_answered():
    truth = np.array([[1, 1], [1, 0], [0, 1]])
    counts = Multilabel(2).confusion(truth, np.array([[0.9, 0.1], [0.2, 0.1], [0.8, 0.3]]))
    assert counts == ((1, 1, 1, 0), (0, 0, 2, 1))
    assert Multilabel(2).silent(counts) == [(1, 2)]


def test_the_same_answer_to_every_image_is_how_frequent_each_label_is(answered):
    truth, _ = answered
    assert TASK.baseline("mean_average_precision", truth, truth) == pytest.approx(truth.mean())
    assert TASK.baseline("auc", truth, truth) == 0.5


def test_thresholds_help_where_one_half_does_not_suit():
    """Probabilities of rare labels that hardly ever reach one half: every label is missed there."""
    rng = np.random.default_rng(4)
    truth = (rng.random((600, 3)) < 0.15).astype(np.uint8)
    answers = np.clip(0.1 + 0.25 * truth + 0.08 * rng.normal(size=truth.shape), 0, 1)
    cuts = chosen(truth, answers)
    assert cuts.f1 > cuts.f1_at_half + 0.3
    assert all(0.15 < cut < 0.4 for cut in cuts.thresholds)
    deciding = Multilabel(3).deciding({"thresholds": cuts.thresholds})
    assert deciding.score("f1", truth, answers) == pytest.approx(macro_f1(truth, answers >= np.array(cuts.thresholds)))
    assert deciding.score("f1", truth, answers) > Multilabel(3).score("f1", truth, answers)


def test_thresholds_stay_at_one_half_where_others_do_not_help_or_images_are_few():
    rng = np.random.default_rng(5)
    truth = (rng.random((300, 3)) < 0.5).astype(np.uint8)
    noise = rng.random(truth.shape)
    assert chosen(truth, np.where(truth, 0.8, 0.2)).thresholds == (0.5, 0.5, 0.5)
    assert chosen(truth[:6], noise[:6]).thresholds == (0.5, 0.5, 0.5)


def test_the_best_threshold_is_the_best_of_all(answered):
    truth, answers = answered
    cuts = best(truth, answers)
    for label in range(3):
        every = [f1_score(truth[:, label], answers[:, label] >= cut) for cut in np.linspace(0, 1, 201)]
        assert f1_score(truth[:, label], answers[:, label] >= cuts[label]) == pytest.approx(max(every))


@pytest.mark.parametrize("task", [Multiclass(3), Multilabel(3)])
def test_every_task_answers_every_question(task):
    """What the rest of the project asks, on the same few images: nothing is left to an `if`."""
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 3, 60) if task.exclusive else (rng.random((60, 3)) < 0.4).astype(np.uint8)
    answers = task.activate(rng.normal(size=(60, 3)))
    assert TASKS[task.name](3) == task
    assert task.suited([20, 20, 20]) in task.metrics
    assert task.targets(truth).shape == answers.shape
    assert task.enough(truth)
    assert not task.enough(truth[:0])
    confidence, right = task.confidence(truth, answers)
    assert confidence.shape == right.shape
    assert task.softened(truth).min() > 0
    assert task.right(truth, task.targets(truth)).all()
    assert task.brier(truth, task.targets(truth)) == 0
    assert task.constant(truth).shape == (3,)
    assert task.favorite(truth, ["a", "b", "c"])


def test_tallies_of_labels_are_recall_precision_and_f1():
    cat, never, absent = Multilabel(3).tallies(((6, 2, 3, 9), (0, 0, 4, 16), (0, 5, 0, 15)))
    assert (cat.images, cat.answered, cat.recall, cat.precision) == (9, 8, 6 / 9, 6 / 8)
    assert cat.f1 == pytest.approx(2 * cat.recall * cat.precision / (cat.recall + cat.precision))
    assert (never.recall, never.precision, never.f1) == (0.0, None, 0.0)
    assert (absent.recall, absent.precision, absent.f1) == (None, 0.0, 0.0)


def test_tallies_of_classes_are_rows_and_columns():
    first, second = Multiclass(2).tallies(((7, 3), (1, 9)))
    assert (first.images, first.answered, first.right) == (10, 8, 7)
    assert (second.images, second.answered, second.right) == (10, 12, 9)


def test_the_same_outputs_are_silent_as_before():
    assert Multiclass(3).silent(((5, 0, 0), (2, 0, 0), (0, 0, 0))) == [(1, 2)]
    assert Multilabel(2).silent(((0, 0, 4, 6), (1, 0, 2, 7))) == [(0, 4)]
