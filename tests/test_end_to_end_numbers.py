"""Two numbers for each image from a table to deployed files and a registered model, through the command line."""

from __future__ import annotations

import csv
import io
import json
import re

import mlflow
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

COUNT = 160


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """160 pictures, each with a bright bar, and a table of where it is and how bright."""
    place, draw = tmp_path_factory.mktemp("numbers"), np.random.default_rng(0)
    lines = ["path,place (px),light"]
    for number in range(COUNT):
        at, light = int(draw.integers(0, 13)), float(draw.uniform(0, 1))
        image = draw.integers(0, 30, (16, 16))
        image[:, at : at + 3] = 60 + int(190 * light)
        Image.fromarray(image.astype(np.uint8)).save(place / f"{number:03d}.png")
        lines.append(f"{number:03d}.png,{at},{light:.4f}")
    (place / "numbers.csv").write_text("\n".join(lines))
    return place / "numbers.csv"


def run(*words: object):
    from automl_cnn.cli import app

    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def needs_onnx():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")


@pytest.mark.slow
def test_a_table_of_numbers_becomes_files_that_answer_alike(table, tmp_path, needs_onnx):
    from automl_cnn.export import bundle, deployed
    from automl_cnn.modelfile.file import read_card

    store, out = tmp_path / "store", tmp_path / "out"
    searched = ("--store", store, "--name", "bars", "--trials", 1, "--max-epochs", 20, "--pretrained", "none", "--architectures", "simple_cnn")
    result = json.loads(run("search", "--data", table, "--task", "regression", *searched, "--json").stdout)
    assert (result["task"], result["metric"]) == ("regression", "rmse")
    best = store / "studies" / "bars" / "best"
    card = read_card(best / "model.keras")
    assert [(one["name"], one["unit"]) for one in card["targets"]] == [("place", "px"), ("light", "")]
    assert len(card["intervals"]["half_widths"]) == 2
    assert (store / "studies" / "bars" / "report.html").is_file()

    run("export", "bars", "--store", store, "--format", "keras,onnx", "--out", out)
    stated = json.loads((out / "model.json").read_text())
    assert (stated["task"], stated["targets"], stated["intervals"]) == ("regression", card["targets"], card["intervals"])
    assert (stated["output"]["name"], stated["output"]["activation"]) == ("numbers", "linear")

    photos = [table.parent / f"{number:03d}.png" for number in range(COUNT)]
    model = bundle.load(best / "model.keras")
    numbers, (low, high) = model.predict(photos), model.predict_interval(photos)
    for name in ("model.onnx", "model.keras"):
        np.testing.assert_allclose(deployed.load(out / name).predict(photos), numbers, atol=1e-3)

    for asked in ("bars", out):
        done = run("predict", asked, table, "--store", store)
        rows = {row["path"].rpartition("/")[2]: row for row in csv.DictReader(io.StringIO(done.stdout))}
        assert list(rows["000.png"]) == ["path", "place (px)", "place low", "place high", "light", "light low", "light high"]
        written = np.array([[float(rows[photo.name][head]) for head in ("place (px)", "light")] for photo in photos])
        np.testing.assert_allclose(written, numbers, atol=0.011)
        np.testing.assert_allclose([float(rows[photo.name]["light low"]) for photo in photos], low[:, 1], atol=0.011)
        np.testing.assert_allclose([float(rows[photo.name]["light high"]) for photo in photos], high[:, 1], atol=0.011)
        assert re.search(r"place: RMSE \d+\.\d+ px, MAE \d+\.\d+ px, R² 0\.\d+; \d+\.\d% of the true values lie within the 90% interval", done.stderr)

    mlflow.set_tracking_uri(f"sqlite:///{store / 'mlflow.db'}")
    registered = mlflow.pyfunc.load_model("models:/bars@champion")
    frame = registered.predict([photo.read_bytes() for photo in photos[:5]])
    assert list(frame.columns) == ["place (px)", "place low", "place high", "light", "light low", "light high"]
    np.testing.assert_allclose(frame[["place (px)", "light"]].to_numpy(), numbers[:5], atol=1e-4)
    assert registered.metadata.get_output_schema().input_names() == list(frame.columns)
