"""The mean of the last epochs: what it is, when it is kept, and that its batch norms are right."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from automl_cnn import metrics, predictions
from automl_cnn.data import pixels
from automl_cnn.records import State
from automl_cnn.tasks import Multiclass
from automl_cnn.train import predict, train, trial
from automl_cnn.train.average import Average, Averaging
from automl_cnn.train.watch import Best, Watch


def test_a_running_mean_is_the_mean_and_needs_the_memory_of_one():
    rng = np.random.default_rng(0)
    added = [[rng.normal(size=(3, 2)).astype(np.float32), np.array([step], np.int64)] for step in range(7)]
    average = Average()
    for weights in added:
        average.add(weights)
    np.testing.assert_allclose(average.weights[0], np.mean([weights[0] for weights in added], axis=0), atol=1e-6)
    assert average.weights[0].dtype == np.float32
    assert average.weights[1] == 6  # what counts is not averaged
    assert len(average.weights) == 2
    assert not np.shares_memory(average.weights[0], added[0][0])


class Line:
    """Two classes on a line; it says the second to the right of its one weight."""

    def __init__(self):
        self.place = 0.0

    def get_weights(self):
        return [np.array(self.place)]

    def set_weights(self, weights):
        self.place = float(weights[0])

    def predict_on_batch(self, images):
        second = 1 / (1 + np.exp(-20 * (images[:, 0] - self.place)))
        return np.stack([1 - second, second], axis=1)


def wandered(places, *, epochs=None, use_ema=False, asked_to_stop=False, left=1e9, truth=0.0):
    """An averaging that watched a training whose weight moved around."""
    images = np.linspace(-1, 1, 41)[:, None]
    labels = (images[:, 0] > truth).astype(int)
    judged = {"labels": labels, "task": Multiclass(2), "spec": SimpleNamespace(metric="accuracy")}
    watch = SimpleNamespace(kept=Line(), images=images, rows=np.arange(41), **judged, history=[])
    watch.epochs, watch.asked_to_stop, watch.left, watch.scoring_seconds, watch.best = epochs or len(places), asked_to_stop, left, 1.0, None
    averaging = Averaging(watch)
    averaging.set_model(SimpleNamespace(optimizer=SimpleNamespace(use_ema=use_ema)))
    for epoch, place in enumerate(places):
        watch.kept.place = place
        predicted = predict(watch.kept, images, watch.rows)
        score, loss = metrics.score("accuracy", labels, predicted), metrics.cross_entropy(labels, predicted)
        watch.history.append(SimpleNamespace(number=epoch + 1))
        if watch.best is None or (score, -loss) > (watch.best.score, -watch.best.loss):
            watch.best = Best([np.array(place)], epoch + 1, score, loss, predicted)
        averaging.on_epoch_end(epoch)
    return averaging


AROUND = [0.9, 0.8, 0.9, 0.7, 0.6, 0.5, 0.4, -0.5, 0.45, -0.4, 0.5, -0.45]


def test_the_mean_of_where_it_wandered_is_better_than_any_of_them():
    averaging = wandered(AROUND)
    mean = averaging.better()
    assert averaging.average.count == mean.averaged == 3
    assert mean.weights[0] == pytest.approx(np.mean(AROUND[-3:]))
    assert mean.score > averaging.watch.best.score
    assert mean.epoch == 12
    assert metrics.score("accuracy", averaging.watch.labels, mean.probabilities) == mean.score


@pytest.mark.parametrize(
    "given",
    [
        {"use_ema": True},  # the weights are means already
        {"asked_to_stop": True},  # somebody waits
        {"left": 0.01},  # no time to score it
        {"truth": 0.85},  # the best epoch was an early one
        {"epochs": 60},  # it ended long before its plan did
    ],
)
def test_else_the_best_epoch_stands(given):
    assert wandered(AROUND, **given).better() is None


def test_a_plan_that_grows_begins_the_mean_anew():
    averaging = wandered(AROUND[:8])
    assert averaging.average.count == 2
    averaging.watch.epochs = 40
    averaging.watch.history.append(SimpleNamespace(number=9))
    averaging.on_epoch_end(8)
    assert averaging.average.count == 0


class Wandering(Watch):
    """The network is thrown to one side at the end of an epoch and to the other at the next, and put back before it is trained on."""

    thrown = 1.0

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if epoch:
            self.kept.set_weights(self.home)

    def on_epoch_end(self, epoch, logs=None):
        self.home = self.kept.get_weights()
        rng = np.random.default_rng(0)
        side = 1 if epoch % 2 else -1
        self.kept.set_weights([weight + side * self.thrown * rng.normal(size=weight.shape) * weight.std() for weight in self.home])
        super().on_epoch_end(epoch, logs)


def test_a_mean_that_is_better_is_what_a_trial_keeps(dataset, plugins, spec, monkeypatch):
    monkeypatch.setattr(trial, "Watch", Wandering)
    seen = []
    finished = train(spec(epochs=16), dataset, plugins, lambda event: seen.append(event) or True)
    assert finished.averaged == 4
    assert finished.best_epoch == 16
    assert finished.score > max(event.score for event in seen if hasattr(event, "val_loss"))
    rows = dataset.rows("val")
    predicted = predict(keras.saving.load_model(finished.checkpoint, compile=False, safe_mode=True), pixels(dataset, 8), rows)
    assert metrics.score("accuracy", dataset.labels[rows], predicted) == finished.score
    np.testing.assert_allclose(predictions.recall(Path(finished.checkpoint)), predicted, atol=1e-6)


def test_the_regularizer_that_averages_is_left_alone_and_so_is_a_stopped_trial(dataset, plugins, spec, monkeypatch):
    monkeypatch.setattr(trial, "Watch", Wandering)
    assert train(spec({"regularizer.ema": True}, epochs=6), dataset, plugins, lambda event: True).averaged == 0
    seen = []
    stopped = train(spec(epochs=6), dataset, plugins, lambda event: seen.append(event) or not (hasattr(event, "val_loss") and event.number >= 6))
    assert stopped.state is State.STOPPED
    assert stopped.averaged == 0


def refreshed(model, batches):
    """Batch norms' statistics as the plain mean over the training batches, as the paper has it."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms
    for number in range(len(batches)):
        for norm in norms:
            norm.momentum = number / (number + 1)
        model(batches[number][0], training=True)


def test_averaged_batch_norm_statistics_serve_as_well_as_those_estimated_anew(dataset, plugins, spec, monkeypatch):
    held = []

    class Held(trial.Averaging):
        def better(self):
            held.append(self)
            return super().better()

    monkeypatch.setattr(trial, "Averaging", Held)
    made = trial.Training(spec({"optimizer": "sgd"}, epochs=12), dataset, plugins, lambda event: True, began=0.0)
    made.run()
    watch, weights = held[0].watch, held[0].average.weights
    losses = []
    for refresh in (lambda: None, lambda: refreshed(watch.kept, made.batches(made.rows, ()))):
        watch.kept.set_weights(weights)
        refresh()
        losses.append(metrics.cross_entropy(watch.labels, predict(watch.kept, watch.images, watch.rows)))
    assert losses[0] <= 1.05 * losses[1]
    assert losses[0] < 0.9 * np.log(3)
