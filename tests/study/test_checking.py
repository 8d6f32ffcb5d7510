"""The progress of checking the images, and a budget that is used up by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from session_fakes import FakeWorker

from automl_cnn import elapsed
from automl_cnn.config import study_config
from automl_cnn.data import inputs
from automl_cnn.errors import ConfigError
from automl_cnn.study import checking, session
from automl_cnn.study.checking import Checking
from automl_cnn.study.observer import NullObserver


class Shown(NullObserver):
    def __init__(self):
        self.texts: list[str] = []

    def checking(self, text):
        self.texts.append(text)


class Clock:
    time = 1000.0

    def __call__(self):
        return self.time


def test_messages_come_a_few_times_a_second_whatever_the_number_of_files():
    shown, now = Shown(), Clock()
    progress = Checking(shown, 1000.0, None, now)
    for files in range(0, 10_000, 10):
        progress.listed(files)
        now.time += 0.001
    assert len(shown.texts) == 5
    assert shown.texts[1].startswith("listing the files: 2,0")
    now.time += 1
    progress.images(40_000, 400_000)
    now.time += 1
    progress.images(240_000, 400_000)
    assert shown.texts[-2:] == ["checking the images: 40,000 of 200,000", "decoding the images: 40,000 of 200,000"]


def test_a_budget_used_up_by_the_images_is_an_error_that_says_how_much_is_needed():
    now = Clock()
    progress = Checking(Shown(), 990.0, 20.0, now)
    progress.images(1000, 400_000)
    now.time = 1010.0
    with pytest.raises(ConfigError, match=r"budget of 0:20 was used up while the images were checked \(40,000 of 200,000\).* about 1:40.*--budget 5m"):
        progress.images(40_000, 400_000)
    with pytest.raises(ConfigError, match=r"used up while the files were listed \(7,000 so far\)"):
        progress.listed(7000)
    progress.images(400_000, 400_000)  # all done: what is left is for the search to decide


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(10):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def test_a_search_lists_the_folder_once_shows_how_far_it_is_and_never_sees_its_own_store(photos, monkeypatch):
    listed = []

    def scan(folder, **more):
        listed.append(folder)
        return honest(folder, **more)

    honest = inputs.scan
    monkeypatch.setattr(inputs, "scan", scan)
    monkeypatch.setattr(session, "LocalExecutor", FakeWorker)
    shown = Shown()
    settings = {"data": photos, "name": "s", "store": photos / "runs", "pretrained": "none", "architectures": ("simple_cnn",), "trials": 1}
    session.run(study_config(settings), observer=shown, track=False)
    assert listed == [photos]
    assert "checking the images: 1 of 20" in shown.texts
    result = session.run(study_config({**settings, "name": "again"}), track=False)
    assert "The folder 'runs' was left out: automl-cnn wrote it (studies or an exported model)." in result.notes


def test_a_search_ends_when_the_images_take_the_whole_budget(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "LocalExecutor", FakeWorker)
    monkeypatch.setattr(checking, "PACE_KNOWN", 0.0)
    monkeypatch.setattr(checking, "SOON", -1.0)
    config = study_config({"data": photos, "name": "s", "store": tmp_path / "runs", "budget": 20, "pretrained": "none"})
    with pytest.raises(ConfigError, match=r"used up while the images were checked \(1 of 20\)"):
        session.run(config, track=False, started=elapsed.now() - 30)


def test_images_that_are_ready_soon_lead_to_a_model_even_after_a_budget_that_is_too_short(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "LocalExecutor", FakeWorker)
    config = study_config({"data": photos, "name": "s", "store": tmp_path / "runs", "budget": 1, "pretrained": "none"})
    result = session.run(config, track=False, started=elapsed.now() - 2)
    assert result.configuration["architecture"] == "majority_class"
    assert Path(result.model_path).is_file()


def test_fetching_shows_bytes_and_ends_with_the_budget():
    shown, now = Shown(), Clock()
    progress = Checking(shown, 1000.0, 60, now)
    progress.fetched(5_000_000, 2_000_000_000)
    assert shown.texts == ["fetching the images: 5.0 MB of 2.0 GB"]
    now.time += 60
    progress.fetched(7, 7)  # the last byte
    with pytest.raises(ConfigError, match=r"The budget of 1:00 was used up while the images were fetched \(7\.0 MB of 2\.0 GB\).*What was fetched is kept"):
        progress.fetched(7_000_000, 2_000_000_000)
