"""The backend's settings."""

import keras
import pytest

from automl_cnn.train import backend
from automl_cnn.train.backend import build_soon, compiled

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="what is set is TensorFlow's")


@pytest.fixture
def options():
    import tensorflow

    optimizer = tensorflow.config.optimizer
    yield optimizer.get_experimental_options
    optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.mark.parametrize(("devices", "off"), [([], True), (["a GPU"], False)])
def test_graphs_are_not_rewritten_where_that_makes_no_step_faster(options, monkeypatch, devices, off):
    import tensorflow

    monkeypatch.setattr(tensorflow.config, "list_physical_devices", lambda kind: devices)
    build_soon()
    assert bool(options().get("disable_meta_optimizer")) is off
    assert compiled() == (False if off else "auto"), "XLA is left to Keras where there is a GPU"


def test_another_backend_chooses_for_itself(monkeypatch):
    monkeypatch.setattr(backend, "tensorflow", lambda: None)
    assert compiled() == "auto"
