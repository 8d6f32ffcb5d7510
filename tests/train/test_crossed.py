"""Readouts judged by cross-validation: on all images, with the versions of a photo together."""

import dataclasses

import numpy as np
import pytest

from automl_cnn.models import pretrained
from automl_cnn.paired import unpacked
from automl_cnn.records import State
from automl_cnn.tasks import Multiclass
from automl_cnn.train import train
from automl_cnn.train.crossed import cross_validated
from automl_cnn.train.regression import FOLDS, LEAST, STRENGTHS, regress

BEGINS = {"pretrained.small": "given", "finetune.small": "probe"}


@pytest.fixture
def copies():
    """Noise of no class in 40 photos with four versions each: features (160, 30), labels, groups. Whoever has seen a version knows the label of the others."""
    rng = np.random.default_rng(0)
    photos, classes = rng.normal(size=(40, 30)), np.arange(40) % 2
    groups = np.repeat(np.arange(40), 4)
    return (photos[groups] + 0.01 * rng.normal(size=(160, 30))).astype(np.float32), classes[groups], groups


def judged(features, labels, groups=None, classes=2):
    return cross_validated(Multiclass(classes), "accuracy", features, labels, balanced=False, groups=groups)


def test_scores_of_grouped_images_do_not_profit_from_copies(copies):
    features, labels, groups = copies
    leaking, honest = judged(features, labels), judged(features, labels, groups)
    assert leaking.score > 0.85
    assert honest.score < 0.7
    assert honest.folds == leaking.folds == FOLDS
    low, high = honest.interval
    assert high - low > 1.4 * (leaking.interval[1] - leaking.interval[0]), "forty photos say less than 160 images"


@pytest.mark.parametrize("order", [0, 1])
def test_groups_stay_together_in_one_fold(copies, order):
    _, labels, groups = copies
    mixed = np.random.default_rng(order).permutation(len(labels))
    folds = Multiclass(int(labels.max()) + 1).folds(labels[mixed], FOLDS, groups=groups[mixed], least=LEAST, seed=0)
    assert len(folds) == FOLDS
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(len(labels)))
    for learn, held in folds:
        assert not set(groups[mixed][learn]) & set(groups[mixed][held])
        assert set(labels[mixed][held]) == {0, 1}


def test_each_image_is_answered_once_and_in_its_own_place(copies):
    features, labels, groups = copies
    features = np.where(labels[:, None] == 1, features + 3, features)
    wrong = labels.copy()
    wrong[[5, 77]] = 1 - wrong[[5, 77]]
    outcome = judged(features, wrong, groups)
    assert list(np.flatnonzero(~unpacked(outcome.right))) == [5, 77]
    assert outcome.score == pytest.approx(1 - 2 / 160)
    assert outcome.strength in STRENGTHS


def test_too_few_images_are_not_cross_validated(copies):
    features, labels, groups = copies
    assert judged(features[: LEAST - 1], labels[: LEAST - 1]) is None
    assert judged(features[:LEAST], labels[:LEAST]) is not None
    lonely = labels.copy()
    lonely[0] = 2
    assert judged(features, lonely, classes=3) is None, "a class of one image"
    lonely[:4] = 2
    assert judged(features, lonely, groups, classes=3) is None, "a class of one photo"
    assert judged(features, lonely, classes=3) is not None


def test_a_given_strength_fits_as_the_chosen_one_does(copies):
    features, labels, _ = copies
    chosen = regress(Multiclass(2), features, labels, balanced=False, seed=0)
    given = regress(Multiclass(2), features, labels, balanced=False, seed=0, strength=chosen.strength)
    np.testing.assert_array_equal(chosen.kernel, given.kernel)
    np.testing.assert_array_equal(chosen.bias, given.bias)
    assert (given.folds, len(given.held_rows), given.strength) == (0, 0, chosen.strength)
    other = regress(Multiclass(2), features, labels, balanced=False, seed=0, strength=3.0 if chosen.strength != 3.0 else 0.003)
    assert np.abs(other.kernel - chosen.kernel).max() > 1e-3


def test_no_more_features_are_learned_from_than_memory_takes(copies, monkeypatch):
    from automl_cnn.train import regression

    features, labels, groups = copies
    whole = regress(Multiclass(2), features, labels, balanced=False, seed=0, strength=0.3)
    monkeypatch.setattr(regression, "ENOUGH", 60)
    monkeypatch.setattr(regression, "MOST_VALUES", 100 * features.shape[1])
    part = regress(Multiclass(2), features, labels, balanced=False, seed=0, strength=0.3)
    again = regress(Multiclass(2), features, labels, balanced=False, seed=0, strength=0.3)
    np.testing.assert_array_equal(part.kernel, again.kernel)
    assert np.abs(part.kernel - whole.kernel).max() > 1e-4
    assert len(regress(Multiclass(2), features, labels, balanced=False, seed=0, groups=groups).held_rows) == 60


@pytest.fixture
def probed(monkeypatch, dataset, plugins, spec):
    """What becomes of a probe, its weights random."""
    monkeypatch.setattr(pretrained, "load", lambda model, entry, *, file=None, top=False: None)
    return lambda data=dataset, **given: train(spec(BEGINS, **given), data, plugins, lambda event: True)


def test_a_probe_is_judged_by_all_training_and_validation_images(probed, dataset):
    outcome = probed()
    assert outcome.state is State.COMPLETE
    right = unpacked(outcome.cross_right)
    assert len(right) == len(dataset.rows("train")) + len(dataset.rows("val"))
    assert outcome.score == pytest.approx(right.mean())
    assert outcome.folds == FOLDS
    assert outcome.val_score == pytest.approx(unpacked(outcome.right).mean())
    assert len(unpacked(outcome.right)) == len(dataset.rows("val"))
    low, high = outcome.interval
    assert low < outcome.score < high
    assert outcome.strength in STRENGTHS


def test_trials_of_one_study_have_the_same_folds_and_the_same_order(probed, monkeypatch):
    """So that what they answer can be compared in pairs."""
    seen = []
    real = Multiclass.folds

    def folds(task, labels, *given, **more):
        made = real(task, labels, *given, **more)
        seen.append((labels.tolist(), [held.tolist() for _, held in made]))
        return made

    monkeypatch.setattr(Multiclass, "folds", folds)
    probed(seed=1)
    first, seen[:] = list(seen), []
    probed(seed=2, number=5)
    assert first == seen
    assert len(first) == 1, "the strength is taken over and not chosen again"


def test_many_validation_images_judge_alone(probed, monkeypatch):
    from automl_cnn.train import trial

    monkeypatch.setattr(trial, "FEW", 10)
    outcome = probed()
    assert (outcome.folds, outcome.val_score, outcome.cross_right) == (0, None, None)
    assert outcome.score == pytest.approx(unpacked(outcome.right).mean())
    assert outcome.strength in STRENGTHS


def test_versions_of_one_photo_stay_together_when_a_probe_is_judged(probed, dataset, monkeypatch):
    from automl_cnn.train import trial

    asked = []
    monkeypatch.setattr(trial, "cross_validated", lambda *given, groups, **more: asked.append(groups))
    numbers = tuple(int(number) for number in np.arange(len(dataset)) // 2)
    probed(dataclasses.replace(dataset, groups=numbers))
    rows = np.sort(np.concatenate([dataset.rows("train"), dataset.rows("val")]))
    np.testing.assert_array_equal(asked[0], np.asarray(numbers)[rows])
