"""Networks that answer numbers: the last layer, the loss, what is measured while they train, ensembles."""

import keras
import numpy as np
import pytest

from automl_cnn.models.ensemble import ensemble
from automl_cnn.models.pieces import answering
from automl_cnn.tasks import Regression, Target
from automl_cnn.train.judge import all_right
from automl_cnn.train.losses import loss_for

TASK = Regression(2, (Target("age", "years", 40.0, 10.0), Target("size", "", 0.5, 0.1)))
TRUTH = np.array([[40.0, 0.5], [50.0, 0.6]], np.float32)
ANSWERS = np.array([[42.0, 0.5], [80.0, 0.6]], np.float32)


def test_the_last_layer_answers_in_the_users_units():
    standardized = keras.Input((2,))
    model = keras.Model(standardized, answering(TASK.activation, "numbers")(standardized))
    assert model.predict(np.array([[0.0, 0.0], [1.0, -2.0]]), verbose=0) == pytest.approx(np.array([[40.0, 0.5], [50.0, 0.3]]))
    assert model.layers[-1].compute_dtype == "float32"


def test_the_loss_counts_in_standard_deviations():
    loss = loss_for(TASK)(TRUTH, ANSWERS)
    assert float(loss) == pytest.approx(TASK.loss_of(TRUTH, ANSWERS), rel=1e-5)


def test_hubers_loss_grows_in_proportion_beyond_one_standard_deviation():
    assert float(loss_for(TASK, "huber")(TRUTH, ANSWERS)) == pytest.approx((0.2**2 / 2 + 3.0 - 0.5) / 4, rel=1e-5)


def test_the_share_of_near_answers_while_it_trains():
    metric = all_right(TASK)
    metric.update_state(TRUTH, ANSWERS)
    assert float(metric.result()) == 0.5 == TASK.share_right(TRUTH, ANSWERS)


def member(offset):
    pixels = keras.Input((None, None, 1))
    from automl_cnn.layers import Resize

    seen = keras.layers.GlobalAveragePooling2D()(Resize(4, name="resize")(pixels))
    dense = keras.layers.Dense(2, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(offset), name="classifier")(seen)
    return keras.Model(pixels, answering(TASK.activation, "probabilities")(dense))


def test_an_ensemble_answers_the_weighted_mean_of_its_members(tmp_path):
    made = ensemble([member(0.0), member(1.0)], [0.25, 0.75], ["one", "other"], stored=4, activation=TASK.activation)
    made.save(tmp_path / "both.keras")
    again = keras.saving.load_model(tmp_path / "both.keras", compile=False)
    answers = again.predict(np.zeros((3, 9, 9, 1), np.uint8), verbose=0)
    assert answers == pytest.approx(np.tile([47.5, 0.575], (3, 1)))
