"""A model of several labels in every format: each file, and each program in the README, answers the labels that the original answers."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from automl_cnn.errors import StoreError
from automl_cnn.export import bundle, deployed, folder
from automl_cnn.export.readme import USES, readme
from automl_cnn.modelfile import file as modelfile
from automl_cnn.tasks import Multilabel

CUTS = (0.35, 0.5, 0.65, 0.4)


@pytest.fixture(scope="module")
def images(label_dataset):
    from automl_cnn.data import pixels

    rows = label_dataset.rows("test")
    return np.asarray(pixels(label_dataset, 12)[rows]), label_dataset.truth(rows)


@pytest.fixture(scope="module")
def out(label_file, label_dataset, needs, tmp_path_factory):
    """An export to the formats that start fast."""
    names = ("onnx", "litert", "openvino")
    needs(*names)
    place = tmp_path_factory.mktemp("exported") / "out"
    return place, folder.export(label_file, place, names=names, quantize=("none", "int8"), dataset=label_dataset)


def test_a_model_file_answers_the_labels_that_reach_their_thresholds(label_file, images):
    classifier = bundle.load(label_file)
    given, truth = images
    probabilities = classifier.predict_proba(given)
    assert classifier.task == Multilabel(4, CUTS)
    assert classifier.predict(given) == [
        [name for name, share, cut in zip(classifier.classes, row, CUTS, strict=True) if share >= cut] for row in probabilities
    ]
    assert classifier.task.score("f1", truth, probabilities) > 0.8, "it has learned something, so that what follows says something"


def test_every_file_is_proved_and_answers_the_same_labels(out, label_file, images):
    place, exported = out
    assert [variant.failure for variant in exported.variants] == [None] * 6
    for variant in exported.variants:
        assert variant.proof.same >= (1.0 if variant.method == "float32" else 0.9)
        assert 0.5 < variant.proof.original_score < 1
    expected = bundle.load(label_file).predict(images[0])
    assert len({tuple(labels) for labels in expected}) > 5
    for name in ("model.onnx", "model.tflite", "model.xml"):
        assert deployed.load(place / name).predict(images[0]) == expected, name


def test_model_json_states_task_thresholds_and_activation(out):
    contract = json.loads((out[0] / "model.json").read_text())
    assert (contract["task"], contract["thresholds"], contract["output"]["activation"]) == ("multilabel", list(CUTS), "sigmoid")
    assert "do not sum to one" in contract["output"]["meaning"]
    assert json.loads((out[0] / "export.json").read_text())["task"] == "multilabel"
    assert "subset accuracy on the test images" in (out[0] / "variants.svg").read_text()
    assert (out[0] / "labels.txt").read_text().split() == ["blue", "green", "red", "grey"]


def test_model_json_of_classes_has_no_such_keys(model_file, dataset, needs, tmp_path):
    needs("onnx")
    folder.export(model_file, tmp_path / "out", names=("onnx",), dataset=dataset)
    contract = json.loads((tmp_path / "out" / "model.json").read_text())
    assert not {"task", "thresholds"} & set(contract)
    assert set(contract["output"]) == {"name", "shape", "dtype", "meaning", "labels", "temperature_inside"}
    assert set(json.loads((tmp_path / "out" / "export.json").read_text())) == {"notes", "variants"}


def answered(place, images, expected) -> None:
    """Run each program of the README on photos."""
    photos = []
    for number, image in enumerate(images):
        photos.append(place.parent / f"{number:02}.png")
        Image.fromarray(image).save(photos[-1])
    programs = re.findall(r"```python\n(.*?)```", (place / "README.md").read_text(), re.DOTALL)
    for program in programs:
        command = [sys.executable, "-P", "-c", program, *map(str, photos)]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
        lines = [line.removeprefix(f"{photo} ") for line, photo in zip(done.stdout.splitlines()[-len(photos) :], photos, strict=True)]
        assert [list(ast.literal_eval(line)) for line in lines] == expected


def test_the_python_programs_answer_the_same_labels(label_file, label_dataset, images, needs, tmp_path):
    needs("onnx", "litert", "openvino")
    folder.export(label_file, tmp_path / "out", names=("onnx", "litert", "openvino"), dataset=label_dataset)
    answered(tmp_path / "out", images[0][:8], bundle.load(label_file).predict(images[0][:8]))


@pytest.mark.slow
def test_so_do_keras_and_tensorflow(label_file, label_dataset, images, tmp_path):
    exported = folder.export(label_file, tmp_path / "out", names=("keras", "saved_model"), dataset=label_dataset)
    assert [variant.proof.same for variant in exported.variants] == [1.0, 1.0]
    expected = bundle.load(label_file).predict(images[0][:8])
    answered(tmp_path / "out", images[0][:8], expected)
    assert bundle.load(tmp_path / "out" / "model.keras").predict(images[0][:8]) == expected
    assert deployed.load(tmp_path / "out" / "saved_model").predict(images[0][:8]) == expected


def test_an_ensemble_answers_the_mean_of_its_members(label_network, images):
    import keras

    from automl_cnn.export.network import core
    from automl_cnn.models.ensemble import ensemble

    joined = ensemble([label_network, keras.models.clone_model(label_network)], [0.75, 0.25], ["one", "other"], stored=12, activation="sigmoid")
    stock = core(joined, 12, 3)
    members = [np.asarray(joined.get_layer(name).predict_on_batch(images[0])) for name in ("one", "other")]
    expected = 0.75 * members[0] + 0.25 * members[1]
    for network in (joined, stock):
        np.testing.assert_allclose(np.asarray(network.predict_on_batch(images[0].astype(np.float32))), expected, atol=1e-5)


CONTRACT = {"study": "s", "task": "multilabel", "thresholds": [0.25, 0.5], "classes": ["cat", "dog"], "channels": 3, "size": 16, "stored": 16}


def test_the_programs_are_short_and_hold_to_the_thresholds():
    text = readme({**CONTRACT, "models": [{"file": f"model.{name}", "format": name, "precision": "float32"} for name in USES]})
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(programs) == len(USES)
    for program in programs:
        compile(program, "README.md", "exec")
        assert len([line for line in program.splitlines() if line.strip()]) <= 20
    assert "2 labels, any number of them for an image" in text
    assert "for (const double least : { 0.25, 0.5 })" in text
    assert "shares[at] >= about.thresholds[at]" in text


def test_a_network_that_ends_otherwise_than_its_card_says_is_refused(label_file, model_file, tmp_path):
    for file, change, words in (
        (label_file, {"task": "multiclass"}, "ends with sigmoid; expected softmax"),
        (model_file, {"task": "multilabel"}, "ends with softmax"),
    ):
        path = tmp_path / "model.keras"
        path.write_bytes(file.read_bytes())
        modelfile.write_card(path, {**modelfile.read_card(path), **change})
        with pytest.raises(StoreError, match=words):
            bundle.load(path)


def test_a_card_is_read_without_a_search(label_file):
    from automl_cnn.export.card import beside

    with zipfile.ZipFile(label_file) as archive:
        card = json.loads(archive.read(modelfile.CARD))
    assert "## Labels\n\nblue, green, red, grey" in beside(label_file, card)
