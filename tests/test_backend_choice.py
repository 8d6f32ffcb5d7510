"""The choice of the backend, and the message on a keras.json that Keras cannot use; all of it without Keras."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from automl_cnn import backend
from automl_cnn.errors import BackendError


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A folder for keras.json; `home(backend="torch")` writes one."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.setattr(backend, "_replaced", [])

    def write(text: str | None = None, **settings: object) -> None:
        (tmp_path / "keras.json").write_text(json.dumps(settings) if text is None else text)

    return write


def installed(monkeypatch, *names: str) -> None:
    monkeypatch.setattr(backend, "_installed", lambda name: name in names)


def test_the_backend_is_that_of_the_environment_else_the_first_installed(monkeypatch, home):
    installed(monkeypatch, "jax", "torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert backend.require() == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "abacus")
    with pytest.raises(BackendError, match="tensorflow, jax, torch"):
        backend.require()
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert backend.require() == "jax"
    assert os.environ["KERAS_BACKEND"] == "jax"  # Keras alone would take TensorFlow


def test_a_missing_backend_of_the_environment_is_an_error_with_both_ways_out(monkeypatch, home):
    installed(monkeypatch, "tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(BackendError, match=r"pip install 'automl-cnn\[torch\]', or set KERAS_BACKEND=tensorflow"):
        backend.require()


def test_an_installed_backend_of_keras_json_is_used_and_the_environment_stays(monkeypatch, home):
    installed(monkeypatch, "tensorflow", "torch")
    home(backend="torch")
    assert backend.require() == "torch"
    assert os.environ["KERAS_BACKEND"] == ""
    assert backend.replaced() is None


@pytest.mark.parametrize(("named", "why"), [("torch", "not installed"), ("jax", "not installed"), ("openvino", "cannot train"), ("numpy", "cannot train")])
def test_an_unusable_backend_of_keras_json_is_replaced_with_a_note(monkeypatch, home, named, why):
    installed(monkeypatch, "tensorflow", "openvino", "numpy")
    home(backend=named)
    assert backend.require() == "tensorflow"
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert named in backend.replaced()
    assert why in backend.replaced()
    assert "set KERAS_BACKEND" in backend.replaced()


def test_without_any_backend_the_extra_is_named(monkeypatch, home):
    installed(monkeypatch)
    with pytest.raises(BackendError, match=r"pip install 'automl-cnn\[cpu\]'"):
        backend.require()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{oops", "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1, 2]", "are a list: expected a JSON object"),
        ('{"floatx": "float8"}', "floatx = 'float8': expected one of float16, float32, float64"),
        ('{"image_data_format": []}', "image_data_format"),
        ('{"epsilon": 1}', "epsilon = 1: expected a number such as"),
        ('{"backend": {}}', "backend = {}"),
        ('{"nnx_enabled": true}', "needs flax"),
    ],
)
def test_a_keras_json_that_keras_cannot_use_is_one_sentence(monkeypatch, home, text, words):
    installed(monkeypatch, "tensorflow")
    home(text)
    with pytest.raises(BackendError) as error:
        backend.require()
    assert words in str(error.value)
    assert "keras.json" in str(error.value)
    assert "delete the file, or set KERAS_HOME" in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(("name", "value"), [("KERAS_MAX_EPOCHS", "many"), ("KERAS_MAX_STEPS_PER_EPOCH", ""), ("KERAS_NNX_ENABLED", "true")])
def test_a_variable_with_which_keras_cannot_be_imported_is_one_sentence(monkeypatch, home, name, value):
    installed(monkeypatch, "tensorflow")
    monkeypatch.setenv(name, value)
    with pytest.raises(BackendError, match=f"{name} is .* [Uu]nset it"):
        backend.require()


def test_a_folder_in_place_of_keras_json_is_one_sentence(monkeypatch, home, tmp_path):
    installed(monkeypatch, "tensorflow")
    (tmp_path / "keras.json").mkdir()
    with pytest.raises(BackendError, match="cannot be read: Is a directory"):
        backend.require()


def test_the_python_interface_asks_before_anything_starts(tmp_path):
    """`search`, `load` and `fit` answer without importing Keras or starting a worker."""
    (tmp_path / "keras.json").write_text("[]")
    (tmp_path / "model.keras").write_bytes(b"")
    code = f"""
import sys, numpy as np
from pathlib import Path
from automl_cnn import ImageClassifier, search
from automl_cnn.errors import BackendError
from automl_cnn.modelfile import file as modelfile
from automl_cnn.testing import check_plugin
from automl_cnn_plugins.optimizers.sgd import SGD
images = np.zeros((40, 8, 8), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None]
calls = {{
    "search": lambda: search("{tmp_path}", store="{tmp_path}/store"),
    "load": lambda: modelfile.load_model(Path("{tmp_path}/model.keras")),
    "fit": lambda: ImageClassifier(store="{tmp_path}/store").fit(images, np.arange(40) % 2),
    "check": lambda: check_plugin(SGD),
}}
for name, call in calls.items():
    try:
        call()
    except BackendError as error:
        print(name, "keras" in sys.modules)
"""
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.splitlines() == ["search False", "load False", "fit False", "check False"], done.stderr
