import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import alike, prepare
from automl_cnn.data.groups import groups_of


def test_contents_names_and_pixels_are_joined(monkeypatch):
    monkeypatch.setattr(alike, "pairs", lambda images, labels, report: [(1, 4)])
    paths = ["a/1.jpg", "a/1_flip.jpg", "a/2.jpg", "a/3.jpg", "a/4.jpg", "a/5.jpg"]
    groups = groups_of(paths, np.zeros(6, int), ["b", "c", "d", "d", "a", "e"], np.zeros((6, 32, 32, 3), np.uint8))
    assert groups.keys == ("a", "a", "d", "d", "a", "e")
    assert groups.numbers == (0, 0, 1, 1, 0, 2)
    assert groups.notes == ("2 images look like an altered version of another, by name or by its pixels.",)


def test_without_relations_each_image_is_its_own_group():
    groups = groups_of(["a/1.jpg", "a/2.jpg"], np.zeros(2, int), ["x", "y"], None)
    assert groups.keys == ("x", "y")
    assert groups.notes == ()


def test_too_many_images_are_said_to_be_too_many(monkeypatch):
    monkeypatch.setattr(alike, "too_many", lambda images: True)
    groups = groups_of(["a/1.jpg", "a/2.jpg"], np.zeros(2, int), ["x", "y"], np.zeros((2, 32, 32, 3), np.uint8))
    assert "too many to look for altered copies" in groups.notes[0]


@pytest.fixture
def augmented(tmp_path):
    """Each of 2 classes has 12 photos with 3 versions each, as tools save them."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for photo in range(12):
            for version in ("", "_aug0", "_aug1", "_flip"):
                Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).save(tmp_path / "data" / name / f"photo{photo:02d}{version}.png")
    return tmp_path / "data"


def test_versions_by_name_lie_in_one_split(augmented, tmp_path):
    dataset = prepare(augmented, tmp_path / "cache")
    split_of = {}
    for path, code in zip(dataset.paths, dataset.splits.tolist(), strict=True):
        split_of.setdefault(path[:9], set()).add(code)
    assert all(len(codes) == 1 for codes in split_of.values())
    assert len(split_of) == 24
    assert (dataset.copied("val"), dataset.copied("test")) == (0.0, 0.0)
    assert dataset.independent("test") == len(dataset.rows("test")) / 4


def test_given_splits_stay_and_their_copies_are_measured(augmented, tmp_path):
    for number, file in enumerate(sorted(augmented.rglob("*.png"))):
        place = tmp_path / "given" / ("test" if number % 4 == 3 else "train") / file.parent.name / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        file.rename(place)
    dataset = prepare(tmp_path / "given", tmp_path / "cache")
    assert 0.7 < dataset.copied("test") < 1  # some are now versions of validation images
    assert dataset.copied("val") == 0
    assert any("of the test images are copies of training images" in note for note in dataset.notes)


def test_pairs_by_pixels_are_looked_for_once(augmented, tmp_path, monkeypatch):
    first = prepare(augmented, tmp_path / "cache")
    monkeypatch.setattr(alike, "pairs", lambda *_: pytest.fail("compared again"))
    assert prepare(augmented, tmp_path / "cache").groups == first.groups


@pytest.mark.parametrize(("side", "compared"), [(28, False), (32, True)])
def test_pictures_that_are_only_stored_at_32_px_are_not_compared_by_their_pixels(tmp_path, monkeypatch, side, compared):
    """Two pullovers of 28 px are alike by chance: a sixth of a well-known test set would count as copies."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(6):
            Image.fromarray(rng.integers(0, 255, (side, side, 3), np.uint8)).save(tmp_path / "data" / name / f"{number}.png")
    asked = []
    monkeypatch.setattr(alike, "pairs", lambda images, labels, report: asked.append(images.shape) or [])
    dataset = prepare(tmp_path / "data", tmp_path / "cache")
    assert dataset.side == 32
    assert bool(asked) == compared
