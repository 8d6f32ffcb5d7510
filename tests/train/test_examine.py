"""What is found out about a winner: counts that add up, heat where it looked."""

from __future__ import annotations

import base64
import io

import keras
import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import pixels
from automl_cnn.tasks import Multiclass
from automl_cnn.train import predict
from automl_cnn.train.examine import bins, examine


@pytest.fixture(scope="module")
def model():
    """An untrained network: it makes mistakes enough."""
    keras.utils.set_random_seed(3)
    given = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(6, 3, activation="relu", padding="same")(keras.layers.Rescaling(1 / 255)(given))
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(given, keras.layers.Softmax()(keras.layers.Dense(3, name="classifier")(x)))


CARD = {"size": 8, "trial": 5, "temperature": 1.3}


def test_confusion_mistakes_and_bins_add_up(model, dataset):
    evidence = examine(model, CARD, dataset)
    rows = dataset.rows("val")
    labels = dataset.labels[rows]
    probabilities = predict(model, pixels(dataset, 8), rows)
    assert evidence.trial == 5
    assert evidence.temperature == 1.3
    assert [sum(row) for row in evidence.confusion] == np.bincount(labels, minlength=3).tolist()
    wrong = sum(map(sum, evidence.confusion)) - sum(evidence.confusion[place][place] for place in range(3))
    assert len(evidence.mistakes) == min(8, wrong)
    assert sum(entry.count for entry in evidence.bins) == sum(entry.count for entry in evidence.raw) == len(rows)
    for one in evidence.mistakes:
        assert one.truth != one.predicted
        row = rows[[dataset.paths[place] for place in rows].index(one.path)]
        assert one.truth == dataset.labels[row]
        assert one.chance <= one.confidence
    chances = [one.chance for one in evidence.mistakes]
    assert chances == sorted(chances), "the worst first"
    assert max(chances) <= np.sort(probabilities[np.arange(len(labels)), labels])[7] + 1e-6


def test_pictures_and_heat_are_small_jpegs(model, dataset):
    evidence = examine(model, CARD, dataset)
    assert evidence.note == ""
    for one in evidence.mistakes:
        for content in (one.picture, one.heat):
            image = Image.open(io.BytesIO(base64.b64decode(content)))
            assert image.format == "JPEG"
            assert image.size == (144, 144)
            assert len(content) < 20_000
        assert one.picture != one.heat


def test_heat_lies_where_the_answer_comes_from():
    """A network that looks at the brightness alone, shown a bright corner."""
    from automl_cnn.train.examine import _last_map, _maps

    given = keras.Input((16, 16, 1))
    layer = keras.layers.Conv2D(1, 1, name="map")
    x = keras.layers.GlobalAveragePooling2D()(layer(given))
    dense = keras.layers.Dense(2, name="classifier")
    model = keras.Model(given, keras.layers.Softmax()(dense(x)))
    layer.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    dense.set_weights([np.array([[1.0, -1.0]]), np.zeros(2)])
    images = np.zeros((2, 16, 16, 1), np.float32)
    images[0, 2:6, 10:14] = 200.0
    images[1, 8:12, 1:5] = 100.0
    part, maps, answer = _last_map(model)
    heats = _maps(keras.Model(part.input, [maps.output, answer]), images, np.array([0, 0]))
    for heat, bright in zip(heats, ((slice(2, 6), slice(10, 14)), (slice(8, 12), slice(1, 5))), strict=True):
        assert heat.shape == (16, 16)
        assert heat[bright].min() == 1.0
        assert heat.sum() == pytest.approx(16.0)
    against = _maps(keras.Model(part.input, [maps.output, answer]), images, np.array([1, 0]))
    assert not against[0].any(), "nothing spoke for the other class"
    assert np.array_equal(against[1], heats[1])


def test_frozen_layers_have_heat_too(model, dataset):
    model.trainable = False
    try:
        evidence = examine(model, CARD, dataset)
    finally:
        model.trainable = True
    assert evidence.note == ""
    assert all(one.heat for one in evidence.mistakes)


def test_an_ensemble_shows_where_its_first_member_looked(model, dataset):
    given = keras.Input((None, None, 1))
    both = keras.Model(given, keras.layers.Average()([model(given), model(given)]))
    evidence = examine(both, {"size": 8}, dataset)
    assert evidence.temperature is None
    assert evidence.raw == ()
    assert all(one.heat for one in evidence.mistakes)


def test_a_network_without_maps_says_so(dataset):
    given = keras.Input((8, 8, 1))
    flat = keras.Model(given, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(given)))
    evidence = examine(flat, {"size": 8}, dataset)
    assert "no feature map" in evidence.note
    assert all(one.picture and not one.heat for one in evidence.mistakes)


def test_no_mistakes():
    task, labels = Multiclass(2), np.array([0, 1, 1])
    sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.05, 0.95]])
    assert task.confusion(labels, sure) == ((1, 0), (0, 2))
    assert [(entry.count, entry.accuracy) for entry in bins(task, labels, sure)] == [(1, 1.0), (2, 1.0)]
