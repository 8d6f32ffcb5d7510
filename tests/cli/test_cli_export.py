"""export, with a stand-in for what writes."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from automl_cnn.errors import ConfigError
from automl_cnn.export import folder
from automl_cnn.export.folder import Exported, Variant
from automl_cnn.export.proof import Proof
from automl_cnn.modelfile import file as modelfile
from automl_cnn.store import Store

PROOF = Proof(200, 2.3e-6, 1.0, 0.871, 0.871, 0.9, 0.0, 0, {"1": 4.5, "32": 99.25}, 0.2, 13_535_144, {"onnxruntime": "1.2"})
WRITTEN = Variant("onnx", "none", "float32", "model.onnx", PROOF, kept=True)
PASSED_OVER = Variant("onnx", "int8", "int8", "model-int8.onnx", dataclasses.replace(PROOF, score=None), note="9.00 ms are above 5 ms")
FAILED = Variant("litert", "none", "float32", "model.tflite", failure="litert (none): its converter failed. Use --format onnx instead.")


@pytest.fixture
def store(tmp_path):
    root = tmp_path / "store"
    path = Store(root).study("pets-1").model
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(modelfile.CARD, json.dumps({"classes": ["cat", "dog"], "size": 64, "channels": 3}))
    return root


@pytest.fixture
def exporting(monkeypatch):
    """`asked` is what `folder.export` was asked, `variants` what it answers."""
    asked = {}
    answer = SimpleNamespace(asked=asked, variants=(WRITTEN,))

    def export(model, out, **options):
        asked.update(options, model=model, out=out)
        return Exported(out, answer.variants, ("made-up images",))

    monkeypatch.setattr(folder, "export", export)
    monkeypatch.setattr(folder, "checked", lambda names, quantize, beside: asked.update(checked=(names, quantize)))
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: name == "tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    return answer


@pytest.mark.parametrize("name", [["pets-1"], []])
def test_export_says_what_was_written_and_proved(cli, store, exporting, name):
    done = cli("export", *name, "--format", "onnx", "--out", "deploy", "--store", store)
    assert done.exit_code == 0, done.output
    head, row = done.stdout.splitlines()[:2]
    assert head.split()[:3] == ["file", "precision", "size"]
    assert row.split() == ["model.onnx", "float32", "13.5", "MB", "2.3e-06", "100.0%", "0.871", "4.50", "99.2"]
    assert "on 200 images; the original has 0.871" in done.stdout
    assert "Wrote model.onnx, README.md (how to run them), labels.txt" in done.stdout
    assert "made-up images" in done.stderr
    assert exporting.asked["model"] == Store(store).find("pets-1").model
    assert exporting.asked["out"] == Path("deploy")
    assert exporting.asked["dataset"] is None


def test_export_hands_on_formats_precisions_and_limits(cli, store, exporting):
    exporting.variants = (WRITTEN, PASSED_OVER)
    done = cli("export", "--format", "saved-model, onnx,onnx", "--quantize", "none,int8", "--max-latency", "5ms", "--max-size", "20MB", "--store", store)
    assert done.exit_code == 0, done.output
    assert exporting.asked["checked"] == (("saved_model", "onnx"), ("none", "int8"))
    assert exporting.asked["names"] == ("saved_model", "onnx")
    assert exporting.asked["limits"] == folder.Limits(5.0, 20e6)
    assert "Not written: model-int8.onnx: 9.00 ms are above 5 ms." in done.stdout


def test_export_as_json(cli, store, exporting):
    printed = json.loads(cli("export", "--json", "--store", store).stdout)
    assert printed["folder"] == "exported"
    assert printed["variants"][0] | {"versions": {}} == {
        "format": "onnx",
        "quantize": "none",
        "method": "float32",
        "file": "model.onnx",
        "kept": True,
        "failure": None,
        "note": None,
        **PROOF.as_dict(),
        "versions": {},
    }


def test_formats_and_precisions_that_are_given_several_times_add_up(cli, store, exporting):
    done = cli("export", "--format", "onnx", "--format", "keras,onnx", "--quantize", "none", "--quantize", "int8", "--store", store)
    assert done.exit_code == 0, done.output
    assert (exporting.asked["names"], exporting.asked["quantize"]) == (("onnx", "keras"), ("none", "int8"))


def test_a_format_that_failed_is_an_error_after_what_was_written(cli, store, exporting):
    exporting.variants = (WRITTEN, FAILED)
    done = cli("export", "--format", "onnx,litert", "--store", store)
    assert done.exit_code == 2
    assert "Wrote model.onnx" in done.stdout
    assert "Use --format onnx instead" in done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--max-latency", "fast"], "--max-latency: 'fast' is not an amount"),
        (["--max-size", "0MB"], "--max-size: '0MB' is not above zero"),
        (["--format", ","], "--format is empty"),
        (["gone"], "'gone' is neither"),
    ],
)
def test_export_says_what_it_cannot_use(cli, store, exporting, flags, words):
    done = cli("export", *flags, "--store", store)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "model" not in exporting.asked


def test_export_needs_tensorflow(cli, store, exporting, monkeypatch):
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: True)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    done = cli("export", "--store", store)
    assert done.exit_code == 2
    assert "Set KERAS_BACKEND=tensorflow" in done.stderr


def test_an_unknown_format_is_told_before_anything_is_loaded(cli, store):
    done = cli("export", "--format", "onix", "--store", store)
    assert done.exit_code == 2
    assert "There is no export format 'onix'. Did you mean 'onnx'? Available: keras, litert, onnx, openvino, saved_model, web." in done.stderr


def test_export_from_an_empty_store(cli, tmp_path):
    done = cli("export", "--store", tmp_path / "nothing", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "There is no model in the store" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_images_of_a_study_are_found_beside_its_model(store):
    from automl_cnn.cli.export import dataset_of

    model = Store(store).find("pets-1").model
    assert dataset_of(model, None) == (None, "")
    with pytest.raises(ConfigError, match="is not in a study's folder"):
        dataset_of(model, store)
    Store(store).find("pets-1").manifest.write_text("damaged")
    dataset, missing = dataset_of(model, None)
    assert dataset is None
    assert "not a data set description" in missing
