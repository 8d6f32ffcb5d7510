"""Suspect labels by confident learning, on features that are drawn."""

import numpy as np
import pytest

from automl_cnn.check.answers import held_out
from automl_cnn.check.suspects import Answered, problems_of
from automl_cnn.tasks import Multiclass, Multilabel
from automl_cnn.tasks.suspects import unlikely, unlikely_classes

CLASSES = ("cat", "dog", "owl")
TASK = Multiclass(3)


def blobs(each=60, apart=4.0, seed=0):
    """Features of three classes, 16 numbers each, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), each)
    centers = rng.normal(0, 1, (3, 16)) * apart / 2
    return (centers[labels] + rng.normal(0, 1, (3 * each, 16))).astype(np.float32), labels


def flipped(labels, share=0.05, seed=1):
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(labels))[: int(share * len(labels))]
    given = labels.copy()
    given[wrong] = (labels[wrong] + 1 + rng.integers(2, size=len(wrong))) % 3
    return given, wrong


def test_flipped_labels_come_first_and_the_right_class_is_suggested():
    features, labels = blobs()
    given, wrong = flipped(labels)
    suspects = TASK.suspects(given, held_out(TASK, features, given, None))
    assert len(set(wrong.tolist()) & {one.row for one in suspects[: len(wrong)]}) >= len(wrong) - 1
    assert all(one.better == (labels[one.row],) for one in suspects if one.row in wrong)


def test_the_ranking_tells_flipped_labels_from_others():
    from sklearn.metrics import roc_auc_score

    features, labels = blobs(apart=2.5)
    given, wrong = flipped(labels)
    truth = np.isin(np.arange(len(labels)), wrong)
    assert roc_auc_score(truth, -unlikely_classes(given, held_out(TASK, features, given, None))) > 0.95


def test_right_labels_are_hardly_suspect():
    features, labels = blobs()
    assert len(TASK.suspects(labels, held_out(TASK, features, labels, None))) <= 2


def test_versions_of_one_photo_do_not_vouch_for_one_another():
    """A wrong label on all versions of a photo is seen only if none of them is learned from while another is judged."""
    features, labels = blobs()
    given, owners = labels.copy(), np.arange(len(labels))
    copies = np.repeat(features[:1], 8, axis=0)
    features, given = np.concatenate([features, copies]), np.concatenate([given, np.full(8, 2)])
    owners = np.concatenate([owners, np.full(8, 10_000)])
    rows = [one.row for one in TASK.suspects(given, held_out(TASK, features, given, owners))]
    assert set(range(len(labels), len(labels) + 8)) <= set(rows)


def test_more_images_than_folds_take_at_once_are_all_answered(monkeypatch):
    monkeypatch.setattr("automl_cnn.train.regression.ENOUGH", 100)
    monkeypatch.setattr("automl_cnn.check.answers.ENOUGH", 100)
    features, labels = blobs(each=80)
    answers = held_out(TASK, features, labels, None)
    assert np.mean(answers.argmax(axis=1) == labels) > 0.9
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("labels", [[0] * 30, [0, 1] + [0] * 5])
def test_too_few_images_of_a_class_give_no_answer(labels):
    assert held_out(Multiclass(2), np.random.default_rng(0).normal(size=(len(labels), 4)).astype(np.float32), np.array(labels), None) is None


def test_an_image_unlike_its_class_and_classes_that_look_alike_are_named():
    features, labels = blobs()
    features[labels == 2] = features[labels == 1] + np.random.default_rng(3).normal(0, 0.3, (60, 16))  # dogs and owls look alike
    features[5] = -4 * features[5]
    answered = Answered(TASK, np.arange(len(labels)), labels, held_out(TASK, features, labels, None), features)
    by_kind = {problem.kind: problem for problem in problems_of([str(row) for row in range(len(labels))], CLASSES, answered)}
    assert by_kind["outlier"].cases[0].row == 5
    assert "'dog' are mistaken for 'owl'" in by_kind["confusable"].sentence


def labeled_blobs(images=500, seed=0, noise=1.5, shares=(0.5, 0.3, 0.1)):
    """Features of images with three labels, each of which adds a direction of its own, and the labels."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((images, len(shares))) < shares).astype(np.uint8)
    features = truth @ rng.normal(0, 2.5, (len(shares), 16)) + rng.normal(0, noise, (images, 16))
    return features.astype(np.float32), truth


def with_flips(truth, share=0.03, seed=1):
    wrong = np.random.default_rng(seed).random(truth.shape) < share
    return np.where(wrong, 1 - truth, truth).astype(np.uint8), wrong


def test_of_several_labels_the_flipped_ones_come_first():
    from sklearn.metrics import roc_auc_score

    features, truth = labeled_blobs()
    given, wrong = with_flips(truth)
    answers = held_out(Multilabel(3), features, given, None)
    assert roc_auc_score(wrong.ravel(), -unlikely(given, answers).ravel()) > 0.95
    suspects = Multilabel(3).suspects(given, answers)
    assert np.mean([wrong[one.row, one.output] for one in suspects]) > 0.8
    assert len(suspects) > 0.4 * wrong.sum()
    for one in suspects:
        assert set(one.truths) == set(np.flatnonzero(given[one.row]))
        assert set(one.truths) ^ set(one.better) == {one.output}
        assert one.confidence == pytest.approx(1 - one.chance)
        assert one.confidence >= 0.9
    assert len(Multilabel(3).suspects(truth, held_out(Multilabel(3), features, truth, None))) < 0.01 * truth.size


def test_a_label_that_the_network_cannot_see_is_not_called_wrong_where_it_is_rare():
    """It says of every image that it has it not; by confidence alone, every image that has it would be suspect."""
    truth = np.zeros((400, 2), np.uint8)
    truth[:12, 0] = 1
    truth[::2, 1] = 1
    answers = np.where(truth > 0, 0.99, 0.01).astype(float)
    answers[:, 0] = 0.03 + 0.01 * np.random.default_rng(0).random(400)
    assert Multilabel(2).suspects(truth, answers) == []
    answers[5, 0] = 0.001
    (only,) = Multilabel(2).suspects(truth, answers)
    assert (only.row, only.output, only.better) == (5, 0, (1,) if truth[5, 1] else ())


def test_labels_that_all_images_have_or_none_are_judged_by_the_others_alone():
    truth = np.array([[1, 0], [1, 0], [1, 0]], np.uint8)
    assert Multilabel(2).suspects(truth, np.array([[0.01, 0.99]] * 3)) == []
    assert Multilabel(2).suspects(truth[:0], np.zeros((0, 2))) == []


def test_a_check_has_a_case_for_each_image_with_all_of_its_doubts():
    truth = np.tile(np.array([[1, 0, 1], [0, 1, 0]], np.uint8), (30, 1))
    answers = np.where(truth > 0, 0.98, 0.02)
    answers[4] = [0.01, 0.97, 0.98]
    answers[9] = [0.02, 0.004, 0.02]
    answered = Answered(Multilabel(3), 100 + np.arange(60), truth, answers, np.zeros((60, 2), np.float32))
    (problem,) = problems_of([f"{row}.jpg" for row in range(200)], CLASSES, answered)
    assert problem.sentence.startswith("3 labels of 2 images are suspect")
    assert [(case.path, case.row, case.detail, case.suggested) for case in problem.cases] == [
        ("109.jpg", 109, "labeled 'dog', 'dog' is likely too much (0.99)", "|"),
        ("104.jpg", 104, "labeled 'cat|owl', 'cat' is likely too much (0.99), 'dog' is likely missing (0.97)", "dog|owl"),
    ]
