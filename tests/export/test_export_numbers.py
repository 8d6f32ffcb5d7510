"""A model of two numbers in every format: each file, and each program in the README, answers the numbers that the original answers."""

from __future__ import annotations

import csv
import functools
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from browser import file
from PIL import Image
from test_readme import Quiet, blocks

from automl_cnn.errors import DataError, ExportError, StoreError
from automl_cnn.export import bundle, deployed, folder
from automl_cnn.export.readme import USES, readme
from automl_cnn.export.web import runtime
from automl_cnn.modelfile import file as modelfile
from automl_cnn.tasks import of_card
from automl_cnn.tasks.conformal import Widths

HALVES = (1.5, 0.0625)
FAST = ("onnx", "litert", "openvino")
FILES = {"onnx": "model.onnx", "litert": "model.tflite", "openvino": "model.xml"}


@pytest.fixture(scope="module")
def images(number_dataset):
    from automl_cnn.data import pixels

    rows = number_dataset.rows("test")
    return np.asarray(pixels(number_dataset, 12)[rows]), number_dataset.truth(rows)


@pytest.fixture(scope="module")
def out(number_file, number_dataset, needs, tmp_path_factory):
    """An export to the formats that start fast."""
    needs(*FAST)
    place = tmp_path_factory.mktemp("exported") / "out"
    return place, folder.export(number_file, place, names=FAST, quantize=("none", "int8"), dataset=number_dataset)


def test_a_model_file_answers_numbers_and_their_intervals(number_file, images):
    model = bundle.load(number_file)
    given, truth = images
    numbers = model.predict(given)
    assert (numbers.shape, numbers.dtype) == ((len(given), 2), np.float64)
    assert model.task.score("r2", truth, numbers) > 0.8, "it has learned something, so that what follows says something"
    low, high = model.predict_interval(given)
    np.testing.assert_allclose(numbers - low, np.tile(HALVES, (len(given), 1)))
    np.testing.assert_allclose(high - numbers, np.tile(HALVES, (len(given), 1)))
    with pytest.raises(DataError, match=r"numbers \(year, width \(mm\)\), which have no probabilities\. Call predict for them, and predict_interval"):
        model.predict_proba(given)


def test_a_single_number_is_a_row_without_columns():
    task = of_card({"task": "regression", "classes": ["age"], "targets": [{"name": "age", "unit": "years", "mean": 40.0, "sd": 20.0}]})
    assert task.named(np.array([[3.0], [4.0]], np.float32), ["age"]).tolist() == [3.0, 4.0]
    with pytest.raises(DataError, match="has no intervals"):
        task.span(np.zeros((1, 1)))


def test_classes_have_no_intervals(model_file, images):
    with pytest.raises(DataError, match=r"predicts classes, which have probabilities but no intervals\. Call predict_proba"):
        bundle.load(model_file).predict_interval(images[0])


def test_every_file_is_proved_in_standard_deviations_and_units(out, number_file, images):
    place, exported = out
    assert [variant.failure for variant in exported.variants] == [None] * 6
    sds = dict(zip(("year", "width"), of_card(modelfile.read_card(number_file)).sds, strict=True))
    for variant in exported.variants:
        proof = variant.proof
        assert proof.max_difference <= (1e-3 if variant.method == "float32" else 0.5)
        assert proof.same >= (1.0 if variant.method == "float32" else 0.9)
        assert {name: one["unit"] for name, one in proof.numbers.items()} == {"year": "", "width": "mm"}
        for name, one in proof.numbers.items():
            assert one["max_difference"] <= sds[name] * proof.max_difference + 1e-3 * sds[name]
            assert 0 < one["original_rmse"] < sds[name] / 2
    expected = bundle.load(number_file).predict(images[0])
    for name in FILES.values():
        model = deployed.load(place / name)
        np.testing.assert_allclose(model.predict(images[0]), expected, rtol=0, atol=1e-2 * model.task.sds.min())
        assert [end.shape for end in model.predict_interval(images[0])] == [(len(images[0]), 2)] * 2


def test_int8_keeps_years_apart(out, number_file, images):
    """The last layer makes numbers near 2000: in 8 bits these would be eight years apart."""
    expected = bundle.load(number_file).predict(images[0])
    for variant in out[1].variants:
        if variant.quantize == "int8":
            assert variant.proof.lost < 0.02
            answers = deployed.load(out[0] / variant.file).predict(images[0])
            assert np.abs(answers - expected)[:, 0].mean() < 0.3
            assert len(np.unique(answers[:, 0])) > 20
    assert next(one.method for one in out[1].variants if one.file == "model-int8.onnx") == "int8", "activations too, but for the last layer"


def test_model_json_states_numbers_and_nothing_of_probabilities(out):
    place, _ = out
    stated = json.loads((place / "model.json").read_text())
    assert stated["task"] == "regression"
    assert [(one["name"], one["unit"]) for one in stated["targets"]] == [("year", ""), ("width", "mm")]
    assert stated["intervals"] == {"level": 0.9, "half_widths": list(HALVES)}
    assert (stated["output"]["name"], stated["output"]["activation"], stated["output"]["digits"]) == ("numbers", "linear", [2, 3])
    assert not {"temperature", "thresholds"} & set(stated)
    assert "temperature_inside" not in stated["output"]
    assert "probabilit" not in json.dumps(stated["output"])
    shown = json.loads((place / "export.json").read_text())
    assert set(shown["variants"][0]["numbers"]) == {"year", "width"}
    assert set(shown["variants"][0]["numbers"]["width"]) == {"unit", "max_difference", "rmse", "original_rmse", "validation_rmse"}
    assert not {"accuracy", "same_labels", "score", "lost_images"} & set(shown["variants"][0])
    assert "RMSE (standard deviations) on the test images" in (place / "variants.svg").read_text()
    assert (place / "labels.txt").read_text() == "year\nwidth (mm)\n"


def lines_of(numbers: np.ndarray) -> list[list[str]]:
    """What a program prints of each image."""
    return [
        [f"year: {year:.2f} ({year - 1.5:.2f} to {year + 1.5:.2f})", f"width: {width:.3f} mm ({width - 0.0625:.3f} to {width + 0.0625:.3f})"]
        for year, width in numbers
    ]


def alike(line: str, expected: str) -> bool:
    """Whether two lines are the same, but for the last digit of a number."""
    number = r"-?\d+\.\d+"
    values = [[float(one) for one in re.findall(number, text)] for text in (line, expected)]
    return re.sub(number, "0", line) == re.sub(number, "0", expected) and np.allclose(*values, rtol=0, atol=0.0101)


def answered(place, images, expected) -> None:
    """Run each program of the README on photos."""
    photos = []
    for number, image in enumerate(images):
        photos.append(place.parent / f"{number:02}.png")
        Image.fromarray(image).save(photos[-1])
    for program in re.findall(r"```python\n(.*?)```", (place / "README.md").read_text(), re.DOTALL):
        command = [sys.executable, "-P", "-c", program, *map(str, photos)]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
        printed = done.stdout.splitlines()[-2 * len(photos) :]
        wanted = [f"{photo} {line}" for photo, lines in zip(photos, expected, strict=True) for line in lines]
        assert all(alike(line, other) for line, other in zip(printed, wanted, strict=True)), printed


def test_the_python_programs_print_the_numbers_with_their_units(number_file, number_dataset, images, needs, tmp_path):
    needs(*FAST)
    folder.export(number_file, tmp_path / "out", names=FAST, dataset=number_dataset)
    answered(tmp_path / "out", images[0][:4], lines_of(bundle.load(number_file).predict(images[0][:4])))


@pytest.mark.slow
def test_so_do_keras_and_tensorflow(number_file, number_dataset, images, tmp_path):
    exported = folder.export(number_file, tmp_path / "out", names=("keras", "saved_model"), dataset=number_dataset)
    assert max(variant.proof.max_difference for variant in exported.variants) <= 1e-3
    expected = bundle.load(number_file).predict(images[0][:4])
    answered(tmp_path / "out", images[0][:4], lines_of(expected))
    for name in ("model.keras", "saved_model"):
        np.testing.assert_allclose(deployed.load(tmp_path / "out" / name).predict(images[0][:4]), expected, rtol=1e-5, atol=1e-4)


def test_an_ensemble_of_numbers_exports_too(number_network, number_file, number_dataset, images, needs, tmp_path):
    import keras

    from automl_cnn.models.ensemble import ensemble

    needs("onnx")
    other = keras.models.clone_model(number_network)
    other.set_weights([weight * 0.9 for weight in number_network.get_weights()])
    joined = ensemble([number_network, other], [0.75, 0.25], ["one", "other"], stored=12, activation=number_dataset.task.activation)
    expected = 0.75 * np.asarray(number_network.predict_on_batch(images[0])) + 0.25 * np.asarray(other.predict_on_batch(images[0]))
    path = tmp_path / "model.keras"
    joined.save(path)
    modelfile.write_card(path, modelfile.read_card(number_file))
    modelfile.seal(path)
    np.testing.assert_allclose(bundle.load(path).predict(images[0]), expected, rtol=1e-6, atol=1e-4)
    exported = folder.export(path, tmp_path / "out", names=("onnx",), quantize=("none", "int8"), dataset=number_dataset)
    assert [variant.failure for variant in exported.variants] == [None, None]
    np.testing.assert_allclose(deployed.load(tmp_path / "out" / "model.onnx").predict(images[0]), expected, rtol=1e-6, atol=1e-3)


def test_a_file_that_answers_other_numbers_is_refused(number_file, images, monkeypatch, tmp_path):
    from automl_cnn.export import proof
    from automl_cnn.export.formats import FORMATS

    (tmp_path / "model.onnx").write_bytes(b"")
    task, given, truth = of_card(modelfile.read_card(number_file)), images[0][:20], images[1][:20]
    answers = truth.astype(np.float32)
    reference = proof.Reference(given, answers, given[:2], answers[:2], truth, np.arange(20) < 10, task=task)

    def proved(changed):
        results = {"images": changed, "single": changed[:8], "sized": changed[:2]}
        monkeypatch.setattr(proof, "run_bare", lambda *_, **__: (results, {"latency_ms": {"1": 1.0}, "loading_seconds": 0.5}))
        return proof.prove(FORMATS["onnx"], tmp_path / "model.onnx", reference)

    assert proof.refused(proved(answers), "float32", task) is None
    off = proved(answers + np.float32([0, 0.002]))
    assert re.search(r"up to 0\.0\d+ standard deviations \(year by 0, width by 0\.002 mm; at most 0\.001", proof.refused(off, "float32", task))
    assert proof.refused(off, "int8", task) is None
    biased = proved(answers + np.float32([0.25, 0]))
    assert "RMSE on the validation images is larger by 0.0" in proof.refused(biased, "int8", task)
    assert biased.numbers["year"]["rmse"] == pytest.approx(0.25, abs=1e-3)
    assert "only 50.0% of its numbers lie within 0.1 standard deviations" in proof.refused(proved(answers + np.float32([2, 0])), "int8", task)
    with pytest.raises(ExportError, match="not finite"):
        proved(np.full_like(answers, np.inf))


CONTRACT = {
    "study": "s",
    "task": "regression",
    "targets": [{"name": "age", "unit": "years", "mean": 40.0, "sd": 20.0}, {"name": "mass", "unit": "", "mean": 0.0, "sd": 1.0}],
    "intervals": {"level": 0.9, "half_widths": [4.0, 0.5]},
    "classes": ["age", "mass"],
    "channels": 3,
    "size": 16,
    "stored": 16,
}


def test_the_programs_are_short_and_print_units_and_intervals():
    models = [{"file": f"model.{name}", "format": name, "precision": "float32"} for name in USES]
    text = readme({**CONTRACT, "models": models})
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(programs) == len(USES)
    for program in programs:
        compile(program, "README.md", "exec")
        assert len([line for line in program.splitlines() if line.strip()]) <= 20
    assert "Reads 2 numbers from an image: age (years), mass, exported by automl-cnn." in text
    assert "known[] = { {4.0, 1}, {0.5, 2} };" in text
    assert "about.intervals.half_widths[at]" in text
    assert not re.search(r"probabilit|classif|shares", text)
    bare = readme({**{key: value for key, value in CONTRACT.items() if key != "intervals"}, "models": models})
    assert "half_widths" not in bare
    assert "Prediction errors were not measured" in bare


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targets": None}, "targets"),
        ({"targets": CONTRACT["targets"][:1]}, "expected a number for each of the classes"),
        ({"targets": [{**CONTRACT["targets"][0], "sd": 0}, CONTRACT["targets"][1]]}, "targets.0.sd"),
        ({"targets": [{**CONTRACT["targets"][0], "mean": float("nan")}, CONTRACT["targets"][1]]}, "targets.0.mean"),
        ({"targets": [{**CONTRACT["targets"][0], "name": "size"}, CONTRACT["targets"][1]]}, "of the same name"),
        ({"targets": "age"}, "targets"),
        ({"intervals": {"level": 0.9, "half_widths": [1.0]}}, "expected 2 numbers"),
        ({"intervals": {"level": 0.9, "half_widths": [1.0, -1.0]}}, "half_widths"),
        ({"intervals": {"level": 90, "half_widths": [1.0, 1.0]}}, "level"),
        ({"intervals": [1.0, 1.0]}, "intervals"),
    ],
    ids=str,
)
def test_a_card_of_numbers_that_cannot_be_is_a_sentence(tmp_path, change, words):
    from automl_cnn.modelfile.contract import described

    (tmp_path / "model.json").write_text(json.dumps({**CONTRACT, **change}))
    with pytest.raises(StoreError, match=words):
        described(tmp_path / "model.json")
    (tmp_path / "model.json").write_text(json.dumps(CONTRACT))
    assert of_card(described(tmp_path / "model.json")).widths == Widths((4.0, 0.5))


def test_a_network_of_numbers_with_the_card_of_classes_is_refused(number_file, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(number_file.read_bytes())
    modelfile.write_card(path, {**modelfile.read_card(number_file), "task": "multiclass"})
    with pytest.raises(StoreError, match="ends with linear; expected softmax"):
        bundle.load(path)


def test_predict_writes_a_column_for_each_number_and_its_ends(number_file, images, tmp_path):
    from typer.testing import CliRunner

    from automl_cnn.cli import app

    lines = ["path,width [mm],year"]
    for number, (image, (year, width)) in enumerate(zip(images[0][:20], images[1][:20], strict=True)):
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
        lines.append(f"{number:02}.png,{width},{year}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    done = CliRunner().invoke(app, ["predict", str(number_file), str(tmp_path / "t.csv")])
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == ["path", "year", "year low", "year high", "width (mm)", "width low", "width high"]
    expected = bundle.load(number_file).predict(images[0][:20])
    np.testing.assert_allclose([float(row["width (mm)"]) for row in rows], expected[:, 1], atol=0.0006)
    np.testing.assert_allclose([float(row["year high"]) for row in rows], expected[:, 0] + 1.5, atol=0.006)
    error = np.sqrt(np.mean((expected[:, 1] - images[1][:20, 1]) ** 2))
    assert "20 images whose numbers are known:" in done.stderr
    assert re.search(rf"width: RMSE {error:.3f} mm, MAE 0\.\d+ mm, R² 0\.\d+; \d+\.\d% of the true values lie within the 90% interval", done.stderr)


def test_half_precision_keeps_years_or_is_refused(number_file, number_dataset, images, needs, tmp_path):
    """A float16 has whole years only near 2000; where a converter stores the last layer so, the file must not be written."""
    needs(*FAST)
    exported = folder.export(number_file, tmp_path / "out", names=FAST, quantize=("none", "float16"), dataset=number_dataset)
    expected = bundle.load(number_file).predict(images[0])
    for variant in exported.variants:
        if variant.kept:
            assert np.abs(deployed.load(tmp_path / "out" / variant.file).predict(images[0]) - expected)[:, 0].mean() < 0.3
        else:
            assert variant.quantize == "float16"
            assert re.search("standard deviations", variant.failure)
    assert "model-float16.onnx" in [variant.file for variant in exported.kept]


@pytest.mark.slow
def test_the_javascript_prints_the_numbers_with_their_units(number_file, number_dataset, images, needs, chromium, ort_web, tmp_path):
    needs("onnx")
    out = tmp_path / "out"
    folder.export(number_file, out, names=("onnx",), dataset=number_dataset)
    for name, content in ((runtime.GLUE, ort_web.glue), (runtime.WASM, ort_web.wasm)):
        place = out / "node_modules" / runtime.PACKAGE / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (page,) = blocks((out / "README.md").read_text(), "html")
    (out / "index.html").write_text(page)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=out))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        chromium.open(f"http://127.0.0.1:{server.server_port}/index.html")
        chromium.until("window.measure !== undefined")
        for image, wanted in zip(images[0][:4], lines_of(bundle.load(number_file).predict(images[0][:4])), strict=True):
            shown = chromium.run(f"measure({file(png(image))})")
            assert all(alike(line, other) for line, other in zip(shown, wanted, strict=True)), shown
        assert not chromium.complaints
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_the_page_reads_both_numbers_offline(number_file, number_dataset, images, needs, chromium, ort_web, tmp_path):
    from automl_cnn.export import web

    needs("onnx")
    folder.export(number_file, tmp_path / "out", names=("onnx",), dataset=number_dataset)
    chromium.open(web.write(tmp_path / "out", ort_web))
    chromium.until("document.getElementById('state').textContent === 'Ready: it reads 2 numbers.'")
    (wanted,) = lines_of(bundle.load(number_file).predict(images[0][:1]))
    chromium.run(f"show({file(png(images[0][0]))})")
    rows = chromium.run("Array.from(document.querySelectorAll('#answers tbody tr'), (row) => row.innerText)")
    shown = [re.sub(r"\s+", " ", row) for row in rows]
    assert all(alike(row, re.sub("[:()]", "", line).strip()) for row, line in zip(shown, wanted, strict=True)), shown
    assert not chromium.complaints


def png(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()
