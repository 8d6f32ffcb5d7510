import gc

import keras
import numpy as np
import pytest

from automl_cnn.data import pixels, prepare_arrays
from automl_cnn.errors import PluginError, TrialError
from automl_cnn.models import pretrained
from automl_cnn.records import Epoch, Finished, Progress, Started, State
from automl_cnn.train import predict, train

BEGINS = {"pretrained.small": "given", "finetune_rate.small": 0.1}


class Events(list):
    """Hears the events; says stop after that number of epochs."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.stop_after = stop_after

    def __call__(self, event):
        self.append(event)
        return self.stop_after is None or len(self.epochs) < self.stop_after

    @property
    def epochs(self):
        return [event for event in self if isinstance(event, Epoch)]


@pytest.fixture
def loaded(monkeypatch):
    """What was asked of the pretrained weights' loader; the weights stay random."""
    asked = []
    monkeypatch.setattr(pretrained, "load", lambda model, entry, *, file=None, top=False: asked.append((entry.name, file)))
    return asked


def weights_of(path):
    model = keras.saving.load_model(path, safe_mode=True)
    return model, {layer.name: [np.array(weight) for weight in layer.get_weights()] for layer in model.layers if layer.get_weights()}


def test_a_trial_learns_and_keeps_the_model_it_scored(dataset, plugins, spec):
    events = Events()
    finished = train(spec(epochs=12), dataset, plugins, events)
    assert isinstance(events[0], Started)
    assert [epoch.number for epoch in events.epochs] == list(range(1, len(events.epochs) + 1))
    assert finished.state is State.COMPLETE
    assert finished.score == max(epoch.score for epoch in events.epochs) > 0.6
    model, _ = weights_of(finished.checkpoint)
    rows = dataset.rows("val")
    predicted = predict(model, pixels(dataset, 8), rows).argmax(axis=1)
    assert np.mean(predicted == dataset.labels[rows]) == pytest.approx(finished.score)


def test_equal_seeds_give_equal_curves(dataset, plugins, spec):
    first, second, other = (Events() for _ in range(3))
    train(spec(), dataset, plugins, first)
    train(spec(), dataset, plugins, second)
    train(spec(seed=1), dataset, plugins, other)
    assert [epoch.loss for epoch in first.epochs] == [epoch.loss for epoch in second.epochs]
    assert [epoch.loss for epoch in first.epochs] != [epoch.loss for epoch in other.epochs]


def test_auxiliary_heads_train_and_then_vanish(dataset, plugins, spec):
    plain, helped = Events(), Events()
    train(spec(epochs=1), dataset, plugins, plain)
    finished = train(spec({"small.auxiliary": True}, epochs=1), dataset, plugins, helped)
    assert helped.epochs[0].loss > plain.epochs[0].loss  # the second head's loss comes on top
    assert 0 <= helped.epochs[0].accuracy <= 1
    model, _ = weights_of(finished.checkpoint)
    assert not any("auxiliary" in layer.name for layer in model.layers)
    assert model.output_names == ["probabilities"]
    assert helped[0] == plain[0]  # the cost is that of the model that is kept


def test_class_weights_reach_every_head(dataset, plugins, spec):
    events = Events()
    train(spec({"small.auxiliary": True}, epochs=1, class_weights="on"), dataset, plugins, events)
    assert np.isfinite(events.epochs[0].loss)


def test_a_regularizer_may_end_it(dataset, plugins, spec):
    events = Events()
    finished = train(spec({"regularizer.impatient": True}, epochs=9), dataset, plugins, events)
    assert len(events.epochs) == 2
    assert finished.state is State.COMPLETE


def test_whoever_hears_the_events_may_end_it(dataset, plugins, spec):
    events = Events(stop_after=1)
    finished = train(spec(epochs=9), dataset, plugins, events)
    assert finished.state is State.STOPPED
    assert len(events.epochs) == 1


def test_several_regularizers_at_once_train_and_save(dataset, plugins, spec):
    chosen = {f"regularizer.{name}": True for name in plugins.names("regularizer") if name not in ("impatient", "early_stopping")}
    finished = train(spec(chosen), dataset, plugins, Events())
    model, _ = weights_of(finished.checkpoint)
    assert np.isfinite(finished.score)
    assert model.output_shape == (None, 3)


def test_labels_are_smoothed_as_the_task_wants_it(dataset, plugins, spec, tmp_path):
    shown = plugins.get("regularizer", "witness").last
    smoothed = {"regularizer.label_smoothing": True, "label_smoothing.epsilon": 0.3, "regularizer.witness": True}
    train(spec(smoothed, epochs=1), dataset, plugins, Events())
    assert shown[0] == "multiclass"
    np.testing.assert_allclose(np.unique(shown[1]), [0.1, 0.8], atol=1e-6)
    images, rng = np.asarray(pixels(dataset, 8)), np.random.default_rng(0)
    several = prepare_arrays(images, (rng.random((len(images), 4)) < 0.4).astype(int), tmp_path, task="multilabel", names=list("abcd"))
    train(spec(smoothed, epochs=1, metric="f1"), several, plugins, Events())
    assert shown[0] == "multilabel"
    np.testing.assert_allclose(np.unique(shown[1]), [0.15, 0.85], atol=1e-6)


def test_averaged_weights_are_those_that_are_scored_and_kept(dataset, plugins, spec):
    plain, averaged = Events(), Events()
    train(spec(epochs=2), dataset, plugins, plain)
    finished = train(spec({"regularizer.ema": True}, epochs=2), dataset, plugins, averaged)
    assert plain.epochs[0].loss == pytest.approx(averaged.epochs[0].loss, rel=1e-5)  # it trains alike
    assert plain.epochs[0].val_loss != pytest.approx(averaged.epochs[0].val_loss, rel=1e-3)
    model, _ = weights_of(finished.checkpoint)
    rows = dataset.rows("val")
    assert np.mean(predict(model, pixels(dataset, 8), rows).argmax(axis=1) == dataset.labels[rows]) == pytest.approx(finished.score)


def test_a_probe_leaves_the_features_as_they_are(dataset, plugins, spec, loaded):
    events = Events()
    finished = train(spec({**BEGINS, "finetune.small": "probe"}), dataset, plugins, events)
    assert loaded == [("given", None)]
    assert len(events.epochs) == 1
    assert isinstance(events[0], Started)
    assert finished.score > 0.6
    from automl_cnn.models.build import from_configuration

    _, kept = weights_of(finished.checkpoint)
    fresh = from_configuration(spec({**BEGINS, "finetune.small": "probe"}).configuration, plugins, classes=3, channels=1, seed=0)
    for layer in fresh.layers:
        if layer.get_weights() and layer.name != "classifier":
            for new, old in zip(kept[layer.name], layer.get_weights(), strict=True):
                np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("mode", ["head_first", "gradual", "all"])
def test_fine_tuning_moves_every_layer_and_the_lower_ones_less(dataset, plugins, spec, loaded, mode):
    events = Events()
    finished = train(spec({**BEGINS, "finetune.small": mode, "optimizer": "adam", "adam.schedule": "constant"}, epochs=2), dataset, plugins, events)
    from automl_cnn.models.build import from_configuration

    _, kept = weights_of(finished.checkpoint)
    fresh = from_configuration(spec({**BEGINS, "finetune.small": mode}).configuration, plugins, classes=3, channels=1, seed=0)
    convolutions = [layer for layer in fresh.layers if isinstance(layer, keras.layers.Conv2D)]
    moves = [np.abs(kept[layer.name][0] - layer.get_weights()[0]).mean() for layer in convolutions]
    norm = next(layer for layer in fresh.layers if isinstance(layer, keras.layers.BatchNormalization))
    means = kept[norm.name][2]
    assert (means != norm.get_weights()[2]).any() == (mode == "all")
    assert isinstance(events[0], Started)
    assert events[0].cost.params == sum(weight.size for layer in fresh.layers for weight in map(np.array, layer.trainable_variables))
    assert min(moves) > 0
    if mode == "gradual":
        assert moves[0] < 0.5 * moves[-1]
    if mode != "all":
        assert events.epochs[0].val_accuracy > 0.6  # it begins with the probe
    assert any(isinstance(event, Progress) for event in events) or mode == "all"


def test_the_users_file_is_handed_to_the_loader(dataset, plugins, spec, loaded, tmp_path):
    train(spec({**BEGINS, "finetune.small": "probe"}, weights=str(tmp_path / "mine.pth")), dataset, plugins, Events())
    assert loaded == [("given", tmp_path / "mine.pth")]


def test_a_probe_that_is_stopped_learns_from_what_it_has_read(dataset, plugins, spec, loaded):
    finished = train(spec({**BEGINS, "finetune.small": "probe"}), dataset, plugins, lambda event: isinstance(event, Started))
    assert finished.state is State.STOPPED
    assert finished.score is not None


def test_a_probe_that_is_stopped_too_early_says_so(dataset, plugins, spec, loaded, monkeypatch):
    monkeypatch.setattr("automl_cnn.train.features.BATCH", 2)
    with pytest.raises(TrialError, match=r"2 of \d+ images were read, too few to learn from: raise --budget"):
        train(spec({**BEGINS, "finetune.small": "probe"}, seed=9), dataset, plugins, lambda event: isinstance(event, Started))


def test_weights_that_are_not_there_are_an_error_that_names_them(dataset, plugins, spec):
    with pytest.raises(PluginError, match="no pretrained weights named 'imagenet'"):
        train(spec({"pretrained.small": "imagenet"}), dataset, plugins, Events())


def test_time_cuts_the_epochs(dataset, plugins, spec):
    events = Events()
    finished = train(spec(epochs=10_000, seconds=1.5), dataset, plugins, events)
    assert isinstance(finished, Finished)
    assert 1 <= len(events.epochs) < 10_000
    assert events.epochs[-1].epochs < 10_000


def test_a_trial_leaves_no_graphs_behind(dataset, plugins, spec):
    def graphs():
        return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())

    train(spec(), dataset, plugins, Events())
    before = graphs()
    train(spec(seed=1), dataset, plugins, Events())
    assert graphs() <= before
