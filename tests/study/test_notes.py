"""A user of Python reads in the result what the terminal would have shown."""

import numpy as np
import pytest
from PIL import Image
from session_fakes import FakeWorker

import automl_cnn
from automl_cnn import estimator
from automl_cnn.data import Dataset, Skipped
from automl_cnn.study import session
from automl_cnn.study.notes import Noting, remarks
from automl_cnn.study.observer import NullObserver


@pytest.fixture(autouse=True)
def worker(monkeypatch):
    monkeypatch.setattr(session, "LocalExecutor", FakeWorker)


SETTINGS = {"trials": 2, "architectures": ("simple_cnn",), "track": False}


def test_search_says_which_files_were_left_out_and_why(tmp_path):
    draw = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(draw.integers(0, 1500, (16, 16), np.uint16)).save(tmp_path / "pets" / name / f"{number}.png")
    for number in range(7):
        (tmp_path / "pets" / "cat" / f"bad{number}.png").write_bytes(b"" if number else b"no picture")
    result = automl_cnn.search(tmp_path / "pets", store=tmp_path / "store", pretrained="none", **SETTINGS)
    (left_out,) = [note for note in result.notes if "left out" in note]
    assert left_out.startswith("7 files were left out: cat/bad0.png: the file is not a JPEG")
    assert "cat/bad4.png: the file is empty (0 bytes); and 2 more." in left_out
    assert any("read as 12-bit" in note for note in result.notes)
    assert result.as_dict()["notes"] == result.notes


def test_so_does_the_estimator(tmp_path, monkeypatch):
    monkeypatch.setattr(estimator.bundle, "load", lambda path: None)
    dark = np.random.default_rng(0).integers(0, 20, (20, 16, 16), np.uint8)
    model = automl_cnn.ImageClassifier(store=tmp_path, **SETTINGS).fit(dark, [0, 1] * 10)
    assert any("The brightest pixel of all images is 19 of 255" in note for note in model.result_.notes)


def test_notes_of_the_search_are_kept_and_passed_on():
    class Screen(NullObserver):
        shown = ()

        def note(self, text):
            self.shown = (*self.shown, text)

    noting = Noting(Screen())
    for text in ("one", "two", "one"):
        noting.note(text)
    assert noting.texts == ("one", "two")
    assert noting.observer.shown == ("one", "two", "one")


def test_nothing_left_out_is_no_remark():
    known = {"name": "p", "folder": "", "classes": ("a",), "channels": 1, "side": 8, "paths": ("1",), "labels": np.zeros(1), "splits": np.zeros(1)}
    dataset = Dataset(**known, fingerprint="", array="", notes=("a note",))
    assert remarks(dataset) == ("a note",)
    one = Dataset(**known, fingerprint="", array="", skipped=(Skipped("a/1.png", "empty"),))
    assert remarks(one) == ("1 file was left out: a/1.png: empty.",)
