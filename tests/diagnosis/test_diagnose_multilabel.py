"""Findings where images have several labels: the share of images counts all labels, and knowing nothing is knowing how frequent they are."""

import dataclasses
import math

import numpy as np
import pytest
from diagnosis_fakes import falling, overfitted, rising, trial

from automl_cnn.diagnosis import Context, diagnose
from automl_cnn.diagnosis.curves import Curves
from automl_cnn.tasks import Multilabel

DATA = {
    "classes": ["cat", "dog", "night", "rain"],
    "task": "multilabel",
    "splits": {"train": [100, 50, 10, 40], "val": [20, 10, 2, 8], "test": [20, 10, 2, 8]},
    "images_by_split": {"train": 100, "val": 200, "test": 20},
    "labels_per_image": [0, 60, 70, 10],
    "same_answer": {"val": {"mean_average_precision": 0.4, "subset_accuracy": 0.1}, "test": {}},
}
KNOWN = Context.of(DATA, "mean_average_precision")
MULTICLASS_WORDS = ("most frequent class", "is right")


def test_images_are_counted_once_whatever_labels_they_have():
    assert (KNOWN.train_images, KNOWN.val_images, KNOWN.majority, KNOWN.baseline) == (100, 200, 0.1, 0.4)


def test_knowing_nothing_is_the_mean_entropy_of_a_label():
    entropy = np.mean([0.0, math.log(2), -0.1 * math.log(0.1) - 0.9 * math.log(0.9), -0.4 * math.log(0.4) - 0.6 * math.log(0.6)])
    assert KNOWN.blind_loss == pytest.approx(entropy, abs=1e-4)
    assert KNOWN.untrained_loss == pytest.approx(math.log(2))


def test_labels_that_every_image_has_leave_a_loss_above_zero():
    assert Multilabel(2).blind_loss([1.0, 1.0]) > 0


def test_a_network_that_learned_only_how_frequent_rare_labels_are_has_learned_nothing():
    shares = [0.03] * 20
    rare = dataclasses.replace(KNOWN, classes=20, blind_loss=Multilabel(20).blind_loss(shares))
    level = np.full(20, rare.blind_loss)
    level[0] = 0.5
    made = trial(level, level, np.full(20, 0.5), np.full(20, 0.5))
    assert Curves.of(made, rare).learned == pytest.approx(0.0)
    assert "rate_too_high" not in [finding.kind for finding in diagnose(made, rare)]  # the first epochs begin at ln 2, far above the entropy


def test_overfitting_speaks_of_all_labels():
    finding = diagnose(overfitted(), KNOWN)[0]
    assert finding.kind == "overfitting"
    assert finding.sentence.startswith("It has all labels right on ")


@pytest.mark.parametrize(
    ("loss", "accuracy", "held", "kind", "words"),
    [
        (falling(20, 0.15), 0.45, 0.44, "underfitting", "It has all labels right on only"),
        (falling(20, 0.02), 0.99, 0.98, "good_fit", "It fits: all labels right on"),
        (falling(20, 0.02), 0.99, 0.10, "label_noise", "on others it has all labels right as often as the same prediction for every image"),
        (falling(20, 0.05), 0.60, 0.95, "leak", "It has all labels right more often on validation images"),
    ],
)
def test_sentences_speak_of_labels(loss, accuracy, held, kind, words):
    made = dataclasses.replace(trial(loss, loss, rising(20, accuracy), rising(20, held)), score=0.9, interval=(0.88, 0.92))
    sentences = {finding.kind: finding.sentence for finding in diagnose(made, KNOWN)}
    assert words in sentences[kind]
    assert not any(word in sentence for sentence in sentences.values() for word in MULTICLASS_WORDS)


@pytest.mark.parametrize(("score", "interval"), [(0.39, (0.3, 0.5)), (0.45, (0.38, 0.5))])
def test_a_network_no_better_than_the_same_answer_to_every_image_is_called_that(score, interval):
    made = dataclasses.replace(overfitted(), score=score, interval=interval)
    sentences = {finding.kind: finding.sentence for finding in diagnose(made, KNOWN)}
    assert "the same prediction for every image scores 0.400" in sentences["worse_than_baseline"]


def test_a_ranking_a_little_better_than_chance_is_no_good_fit_where_the_loss_did_not_fall():
    level = np.full(20, KNOWN.blind_loss)
    made = dataclasses.replace(trial(level, level, np.full(20, 0.1), np.full(20, 0.1)), score=0.48, interval=(0.45, 0.51))
    findings = diagnose(made, KNOWN)
    assert [finding.kind for finding in findings] == ["worse_than_baseline"]
    assert "learned almost nothing: its training loss ended at 0.423; that of a constant prediction is 0.423" in findings[0].sentence
