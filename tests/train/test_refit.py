"""A scored model's recipe trained on more images: readouts fitted again, networks trained on from their checkpoint."""

import dataclasses

import keras
import numpy as np
import pytest

from automl_cnn.data import pixels
from automl_cnn.models import pretrained
from automl_cnn.records import Fidelity
from automl_cnn.tasks import Multiclass
from automl_cnn.train import predict, train
from automl_cnn.train.features import Features
from automl_cnn.train.probe import with_features
from automl_cnn.train.refit import Compared, refit
from automl_cnn.train.trial import Training
from automl_cnn.train.watch import predict_several

BEGINS = {"pretrained.small": "given", "finetune.small": "probe"}
READ = {**BEGINS, "readout_sizes.small": 1, "readout_stages.small": 2, "readout_mirror.small": True}
EVERY = ("train", "val", "test")
TEMPERATURE = 1.7


@pytest.fixture(autouse=True)
def _random_weights(monkeypatch):
    """The pretrained weights stay as they were made: random, and the same for each seed."""
    monkeypatch.setattr(pretrained, "load", lambda model, entry, *, file=None, top=False: None)


def load(path):
    return keras.saving.load_model(path, compile=False, safe_mode=True)


@pytest.fixture
def scored(spec, dataset, plugins, tmp_path):
    """`scored(changed)`: what became of the trial, and its calibrated model."""

    def make(changed, **given):
        outcome = train(spec(changed, **given), dataset, plugins, lambda event: True)
        model = load(outcome.checkpoint)
        layer = model.get_layer("classifier")
        layer.set_weights([weight / TEMPERATURE for weight in layer.get_weights()])
        return outcome, model

    return make


@pytest.fixture
def again(spec, dataset, plugins, tmp_path):
    """`again(changed, outcome, model)`: its refit, and the file that was written."""

    def make(changed, outcome, model, splits=EVERY, temperature=TEMPERATURE, emit=lambda event: True, epochs=1, **given):
        out = tmp_path / "refit.keras"
        asked = dataclasses.replace(
            spec(changed, start=outcome.checkpoint, splits=splits, checkpoint=str(out)), fidelity=Fidelity(epochs), seed=given.pop("training_seed", 0)
        )
        return refit(asked, model, temperature, dataset, plugins, strength=outcome.strength, emit=emit, **given), out

    return make


def rows_of(dataset, splits=("val", "test")):
    return np.concatenate([dataset.rows(split) for split in splits])


@pytest.mark.parametrize("changed", [BEGINS, READ], ids=["plain", "readout"])
@pytest.mark.parametrize("known", [False, True], ids=["read", "seen"])
def test_a_readout_is_fitted_to_every_image(scored, again, dataset, changed, known):
    outcome, model = scored(changed)
    images, rows = pixels(dataset, 8), rows_of(dataset)
    seen = predict_several(with_features(model), images, dataset.rows("test"))[0] if known else None
    compared, out = again(changed, outcome, model, seen=seen)
    np.testing.assert_array_equal(compared.labels, dataset.labels[rows])
    np.testing.assert_allclose(compared.before, predict(model, images, rows), atol=2e-3)
    made = load(out)
    np.testing.assert_allclose(compared.after, predict(made, images, rows), atol=2e-3)
    assert made.output_shape == model.output_shape
    assert np.abs(made.get_layer("classifier").get_weights()[0] - model.get_layer("classifier").get_weights()[0]).max() > 1e-4
    count, after, before, loss, loss_before = compared.figures()
    assert count == len(rows)
    assert after >= before, "it has learned from them"
    assert loss < loss_before


def test_the_test_images_that_were_read_for_the_score_are_not_read_again(scored, again, dataset, monkeypatch):
    outcome, model = scored(BEGINS)
    seen = predict_several(with_features(model), pixels(dataset, 8), dataset.rows("test"))[0]
    asked = []
    real = Features.read

    def read(self, looks, resolution, rows, watching=None):
        asked.append(np.asarray(rows))
        return real(self, looks, resolution, rows, watching)

    monkeypatch.setattr(Features, "read", read)
    known, _ = again(BEGINS, outcome, model, seen=seen)
    unknown, _ = again(BEGINS, outcome, model)
    np.testing.assert_array_equal(np.sort(asked[0]), np.sort(rows_of(dataset, ("train", "val"))))
    np.testing.assert_array_equal(np.sort(asked[1]), np.arange(len(dataset)))
    np.testing.assert_allclose(known.after, unknown.after, atol=5e-3)


def test_what_was_seen_of_the_test_images_is_of_no_use_where_they_are_not_learned_from(scored, again, dataset):
    outcome, model = scored(BEGINS)
    garbage = np.full((len(dataset.rows("test")), 16), 1e6, np.float32)
    plain, _ = again(BEGINS, outcome, model, splits=("train", "val"))
    given, _ = again(BEGINS, outcome, model, splits=("train", "val"), seen=garbage)
    np.testing.assert_array_equal(plain.labels, dataset.labels[dataset.rows("val")])
    np.testing.assert_allclose(plain.after, given.after, atol=1e-6)


def test_a_readout_that_learned_from_the_test_images_says_something_else_of_them(scored, again, dataset):
    outcome, model = scored(BEGINS)
    without, _ = again(BEGINS, outcome, model, splits=("train", "val"))
    every, _ = again(BEGINS, outcome, model)
    count = len(dataset.rows("val"))
    np.testing.assert_allclose(without.before, every.before[:count], atol=1e-6)
    assert np.abs(without.after - every.after[:count]).max() > 1e-3


@pytest.mark.parametrize("changed", [BEGINS, {}], ids=["readout", "network"])
def test_the_temperature_divides_the_logits(scored, again, dataset, changed):
    outcome, model = scored(changed)
    as_it_was, out = again(changed, outcome, model, temperature=1.0)
    plain = load(out).get_layer("classifier").get_weights()
    cooled, out = again(changed, outcome, model, temperature=2.0)
    for first, second in zip(plain, load(out).get_layer("classifier").get_weights(), strict=True):
        np.testing.assert_allclose(first, 2 * second, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(as_it_was.before, cooled.before, atol=1e-6)
    roots = np.sqrt(as_it_was.after)
    np.testing.assert_allclose(cooled.after, roots / roots.sum(axis=1, keepdims=True), atol=1e-3)


def test_a_network_goes_on_from_its_checkpoint_on_every_image(scored, again, dataset):
    outcome, model = scored({}, epochs=8)
    images, rows = pixels(dataset, 8), rows_of(dataset)
    compared, out = again({}, outcome, model, epochs=3)
    made = load(out)
    np.testing.assert_array_equal(compared.labels, dataset.labels[rows])
    np.testing.assert_allclose(compared.before, predict(model, images, rows), atol=1e-5)
    np.testing.assert_allclose(compared.after, predict(made, images, rows), atol=1e-5)
    start = load(outcome.checkpoint)
    moved = [np.abs(first - second).mean() for first, second in zip(made.get_weights(), start.get_weights(), strict=True)]
    assert max(moved) > 1e-4
    sizes = [np.abs(weight).mean() for weight in start.get_weights()]
    assert sum(moved) < sum(sizes), "it goes on from there, and does not begin again"
    assert compared.figures()[1] > 0.5


def test_a_network_keeps_the_last_weights_and_not_those_that_were_best_on_images_it_learns_from(scored, again, monkeypatch):
    from automl_cnn.train.average import Averaging

    outcome, model = scored({})
    asked = []
    real = Averaging.last
    monkeypatch.setattr(Averaging, "last", lambda self, best: asked.append(real(self, best)) or asked[-1])
    monkeypatch.setattr(Averaging, "better", lambda self: pytest.fail("no mean is chosen by images that are learned from"))
    _, out = again({}, outcome, model, epochs=3, temperature=1.0)
    (last,) = asked
    assert last.epoch == 3
    for first, second in zip(last.weights, load(out).get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("epochs", [1, 6])
def test_the_last_weights_are_the_mean_of_the_last_epochs_where_there_are_several(dataset, plugins, spec, epochs, monkeypatch):
    from automl_cnn.train.average import Averaging

    kept = []
    real = Averaging.last

    def last(self, best):
        kept.append((real(self, best), [np.array(weight) for weight in self.watch.kept.get_weights()], self.average.count))
        return kept[-1][0]

    monkeypatch.setattr(Averaging, "last", last)
    outcome = train(spec(epochs=epochs, splits=("train", "val")), dataset, plugins, lambda event: True)
    (best, weights, count) = kept[0]
    assert outcome.best_epoch == epochs
    assert outcome.averaged == best.averaged == (count if count >= 2 else 0)
    same = all(np.array_equal(first, second) for first, second in zip(best.weights, weights, strict=True))
    assert same == (epochs == 1)


@pytest.mark.parametrize("splits", [("train",), ("train", "val"), EVERY])
def test_a_training_learns_from_the_images_of_its_splits(dataset, plugins, spec, splits):
    training = Training(spec(splits=splits), dataset, plugins, lambda event: True, began=0.0)
    wanted = np.sort(rows_of(dataset, splits))
    np.testing.assert_array_equal(training.rows, wanted)
    batches = training.batches(training.rows, ())
    assert sorted(batches._order.tolist()) == wanted.tolist()
    assert len(batches) == int(np.ceil(len(wanted) / 32))


def test_images_of_the_validation_and_test_splits_really_teach(dataset, plugins, spec):
    """A class that the training images do not have is learned from the others."""
    from automl_cnn.data.dataset import SPLITS

    splits = np.array(dataset.splits)
    splits[(dataset.labels == 2) & (splits == SPLITS["train"])] = SPLITS["val"]
    moved = dataclasses.replace(dataset, splits=splits)

    def answered(splits):
        outcome = train(spec(epochs=30, splits=splits, class_weights="off"), moved, plugins, lambda event: True)
        return predict(load(outcome.checkpoint), pixels(moved, 8), rows_of(moved)).argmax(axis=1)

    assert not (answered(("train",)) == 2).any()
    assert (answered(EVERY) == 2).any()


def test_answers_that_are_no_numbers_have_an_infinite_loss():
    answers = np.array([[0.5, 0.5], [0.2, 0.8]])
    broken = np.array([[np.nan, 0.5], [0.2, 0.8]])
    count, _, before, loss, loss_before = Compared(Multiclass(2), np.array([0, 1]), answers, broken).figures()
    assert (count, before, loss) == (2, 1.0, float("inf"))
    assert np.isfinite(loss_before)
