import numpy as np
import pytest

keras = pytest.importorskip("keras")

from automl_cnn.data.batches import Batches  # noqa: E402  # after the check that Keras is there
from automl_cnn.tasks import Multiclass  # noqa: E402
from automl_cnn.train.feed import feed  # noqa: E402

PIXELS = np.arange(23, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
LABELS = np.arange(23, dtype=np.int32) % 3
ROWS = np.arange(0, 22, 2)  # 11 of them: two batches of 4, one of 3
WEIGHTS = np.array([1, 2, 3], np.float32)
EPOCHS = 3


class Spy(Batches):
    """Batches that remember what was read of them."""

    def __init__(self, **settings):
        super().__init__(PIXELS, ROWS, LABELS.__getitem__, Multiclass(3), 4, seed=5, shuffle=True, **settings)
        self.read = []

    def __getitem__(self, index):
        self.read.append((self.epoch, index))
        return super().__getitem__(index)


class Seen(keras.callbacks.Callback):
    """Counts the steps of each epoch, and ends the training within one if asked to."""

    def __init__(self, stop=None):
        super().__init__()
        self.steps, self.stop, self.epoch = [], stop, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.steps.append(0)

    def on_train_batch_end(self, batch, logs=None):
        self.steps[-1] += 1
        if (self.epoch, batch) == self.stop:
            self.model.stop_training = True


def trained(batches, outputs=1, stop=None):
    """A network of the batches' outputs after `EPOCHS` epochs, and what its callback saw."""
    image = keras.Input((4, 4, 1))
    flat = keras.layers.Flatten()(image)
    heads = [keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros")(flat) for _ in range(outputs)]
    model = keras.Model(image, heads if outputs > 1 else heads[0])
    model.compile(optimizer=keras.optimizers.SGD(1e-4), loss=["categorical_crossentropy"] * outputs if outputs > 1 else "categorical_crossentropy")
    seen = Seen(stop)
    model.fit(**feed(batches), epochs=EPOCHS, callbacks=[seen], shuffle=False, verbose=0)
    return model, seen


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("outputs", [1, 2])
def test_each_epoch_is_trained_on_whole_in_its_own_order(weights, outputs):
    batches = Spy(weights=weights, outputs=outputs)
    _, seen = trained(batches, outputs)
    assert seen.steps == [3] * EPOCHS
    assert {(epoch, index) for epoch in range(EPOCHS) for index in range(3)} <= set(batches.read)


def test_the_network_learns_from_the_very_batches():
    fed, _ = trained(Spy(weights=WEIGHTS))
    by_hand = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros")])
    by_hand.compile(optimizer=keras.optimizers.SGD(1e-4), loss="categorical_crossentropy")
    batches = Spy(weights=WEIGHTS)
    for _ in range(EPOCHS):
        batches.on_epoch_begin()
        for images, labels, weight in batches:
            by_hand.train_on_batch(images, labels, sample_weight=weight)
    for mine, theirs in zip(fed.get_weights(), by_hand.get_weights(), strict=True):
        assert np.abs(mine).max() > 0
        assert np.allclose(mine, theirs, atol=1e-6)


def test_an_end_within_an_epoch_is_one():
    _, seen = trained(Spy(), stop=(1, 1))
    assert seen.steps == [3, 2]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow reads through tf.data")
def test_tensorflow_reads_each_batch_once_and_tunes_nothing():
    batches = Spy()
    fed = feed(batches)
    assert fed["x"].options().autotune.enabled is False
    assert fed["steps_per_epoch"] == 3
    batches.read.clear()  # the first was looked at for its shape
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")])
    model.compile(optimizer="sgd", loss="categorical_crossentropy")
    model.fit(**fed, epochs=EPOCHS, shuffle=False, verbose=0)
    assert len(batches.read) == len(set(batches.read))
    assert max(epoch for epoch, _ in batches.read) <= EPOCHS  # a few are read ahead
