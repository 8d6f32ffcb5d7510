"""One network at a time: trained, compared and looked into, as in a notebook."""

import numpy as np
import pytest
from automl_cnn_plugins import SGD, VGG, Adam, Dropout, SimpleCNN

from automl_cnn import blocks, workbench
from automl_cnn.errors import ConfigError, DataError, PluginError
from automl_cnn.plugin import Architecture

TINY = {"size": 16, "width": 0.25, "epochs": 2}
CNN = SimpleCNN(stages=2, channels=16)


class Homemade(Architecture):
    """A class of a notebook, which no entry point knows."""

    name = "homemade"
    min_size = 16

    def features(self, x, net):
        return blocks.max_pool(blocks.conv(x, net.width(16), 3, net=net), 4)


@pytest.fixture(scope="module")
def images():
    return workbench.images(train=80, held_out=100, size=16)


def test_images_are_as_many_as_asked_for_and_of_every_class(images):
    assert (len(images.rows("train")), len(images.rows("val"))) == (80, 100)
    assert images.counts("train").min() >= 4
    fewer = workbench.images(train=40, held_out=100, size=16)
    assert set(fewer.rows("train")) <= set(images.rows("train")), "a smaller number is a part of a larger one"
    assert list(fewer.rows("val")) == list(images.rows("val"))
    assert workbench.picture(images, 3).shape == (16, 16, 1)
    with pytest.raises(DataError, match="training images of digits, and 9,000 were asked for"):
        workbench.images(train=9000)
    with pytest.raises(DataError, match="There is no image -1"):
        workbench.picture(images, -1)


def test_a_folder_of_images_is_taken_too(digits):
    results = workbench.images(digits, train=None, held_out=None, size=16)
    assert len(results.classes) == 3
    assert len(results.rows("train")) > 30


def test_a_training_gives_the_model_its_history_and_its_answers(images):
    trained = workbench.train(CNN, images, optimizer=Adam(learning_rate=0.01), regularizers=[Dropout(rate=0.1)], **{**TINY, "epochs": 6})
    assert list(trained.history["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert trained.accuracy == pytest.approx(trained.history["accuracy"].max(), abs=0.02)
    assert trained.accuracy > 0.25, "guessing gets 0.1"
    rows = images.rows("val")
    answers = np.asarray(trained.model.predict_on_batch(np.stack([workbench.picture(images, row) for row in rows]).astype("float32"))).argmax(axis=1)
    assert np.mean((answers == images.labels[rows]) == trained.correct) > 0.97, "the model is the one that was judged"
    again = workbench.train(CNN, images, optimizer=Adam(learning_rate=0.01), regularizers=[Dropout(rate=0.1)], **{**TINY, "epochs": 6})
    assert again.accuracy == pytest.approx(trained.accuracy, abs=0.05)
    assert trained.gap == pytest.approx(trained.train_accuracy - trained.history["accuracy"].iloc[-1])
    assert workbench.curves(trained).axes
    assert workbench.kernels(trained).axes
    assert workbench.feature_maps(trained, workbench.picture(images, 0), layer=1, most=3).axes
    with pytest.raises(ConfigError, match="the network has convolutions 0 to 2"):
        workbench.kernels(trained, layer=3)
    with pytest.raises(ConfigError, match="expected accuracy or loss"):
        workbench.curves(trained, measure="hue")


def test_networks_are_compared_with_the_same_seeds_and_a_class_of_the_notebook_takes_part(images):
    lines = []
    results = workbench.compare({"tiny": Homemade(), "other": {"network": CNN, "width": 0.5}}, images, seeds=(0, 1), progress=lines.append, **TINY)
    assert [len(trained) for trained in results.trained.values()] == [2, 2]
    assert results.score("tiny").seeds == 2
    change = results.difference("other", "tiny")
    assert change.difference == pytest.approx(results.score("other").mean - results.score("tiny").mean)
    assert list(results.table().index) == ["tiny", "other"]
    assert len(lines) == 2
    assert results.plot().axes
    with pytest.raises(ConfigError, match="There is no network 'third' here"):
        results.score("third")
    with pytest.raises(ConfigError, match="nothing to compare"):
        workbench.compare({}, images)


def test_costs_need_no_training():
    small, large = (workbench.cost(VGG(kernel=kernel), size=16, width=0.25) for kernel in (3, 7))
    assert small.params < large.params
    with pytest.raises(PluginError, match="needs images of at least 16 px"):
        workbench.cost(VGG(), size=8)


def test_the_paths_of_two_optimizers_begin_at_one_place_and_lie_on_the_map(images):
    rates = {"slow": SGD(learning_rate=0.001, momentum=0.0, schedule="constant", warm_up=0.0), "fast": Adam(schedule="constant", warm_up=0.0)}
    paths = workbench.loss_paths(CNN, images, rates, steps=4, size=16, width=0.25, points=5)
    assert np.allclose([points[0] for points in paths.paths.values()], 0, atol=1e-6)
    assert paths.losses["slow"][0] == pytest.approx(paths.losses["fast"][0], rel=1e-4)
    assert paths.grid.shape == (5, 5)
    assert np.isfinite(paths.grid).all()
    assert paths.xs.min() < 0 < paths.xs.max()
    assert paths.plot().axes
