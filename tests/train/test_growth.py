"""A readout fitted on growing parts of its images: which are learned from, which judge, and what is left out without time."""

import dataclasses

import numpy as np
import pytest

from automl_cnn.growth import Sizes
from automl_cnn.models import pretrained
from automl_cnn.tasks import Multiclass, Multilabel, Regression, Target
from automl_cnn.train import growth, train
from automl_cnn.train.growth import Material, grown, measured

READOUT = {"pretrained.small": "given", "finetune.small": "probe"}


def forever():
    return float("inf")


def material(images=400, **changes):
    """Two classes that a regression tells apart the better the more images it has."""
    rng = np.random.default_rng(0)
    truth = np.arange(images) % 2
    features = rng.normal(size=(images, 60)).astype(np.float32) + 0.25 * truth[:, None]
    task = Multiclass(2)
    pairs = task.folds(truth, 4, groups=None, least=20, seed=0)
    return dataclasses.replace(Material(task, "accuracy", features, truth, None, pairs, False, 0.03), **changes)


@pytest.fixture
def fits(monkeypatch):
    """The rows of features that each regression was fitted on."""
    seen, real = [], growth.regress

    def spied(task, features, truth, **more):
        seen.append({tuple(row) for row in features.round(5).tolist()})
        return real(task, features, truth, **more)

    monkeypatch.setattr(growth, "regress", spied)
    return seen


def test_scores_rise_with_the_images_and_each_size_has_its_draws():
    made = measured(material(), left=forever)
    assert [size.images for size in made.sizes] == [38, 75, 150, 300]
    assert [len(size.scores) for size in made.sizes] == [1, 2, 3, 3][::-1]
    means = [np.mean(size.scores) for size in made.sizes]
    assert means[0] < means[1] < min(means[2:])
    assert means[0] < means[-1] - 0.03
    assert all(0.005 < size.deviation < 0.05 for size in made.sizes)
    assert 0 < made.same < 1


def test_draws_of_a_size_share_no_image_and_lie_within_larger_ones(fits):
    one = material()
    rows = {tuple(row): number for number, row in enumerate(one.features.round(5).tolist())}
    measured(dataclasses.replace(one, pairs=one.pairs[:1]), left=forever)
    learned = [frozenset(rows[row] for row in fit) for fit in fits]
    by_size = {size: {part for part in learned if abs(len(part) - 300 / size) <= 3} for size in (1, 2, 4, 8)}
    assert [len(by_size[size]) for size in (1, 2, 4, 8)] == [1, 2, 3, 3]
    for small, large in ((8, 4), (4, 2), (2, 1)):
        assert all(any(part <= other for other in by_size[large]) for part in by_size[small])
        assert sum(map(len, by_size[small])) == len(set().union(*by_size[small]))
    held = set(one.pairs[0][1].tolist())
    assert not any(part & held for part in learned)


def test_versions_of_one_photo_stay_in_one_part(fits):
    groups = np.repeat(np.arange(100), 4)
    truth = groups % 2
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(100, 60))[groups] + 0.25 * truth[:, None]).astype(np.float32) + 0.001 * np.arange(400)[:, None].astype(np.float32)
    task = Multiclass(2)
    pairs = task.folds(truth, 4, groups=groups, least=20, seed=0)
    assert measured(material(features=features, truth=truth, groups=groups, pairs=pairs), left=forever) is not None
    rows = {tuple(row): number for number, row in enumerate(features.round(5).tolist())}
    assert len(fits) > 8
    for fit in fits:
        learned = [groups[rows[row]] for row in fit]
        assert set(np.bincount(learned)) <= {0, 4}, "a photo is learned from with all its versions, or not at all"


def test_without_time_the_smallest_sizes_are_left_out():
    def sizes(seconds):
        clock, task = [0.0], material()

        def now():
            clock[0] += 1.0
            return clock[0]

        made = measured(task, left=lambda: seconds - clock[0], now=now)
        return made and len(made.sizes)

    assert [sizes(seconds) for seconds in (1e9, 7.0, 5.0, 1.0)] == [4, 3, 2, None]


def test_too_few_images_are_not_measured():
    assert measured(material(images=12, pairs=[(np.arange(8), np.arange(8, 12))]), left=forever) is None
    few = material(truth=np.arange(400), task=Multiclass(400), pairs=[(np.arange(300), np.arange(300, 400))])
    assert measured(few, left=forever) is None
    photos = material(groups=np.arange(400) % 6, pairs=[(np.arange(300), np.arange(300, 400))])
    assert measured(photos, left=forever) is None, "eight parts need eight photos"


@pytest.mark.parametrize("task", ["labels", "numbers"])
def test_every_task_is_measured(task):
    one = material()
    if task == "labels":
        kind, metric = Multilabel(2), "macro_f1"
        truth = np.stack([one.truth, 1 - one.truth], axis=1).astype(np.uint8)
    else:
        kind, metric = Regression(1, (Target("age", "years", 0.5, 0.5),)), "rmse"
        truth = one.truth[:, None].astype(float)
    made = measured(dataclasses.replace(one, task=kind, metric=metric, truth=truth, strength=0.01), left=forever)
    assert len(made.sizes) == 4
    assert np.mean(made.sizes[-1].scores) > np.mean(made.sizes[0].scores)


@pytest.fixture
def _random_weights(monkeypatch):
    monkeypatch.setattr(pretrained, "load", lambda model, entry, *, file=None, top=False: None)


@pytest.mark.usefixtures("_random_weights")
def test_the_whole_is_the_readout_of_the_search(spec, dataset, plugins):
    trial = train(spec(READOUT), dataset, plugins, lambda event: True)
    made = grown(spec(READOUT), dataset, trial.strength, plugins, lambda event: True)
    assert isinstance(made, Sizes)
    assert made.sizes[-1].scores[0] == pytest.approx(trial.score, abs=1e-6)
    judged = len(dataset.rows("train")) + len(dataset.rows("val"))
    assert made.sizes[-1].images == pytest.approx(0.8 * judged, abs=1)


@pytest.mark.usefixtures("_random_weights")
def test_many_validation_images_judge_alone(spec, dataset, plugins, monkeypatch):
    monkeypatch.setattr(growth, "FEW", 1)
    trial = train(spec(READOUT), dataset, plugins, lambda event: True)
    made = grown(spec(READOUT), dataset, trial.strength, plugins, lambda event: True)
    assert made.sizes[-1].images == len(dataset.rows("train"))
