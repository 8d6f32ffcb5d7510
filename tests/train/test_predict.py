"""Probabilities of many images, batch by batch."""

import keras
import numpy as np
import pytest

from automl_cnn.train.watch import PREDICT_BATCH, predict

IMAGES = np.random.default_rng(0).integers(0, 256, (PREDICT_BATCH + 7, 4, 4, 1), dtype=np.uint8)


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, activation="softmax")])


def test_the_rows_asked_for_come_in_their_order(model):
    rows = np.arange(len(IMAGES))[::-1]
    predicted = predict(model, IMAGES, rows)
    assert predicted.shape == (len(IMAGES), 3)
    assert np.allclose(predicted, np.asarray(model(IMAGES.astype("float32")))[::-1], atol=1e-6)
    assert np.allclose(predict(model, IMAGES, rows[:5]), predicted[:5], atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow traces")
def test_batches_of_every_length_are_traced_once(model):
    for images in (IMAGES, IMAGES[:50], IMAGES[:1]):
        predict(model, images, np.arange(len(images)))
    assert model.predict_function.experimental_get_tracing_count() == 1
