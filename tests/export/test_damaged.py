"""Damaged and foreign models in every format: a sentence that names the file, never another library's traceback."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from automl_cnn.errors import ExportError, StoreError
from automl_cnn.export import deployed, runners, suspicious
from automl_cnn.modelfile import file as modelfile

CONTRACT = {"classes": ["red", "green"], "size": 8, "channels": 3}
GARBAGE = [b"", b"garbage", b"\x08\x07" * 500, bytes(1000), b"<?xml version='1.0'?><net></net>"]
FILES = {"onnx": "model.onnx", "litert": "model.tflite", "openvino": "model.xml"}


def write(folder, name, content, kind, *, vouch=False):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    entry = {"file": name.partition("/")[0], "format": kind, "precision": "float32", "sha256": {name: modelfile.digest(path)} if vouch else {}}
    (folder / "model.json").write_text(json.dumps({**CONTRACT, "models": [entry]}), encoding="utf-8")
    return folder / entry["file"]


@pytest.mark.parametrize("content", GARBAGE, ids=["empty", "words", "fields", "zeros", "xml"])
@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_a_sentence(tmp_path, needs, kind, content):
    needs(kind)
    path = write(tmp_path, FILES[kind], content, kind)
    for place in (path, tmp_path):
        with pytest.raises((StoreError, ExportError)) as raised:
            deployed.load(place)
        assert path.name in str(raised.value)
        assert "again" in str(raised.value)
        assert len(str(raised.value)) < 700


def test_predict_says_so_too(tmp_path, needs):
    needs("onnx")
    from automl_cnn.cli import app

    (tmp_path / "a.jpg").write_bytes(b"")
    done = CliRunner().invoke(app, ["predict", str(write(tmp_path, "model.onnx", b"garbage", "onnx")), str(tmp_path / "a.jpg")])
    assert done.exit_code == 2
    assert "model.onnx cannot be loaded" in done.stderr


def test_what_a_runtime_prints_is_no_row_of_the_table(tmp_path, monkeypatch, capsys):
    def talks(path):
        print("EP Error")
        raise ValueError("damaged")

    monkeypatch.setitem(runners.RUNNERS, "onnx", talks)
    with pytest.raises(StoreError, match="cannot be loaded: damaged"):
        deployed.load(write(tmp_path, "model.onnx", b"x", "onnx"))
    assert capsys.readouterr().out == ""


def runner(monkeypatch, answer):
    monkeypatch.setitem(runners.RUNNERS, "onnx", lambda path: answer)


def test_a_model_that_does_not_fit_its_contract_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path, "model.onnx", b"x", "onnx")
    for shape in ((1, 3), (1,), (2, 2), ()):
        runner(monkeypatch, lambda images, shape=shape: np.zeros(shape, np.float32))
        with pytest.raises(StoreError, match="names 2 classes"):
            deployed.load(path)

    def fails(images):
        raise RuntimeError("Got invalid dimensions for input: images")

    runner(monkeypatch, fails)
    with pytest.raises(StoreError, match="cannot be run: Got invalid dimensions"):
        deployed.load(path)


def test_answers_that_are_no_probabilities_are_refused(tmp_path, monkeypatch):
    path = write(tmp_path, "model.onnx", b"x", "onnx")
    for number in (np.nan, np.inf, -3.0, 40.0):
        runner(monkeypatch, lambda images, number=number: np.full((len(images), 2), number, np.float32))
        with pytest.raises(StoreError, match="not probabilities"):
            deployed.load(path)


def test_a_part_that_is_missing_is_named(tmp_path, monkeypatch):
    write(tmp_path, "model.onnx", b"x", "onnx", vouch=True)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(StoreError, match="is missing"):
        deployed.load(tmp_path)


def test_an_onnx_file_with_weights_elsewhere_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setitem(runners.RUNNERS, "onnx", lambda path: pytest.fail("it was opened"))
    path = write(tmp_path, "model.onnx", b"..\x0a\x08location\x12\x0b/etc/passwd", "onnx")
    with pytest.raises(StoreError, match="from other files"):
        deployed.load(path)


def test_a_foreign_saved_model_is_run_only_with_trust(tmp_path, monkeypatch):
    ran = []

    def opened(path):
        ran.append(path)
        return lambda images: np.full((len(images), 2), 0.5, np.float32)

    monkeypatch.setitem(runners.RUNNERS, "saved_model", opened)
    path = write(tmp_path, "saved_model/saved_model.pb", b"graph", "saved_model")
    for place in (path, tmp_path):
        with pytest.raises(StoreError, match="--trust"):
            deployed.load(place)
    write(tmp_path, "saved_model/saved_model.pb", b"\x12\x08ReadFile", "saved_model", vouch=True)
    with pytest.raises(StoreError, match="ReadFile, which reads or writes files"):
        deployed.load(path)
    assert not ran
    deployed.load(path, trust=True)
    write(tmp_path, "saved_model/saved_model.pb", b"graph", "saved_model", vouch=True)
    deployed.load(path)
    assert len(ran) == 2


@pytest.mark.parametrize("word", suspicious.FILE_OPERATIONS)
def test_operations_on_files_are_found(tmp_path, word):
    (tmp_path / "saved_model.pb").write_bytes(b"..." + word + b"...")
    with pytest.raises(StoreError, match="--trust"):
        suspicious.require_harmless(tmp_path, vouched=True)
