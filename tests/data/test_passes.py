"""Progress through several passes over the same images: one count that only rises, and that moves within each long step."""

import numpy as np
import pytest
from PIL import Image

from automl_cnn.check.copies import near
from automl_cnn.data import alike, dataset_of, passes, read
from automl_cnn.data.names import families
from automl_cnn.data.passes import Passes, counted


def test_passes_count_as_much_as_they_weigh_and_end_at_the_number_of_images():
    seen = []
    progress = Passes(lambda done, of: seen.append((done, of)), 100, (1, 3))
    progress.part(1, 2)
    progress.done()
    progress.part(1, 3)
    progress.done()
    assert seen == [(0, 100), (12, 100), (25, 100), (50, 100), (100, 100)]
    progress.done()  # one more changes nothing
    assert seen[-1] == (100, 100)


def test_without_a_report_nothing_is_counted():
    progress = Passes(None, 0, ())
    progress.part(0, 0)
    progress.done()
    assert list(counted("abc", None, 3)) == ["a", "b", "c"]


def test_items_are_counted_every_so_often(monkeypatch):
    monkeypatch.setattr(passes, "OFTEN", 2)
    seen = []
    assert list(counted("abcde", lambda done, of: seen.append((done, of)), 9, 3)) == list("abcde")
    assert seen == [(4, 9), (6, 9)]


def test_names_are_counted_across_classes(monkeypatch):
    monkeypatch.setattr(passes, "OFTEN", 1)
    seen = []
    families([f"{label}/{row}.jpg" for label in "ab" for row in range(3)], [0, 0, 0, 1, 1, 1], list("uvwxyz"), lambda done, of: seen.append((done, of)))
    assert seen == [(done, 6) for done in range(6)]


def test_grouping_reports_within_its_long_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(passes, "OFTEN", 2)
    for number in range(40):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    source = read(tmp_path / "photos", tmp_path / "cache")
    seen = []
    dataset = dataset_of(source, tmp_path / "cache", progress=lambda done, of: seen.append((done, of)))
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert seen[-1] == (len(dataset), len(dataset))
    assert len(set(counts)) > len(dataset) / 4  # no step is a leap


def test_comparing_pixels_reports_block_after_block(monkeypatch):
    monkeypatch.setattr(alike, "BLOCK", 8)
    images = np.random.default_rng(0).integers(0, 256, (48, 32, 32, 3), dtype=np.uint8)
    seen = []
    alike.pairs(images, np.arange(48) % 2, lambda done, of: seen.append((done, of)))
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert seen[-1] == (48, 48)
    assert len(set(counts)) > 6


@pytest.mark.parametrize("zoomed", [False, True])
def test_comparing_by_features_reports_block_after_block(monkeypatch, zoomed):
    monkeypatch.setattr(passes, "OFTEN", 16)
    monkeypatch.setattr(alike, "BLOCK", 8)
    rng = np.random.default_rng(0)
    plain, mirrored, middles = (rng.normal(size=(40, 8)).astype(np.float32) for _ in range(3))
    seen = []
    images = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    near(plain, mirrored, images, middles if zoomed else None, report=lambda done, of: seen.append((done, of)))
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert seen[-1] == (40, 40)
    assert len(set(counts)) > 10
