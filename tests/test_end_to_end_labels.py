"""Several labels for each image from a table to deployed files, through the command line."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

NAMES = ("blue", "green", "red")  # an image has those of its bright channels


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """120 images, and a table of their labels."""
    place, draw = tmp_path_factory.mktemp("labels"), np.random.default_rng(0)
    lines = ["path,label"]
    for number in range(120):
        has = draw.integers(0, 2, 3)
        image = draw.integers(0, 110, (16, 16, 3)) + 140 * has[::-1]
        Image.fromarray(image.astype(np.uint8)).save(place / f"{number:03d}.png")
        lines.append(f"{number:03d}.png,{'|'.join(name for name, one in zip(NAMES, has, strict=True) if one) or '|'}")
    (place / "labels.csv").write_text("\n".join(lines))
    return place / "labels.csv"


def run(*words: object):
    from automl_cnn.cli import app

    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.slow
def test_a_table_of_labels_becomes_files_that_answer_alike(table, tmp_path, needs_onnx):
    from automl_cnn.export import bundle, deployed
    from automl_cnn.modelfile.file import read_card
    from automl_cnn.tasks import of_card

    store, out = tmp_path / "store", tmp_path / "out"
    searched = ("--store", store, "--name", "colours", "--trials", 1, "--max-epochs", 20, "--pretrained", "none", "--architectures", "simple_cnn")
    result = json.loads(run("search", "--data", table, *searched, "--json").stdout)
    assert result["metric"] == "mean_average_precision"
    card = read_card(store / "studies" / "colours" / "best" / "model.keras")
    assert card["task"] == "multilabel"
    assert len(card["thresholds"]) == 3
    assert card["refit"]["images"] == 120, "the model trained on every image keeps its thresholds"
    assert "### Label by label" in (store / "studies" / "colours" / "best" / "model_card.md").read_text()

    run("export", "colours", "--store", store, "--format", "keras,onnx", "--out", out)
    contract = json.loads((out / "model.json").read_text())
    assert (contract["task"], contract["thresholds"], contract["output"]["activation"]) == ("multilabel", card["thresholds"], "sigmoid")

    done = run("predict", "colours", table, "--store", store)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 120
    assert "subset accuracy" in done.stderr
    photos = [table.parent / f"{number:03d}.png" for number in range(120)]
    classifier = bundle.load(store / "studies" / "colours" / "best" / "model.keras")
    answers, task = classifier.predict(photos), of_card(card)
    by_name = {row["path"].rpartition("/")[2]: row for row in rows}
    assert [by_name[photo.name]["labels"] for photo in photos] == ["|".join(labels) for labels in answers]
    for name in ("model.onnx", "model.keras"):
        other = deployed.load(out / name)
        assert other.task == classifier.task
        np.testing.assert_allclose(other.predict_proba(photos), classifier.predict_proba(photos), atol=1e-3)
        assert task.agreement(other.predict_proba(photos), classifier.predict_proba(photos), 1e-3) == 1.0
        assert sum(one == two for one, two in zip(other.predict(photos), answers, strict=True)) >= 118


@pytest.fixture
def needs_onnx():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
