"""Images of extreme shapes searched as a person does it: the real command line, a real worker, real weights."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

from automl_cnn.data import Dataset
from automl_cnn.modelfile.file import read_card
from automl_cnn.store import Store

WORDS = ("--name", "strips", "--architectures", "efficientnet_lite", "--max-resolution", "96", "--no-mlflow", "--json")


def run(home, *words):
    done = subprocess.run([sys.executable, "-m", "automl_cnn", *map(str, words)], cwd=home, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_search_finds_that_squashing_loses_the_class_and_goes_on_with_that(strips, tmp_path):
    first = json.loads(run(tmp_path, "search", "--data", strips, "--trials", 1, *WORDS))
    study = Store(tmp_path / "automl-cnn-runs").find("strips")
    before = Dataset.load(study.manifest)
    assert before.fit == read_card(study.model)["fit"] == "crop"
    assert any("The study goes on with crop, ahead of squash by more than chance explains." in note for note in first["notes"])
    assert first["val_score"] > 0.9

    again = json.loads(run(tmp_path, "search", "--data", strips, "--trials", 2, *WORDS))
    after = Dataset.load(study.manifest)
    assert again["trials"] == 2
    assert (after.fit, after.fingerprint, after.splits.tolist()) == ("crop", before.fingerprint, before.splits.tolist())

    rows = list(csv.DictReader(io.StringIO(run(tmp_path, "predict", "strips", strips))))
    assert sum(Path(row["path"]).parent.name == row["label"] for row in rows) > 0.9 * len(rows)
