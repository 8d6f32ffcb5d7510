"""An exported model, run by its own runtime, without Keras."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from automl_cnn.errors import DataError, ExportError, StoreError
from automl_cnn.export import deployed, runners
from automl_cnn.modelfile import file as modelfile
from automl_cnn.tasks import Multiclass, Multilabel


@pytest.fixture
def folder(tmp_path):
    """An exported folder with two formats, and what runs them: the share of the brightest channel."""
    models = []
    for name, kind in (("model.onnx", "onnx"), ("model.tflite", "litert")):
        (tmp_path / name).write_bytes(kind.encode())
        models.append({"file": name, "format": kind, "precision": "float32", "sha256": {name: modelfile.digest(tmp_path / name)}})
    (tmp_path / "model.json").write_text(json.dumps({"classes": ["red", "green", "blue"], "size": 8, "stored": 16, "channels": 3, "models": models}))
    return tmp_path


@pytest.fixture
def runs(monkeypatch):
    """Stands in for the runtimes; tells which ran."""
    ran = []

    def runner(kind):
        def load(path):
            ran.append(kind)
            return lambda images: (images.mean(axis=(1, 2)) / np.maximum(1, images.mean(axis=(1, 2)).sum(axis=1, keepdims=True))).astype(np.float32)

        return load

    for kind in ("onnx", "litert"):
        monkeypatch.setitem(runners.RUNNERS, kind, runner(kind))
    return ran


IMAGES = np.zeros((70, 20, 20, 3), np.uint8)
IMAGES[np.arange(70), :, :, np.arange(70) % 3] = 200


def test_a_folder_is_run_by_the_runtime_that_starts_first(folder, runs):
    classifier = deployed.load(folder)
    assert runs == ["onnx"]
    assert classifier.classes == ["red", "green", "blue"]
    assert classifier.predict_proba(IMAGES).argmax(axis=1).tolist() == [number % 3 for number in range(70)]


def test_a_file_is_run_by_its_own(folder, runs):
    deployed.load(folder / "model.tflite")
    assert runs == ["litert"]


def test_a_runtime_that_is_missing_is_passed_over(folder, runs, monkeypatch):
    def lacking(path):
        raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")

    monkeypatch.setitem(runners.RUNNERS, "onnx", lacking)
    deployed.load(folder)
    assert runs == ["litert"]
    with pytest.raises(ExportError, match=r"To run model.onnx, onnxruntime is needed.*automl-cnn\[onnx\]"):
        deployed.load(folder / "model.onnx")
    monkeypatch.setitem(runners.RUNNERS, "litert", lacking)
    with pytest.raises(ExportError, match="onnxruntime is needed"):
        deployed.load(folder)


def test_a_file_that_was_changed_is_not_run(folder, runs):
    (folder / "model.onnx").write_bytes(b"something else")
    with pytest.raises(StoreError, match=r"is not the file that model.json vouches for"):
        deployed.load(folder / "model.onnx")
    assert runs == []


def test_a_model_without_its_contract_cannot_be_run(folder, runs):
    (folder / "model.json").unlink()
    with pytest.raises(StoreError, match="Keep it beside the model"):
        deployed.load(folder / "model.onnx")
    (folder / "model.json").write_text("[]")
    with pytest.raises(StoreError, match="is a list, not a table of values"):
        deployed.load(folder / "model.onnx")


def test_an_empty_folder_and_no_images_are_errors(folder, runs):
    classifier = deployed.load(folder)
    with pytest.raises(DataError, match="no images"):
        classifier.predict_proba([])
    contract = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**contract, "models": []}))
    with pytest.raises(StoreError, match="holds no model"):
        deployed.load(folder)


def test_labels_that_reach_their_thresholds_are_answered(folder, runs):
    contract = json.loads((folder / "model.json").read_text())
    assert deployed.load(folder).predict(IMAGES[:3]) == ["red", "green", "blue"]
    assert deployed.load(folder).task == Multiclass(3)
    (folder / "model.json").write_text(json.dumps({**contract, "task": "multilabel", "thresholds": [0.9, 0.0, 1.0]}))
    classifier = deployed.load(folder)
    assert classifier.task == Multilabel(3, (0.9, 0.0, 1.0))
    assert classifier.predict(IMAGES[:3]) == [["red", "green"], ["green"], ["green", "blue"]]


def test_what_is_exported_is_told_from_what_is_not(folder, tmp_path_factory):
    assert deployed.is_exported(folder)
    assert deployed.is_exported(folder / "model.onnx")
    other = tmp_path_factory.mktemp("study")
    (other / "best").mkdir()
    (other / "best" / "model.keras").write_bytes(b"")
    assert not deployed.is_exported(other)
    assert not deployed.is_exported(other / "best" / "model.keras")
    saved = tmp_path_factory.mktemp("saved")
    (saved / "saved_model.pb").write_bytes(b"")
    assert deployed.is_exported(saved)


def test_nothing_heavy_is_imported(folder):
    code = "import sys; import automl_cnn.export.deployed; print(sorted(set(sys.modules) & {'tensorflow', 'keras', 'mlflow', 'onnxruntime', 'sklearn'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
