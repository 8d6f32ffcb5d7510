"""Suspect labels by confident learning, on features that are drawn."""

import numpy as np
import pytest

from automl_cnn.check.answers import held_out
from automl_cnn.check.suspects import Answered, problems_of, suspects, suspicion

CLASSES = ("cat", "dog", "owl")


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
    found = suspects(held_out(features, given, 3, None), given)
    assert len(set(wrong.tolist()) & {one.row for one in found[: len(wrong)]}) >= len(wrong) - 1
    assert all(one.likely == labels[one.row] for one in found if one.row in wrong)


def test_the_ranking_tells_flipped_labels_from_others():
    from sklearn.metrics import roc_auc_score

    features, labels = blobs(apart=2.5)
    given, wrong = flipped(labels)
    truth = np.isin(np.arange(len(labels)), wrong)
    assert roc_auc_score(truth, suspicion(held_out(features, given, 3, None), given)) > 0.95


def test_right_labels_are_hardly_suspect():
    features, labels = blobs()
    assert len(suspects(held_out(features, labels, 3, None), labels)) <= 2


def test_versions_of_one_photo_do_not_vouch_for_one_another():
    """A wrong label on all versions of a photo is seen only if none of them is learned from while another is judged."""
    features, labels = blobs()
    given, owners = labels.copy(), np.arange(len(labels))
    copies = np.repeat(features[:1], 8, axis=0)
    features, given = np.concatenate([features, copies]), np.concatenate([given, np.full(8, 2)])
    owners = np.concatenate([owners, np.full(8, 10_000)])
    rows = [one.row for one in suspects(held_out(features, given, 3, owners), given)]
    assert set(range(len(labels), len(labels) + 8)) <= set(rows)


def test_more_images_than_folds_take_at_once_are_all_answered(monkeypatch):
    monkeypatch.setattr("automl_cnn.train.regression.ENOUGH", 100)
    monkeypatch.setattr("automl_cnn.check.answers.ENOUGH", 100)
    features, labels = blobs(each=80)
    answers = held_out(features, labels, 3, None)
    assert np.mean(answers.argmax(axis=1) == labels) > 0.9
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("labels", [[0] * 30, [0, 1] + [0] * 5])
def test_too_few_images_of_a_class_give_no_answer(labels):
    assert held_out(np.random.default_rng(0).normal(size=(len(labels), 4)).astype(np.float32), np.array(labels), 2, None) is None


def test_an_image_unlike_its_class_and_classes_that_look_alike_are_named():
    features, labels = blobs()
    features[labels == 2] = features[labels == 1] + np.random.default_rng(3).normal(0, 0.3, (60, 16))  # dogs and owls look alike
    features[5] = -4 * features[5]
    answered = Answered(np.arange(len(labels)), labels, held_out(features, labels, 3, None), features)
    found = {problem.kind: problem for problem in problems_of([str(row) for row in range(len(labels))], CLASSES, answered)}
    assert found["outlier"].cases[0].row == 5
    assert "'dog' are taken for 'owl'" in found["confusable"].sentence
