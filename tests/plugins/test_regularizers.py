import keras
import numpy as np
import pytest
from automl_cnn_plugins.architectures.mobilenet_v2 import MobileNetV2
from automl_cnn_plugins.architectures.resnet import ResNet
from automl_cnn_plugins.architectures.simple_cnn import SimpleCNN
from automl_cnn_plugins.regularizers.dropout import Dropout
from automl_cnn_plugins.regularizers.early_stopping import EarlyStopping
from automl_cnn_plugins.regularizers.ema import EMA
from automl_cnn_plugins.regularizers.l1 import L1
from automl_cnn_plugins.regularizers.l2 import L2
from automl_cnn_plugins.regularizers.spatial_dropout import SpatialDropout
from automl_cnn_plugins.regularizers.stochastic_depth import StochasticDepth
from automl_cnn_plugins.regularizers.weight_decay import WeightDecay

from automl_cnn import layers, registry
from automl_cnn.models.build import network
from automl_cnn.records import Epoch


def test_only_augmentation_and_early_stopping_are_on_by_default():
    plugins = registry.load()
    assert [name for name in plugins.names("regularizer") if plugins.get("regularizer", name).default_on] == ["augment", "early_stopping"]


def layered(hook, shape, values):
    given = keras.Input(shape)
    model = keras.Model(given, hook(given))
    return keras.ops.convert_to_numpy(model(values)), keras.ops.convert_to_numpy(model(values, training=True))


def test_dropout_drops_values_only_while_training():
    still, dropped = layered(Dropout(rate=0.5).dense, (500,), keras.ops.ones((4, 500)))
    assert (still == 1).all()
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert (dropped == 0).mean() == pytest.approx(0.5, abs=0.1)


def test_spatial_dropout_drops_whole_channels_only_while_training():
    still, dropped = layered(SpatialDropout(rate=0.25).block, (4, 4, 400), keras.ops.ones((2, 4, 4, 400)))
    assert (still == 1).all()
    assert (dropped == dropped[:, :1, :1]).all()
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.07)


def test_a_rate_of_zero_adds_no_layer():
    given = keras.Input((4, 4, 8))
    assert SpatialDropout(rate=0.0).block(given) is given
    assert Dropout(rate=0.0).dense(given) is given


def test_penalties_are_what_they_are_called():
    kernel = keras.ops.convert_to_tensor([[3.0, -1.0]])
    assert float(L1(strength=1e-3).penalty()(kernel)) == pytest.approx(0.004)
    assert float(L2(strength=1e-3).penalty()(kernel)) == pytest.approx(0.010)


def rates(architecture, *regularizers):
    net = network(architecture, classes=3, channels=3, size=32, width=0.25, depth=0.5, regularizers=regularizers)
    return [layer.rate for layer in net.training.layers if isinstance(layer, layers.StochasticDepth)]


@pytest.mark.parametrize("architecture", [ResNet(), ResNet(variant=50), MobileNetV2()], ids=lambda one: f"{one.name}{one.values.get('variant', '')}")
def test_stochastic_depth_grows_in_a_straight_line_to_the_last_branch(architecture):
    drop_rates = rates(architecture, StochasticDepth(rate=0.4))
    assert len(drop_rates) >= 4
    np.testing.assert_allclose(drop_rates, 0.4 * np.arange(1, len(drop_rates) + 1) / len(drop_rates))


def test_graded_rates_act_and_are_saved(tmp_path):
    net = network(ResNet(), classes=3, channels=3, size=16, width=0.25, depth=0.5, regularizers=(StochasticDepth(rate=0.5),))
    net.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    kept = [layer for layer in loaded.layers if isinstance(layer, layers.StochasticDepth)]
    assert [layer.rate for layer in kept] == pytest.approx([0.5 * number / len(kept) for number in range(1, len(kept) + 1)])
    first, last = (np.asarray(layer(keras.ops.ones((4000, 1)), training=True)) for layer in (kept[0], kept[-1]))
    assert ((first == 0).mean(), (last == 0).mean()) == pytest.approx((0.5 / len(kept), 0.5), abs=0.03)
    np.testing.assert_allclose(np.unique(last), [0, 2])


def test_a_network_without_branches_is_left_alone():
    assert rates(SimpleCNN(), StochasticDepth()) == []


def epochs(*points, planned=30):
    """One epoch for each (score, validation loss)."""
    return tuple(
        Epoch(
            number=number,
            epochs=planned,
            seconds=1.0 * number,
            loss=1.0,
            accuracy=0.5,
            val_loss=loss,
            val_accuracy=score,
            score=score,
            learning_rate=0.1,
        )
        for number, (score, loss) in enumerate(points, 1)
    )


def ended(history, **values):
    """The number of the epoch after which it stops; None if never."""
    return next((number for number in range(1, len(history) + 1) if EarlyStopping(**values).stop(history[:number])), None)


def test_it_stops_so_much_of_the_plan_after_the_best_epoch():
    assert ended(epochs((0.5, 1.0), (0.6, 1.0), *[(0.5, 0.9)] * 28)) == 2 + 18
    assert ended(epochs((0.5, 1.0), (0.6, 1.0), *[(0.5, 0.9)] * 28), patience=0.5) == 2 + 15


def test_of_equal_scores_the_lower_loss_is_better_and_of_equal_epochs_the_first():
    assert ended(epochs((0.6, 1.0), *[(0.6, 0.9)] * 29)) == 2 + 18
    assert ended(epochs((0.6, 0.9), *[(0.6, 1.0)] * 29)) == 1 + 18
    assert ended(epochs(*[(0.6, 0.9)] * 30)) == 1 + 18


@pytest.mark.parametrize("planned", [1, 8, 12, 24])
def test_patience_is_never_below_eight_epochs(planned):
    assert ended(epochs((0.6, 1.0), *[(0.5, 1.0)] * 20, planned=planned), patience=0.1) == 1 + 8


def test_as_long_as_it_gets_better_it_goes_on():
    assert ended(epochs(*[(number / 100, 1.0) for number in range(60)], planned=60)) is None
    assert ended(epochs(*[(0.5, 1 / number) for number in range(1, 61)], planned=60)) is None
    assert EarlyStopping().stop(()) is False


def test_the_default_patience_is_three_fifths_of_the_plan():
    for planned in range(1, 600):
        patience = max(8, planned * 3 // 5)
        history = epochs((0.6, 1.0), *[(0.5, 1.0)] * patience, planned=planned)
        assert not EarlyStopping().stop(history[:patience])
        assert EarlyStopping().stop(history)


def test_a_plan_that_shrinks_shortens_the_patience():
    history = epochs((0.6, 1.0), *[(0.5, 1.0)] * 10, planned=90)
    assert not EarlyStopping().stop(history)
    assert EarlyStopping().stop((*history[:-1], epochs(*[(0.5, 1.0)] * 11, planned=15)[-1]))


def small_model(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, bias_initializer="ones"), keras.layers.Dense(2, bias_initializer="ones")])


DATA = np.random.default_rng(0).normal(size=(40, 3)).astype("float32"), np.random.default_rng(1).normal(size=(40, 2)).astype("float32")


@pytest.mark.parametrize("own", [keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1), keras.optimizers.AdamW(0.1, weight_decay=0.3)])
def test_weight_decay_shrinks_kernels_alone_and_replaces_the_optimizers_own(own):
    optimizer = WeightDecay(strength=0.05).optimizer(own)
    model = small_model()
    before = [keras.ops.convert_to_numpy(weight).copy() for weight in model.trainable_variables]
    optimizer.apply([keras.ops.zeros_like(weight) for weight in model.trainable_variables], model.trainable_variables)
    for weight, old in zip(model.trainable_variables, before, strict=True):
        share = 1 - 0.1 * 0.05 if weight.name == "kernel" else 1
        np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), old * share, rtol=1e-5)


class Watching(keras.callbacks.Callback):
    """The weights after every step, at the beginning of every epoch, and as later callbacks see them at its end."""

    def __init__(self):
        super().__init__()
        self.steps, self.begun, self.ended = [], [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(self.model.get_weights())

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.ended.append(self.model.get_weights())


@pytest.mark.parametrize("momentum", [0.9, 0.995])
@pytest.mark.parametrize("also", [(), (WeightDecay(),)], ids=["alone", "with weight decay"])
def test_an_epoch_ends_on_averaged_weights_and_the_next_goes_on_with_the_raw_ones(momentum, also):
    watching, model = Watching(), small_model()
    plugin = EMA(momentum=momentum)
    optimizer = keras.optimizers.Adam(0.05)
    for regularizer in (plugin, *also):
        optimizer = regularizer.optimizer(optimizer)
    model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    model.fit(*DATA, batch_size=2, epochs=3, shuffle=False, verbose=0, callbacks=[*plugin.callbacks(), watching])
    assert len(watching.steps) == 60
    average = watching.steps[0]
    for step, weights in enumerate(watching.steps):
        share = min(momentum, (1 + step) / (10 + step)) if step else 0.0
        average = [share * old + (1 - share) * new for old, new in zip(average, weights, strict=True)]
        if step % 20 == 19:
            for actual, wanted, raw in zip(watching.ended[step // 20], average, weights, strict=True):
                np.testing.assert_allclose(actual, wanted, atol=1e-5)
                assert np.abs(actual - raw).max() > 1e-4
    for epoch in (1, 2):
        for actual, wanted in zip(watching.begun[epoch], watching.steps[20 * epoch - 1], strict=True):
            np.testing.assert_allclose(actual, wanted, atol=1e-5)


def test_averaging_changes_nothing_of_the_training_itself():
    plain, averaged = Watching(), Watching()
    for watching, plugins in ((plain, ()), (averaged, (EMA(),))):
        model = small_model()
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
        for plugin in plugins:
            optimizer = plugin.optimizer(optimizer)
        model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
        model.fit(*DATA, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[*(one for plugin in plugins for one in plugin.callbacks()), watching])
    for one, other in zip(plain.steps[-1], averaged.steps[-1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
