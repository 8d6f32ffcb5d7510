"""`automl-cnn predict` with a trained network: the same images as a folder, an archive, a table and a table with images inside get the same answers."""

from __future__ import annotations

import csv
import io
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

CLASSES = ("blue", "green", "red")  # of the network, by the brightest channel


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """12 images by class folders, in every form."""
    place = tmp_path_factory.mktemp("inputs")
    draw, rows = np.random.default_rng(5), []
    for number in range(12):
        image, label = draw.integers(0, 160, (14, 14, 3), np.uint8), number % 3
        image[..., label] += 90
        name = f"{CLASSES[label]}/{number:02d}.png"
        (place / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / "folder" / name)
        rows.append((name, CLASSES[label], (place / "folder" / name).read_bytes()))
    with zipfile.ZipFile(place / "pets.zip", "w") as packed, tarfile.open(place / "pets.tar.gz", "w:gz") as tape:
        for name, _, _ in rows:
            packed.write(place / "folder" / name, f"top/{name}")
            tape.add(place / "folder" / name, name)
    (place / "folder.csv").write_text("\n".join(["path,label", *(f"folder/{name},{label}" for name, label, _ in rows)]))
    pq.write_table(pa.table({"image": [content for _, _, content in rows], "label": [label for _, label, _ in rows]}), place / "pets.parquet")
    return place, [name for name, _, _ in sorted(rows)]


def predicted(model, *arguments):
    from automl_cnn.cli import app

    done = CliRunner().invoke(app, ["predict", str(model), *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return list(csv.reader(io.StringIO(done.stdout)))[1:], done.stderr


@pytest.mark.parametrize(
    ("name", "named"),
    [("pets.zip", "top/{}"), ("pets.tar.gz", "{}"), ("folder.csv", None), ("pets.parquet", None)],
)
def test_every_kind_of_input_gets_the_answers_of_the_folder(model_file, inputs, tmp_path, name, named):
    place, names = inputs
    expected, score = predicted(model_file, place / "folder", "--store", tmp_path / "store")
    rows, words = predicted(model_file, place / name, "--store", tmp_path / "store")
    assert len(expected) == 12
    assert "accuracy 1.000" in score
    assert sorted(row[1:] for row in rows) == sorted(row[1:] for row in expected)
    assert words.partition(":")[0].split()[-2:] == score.partition(":")[0].split()[-2:]  # the accuracy
    if named is not None:
        assert [row[0] for row in rows] == [named.format(one) for one in names]
        assert [row[1:] for row in rows] == [row[1:] for row in expected]
