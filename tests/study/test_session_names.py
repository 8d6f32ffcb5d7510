"""A search over names that are not valid UTF-8, from the settings to the report; the worker is a formula."""

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from session_fakes import FakeWorker, Notes

from automl_cnn.config import study_config
from automl_cnn.modelfile.file import read_card
from automl_cnn.store import Store
from automl_cnn.study import session
from automl_cnn.study.stored.overview import overview

pytestmark = pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / os.fsdecode(b"d\xe9")
    for name in (b"caf\xe9", b"=cmd", b"two\nlines"):
        (folder / os.fsdecode(name)).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / os.fsdecode(name) / f"{number}.png")
    return folder


@pytest.mark.parametrize("store", [b"store", b"st\xffore"])
def test_it_is_searched_recorded_reported_and_gone_on_with(folder, store, monkeypatch):
    monkeypatch.setattr(session, "LocalExecutor", FakeWorker)
    where = folder.parent / os.fsdecode(store)
    config = study_config({"data": folder, "store": where, "trials": 1, "pretrained": "none", "architectures": ("simple_cnn",)})
    result = session.run(config, observer=Notes(), track=False)
    assert result.study.startswith("d-xe9-")
    assert read_card(Path(result.model_path))["classes"] == ["=cmd", "caf\\xe9", "two\nlines"]
    study = overview(Store(where), result.study)
    assert "caf\\xe9" in study.folder.report.read_text(encoding="utf-8")
    assert tomllib.loads(study.folder.toml.read_text(encoding="utf-8"))["data"] == folder.resolve().as_uri()
    again = study.continued(Store(where), trials=1)
    assert (again.workers, study.continued(Store(where), trials=1, workers="2").workers) == ("auto", 2)
    assert again.data == folder.resolve()
    assert session.run(again, observer=Notes(), track=False).trials == 2
