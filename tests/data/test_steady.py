"""Files that change while a folder is read: pixels and digests must belong together."""

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import decoded, pixels, prepare, steady
from automl_cnn.errors import DataError


def paint(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (16, 16), level).save(path)


@pytest.fixture
def photos(tmp_path):
    for number in range(12):
        paint(tmp_path / "photos" / "ab"[number % 2] / f"{number}.png", 10 * number)
    return tmp_path / "photos"


def levels(dataset):
    return dict(zip(dataset.paths, pixels(dataset, 16)[:, 0, 0, 0].tolist(), strict=True))


def changing(monkeypatch, change):
    """`change` is called with every file after it was looked at."""
    seen = decoded.look

    def look(path, *more):
        result = seen(path, *more)
        change(path)
        return result

    monkeypatch.setattr(steady, "look", lambda path, max_pixels=None: look(path, max_pixels))


def test_a_file_that_changes_after_it_was_looked_at_is_read_again(photos, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        changing(patch, lambda path: paint(path, 222) if path.name == "4.png" else None)
        during = prepare(photos, tmp_path / "cache")
    assert levels(during)["a/4.png"] == 222
    paint(photos / "a" / "4.png", 40)  # as it was
    restored = prepare(photos, tmp_path / "cache")
    assert levels(restored)["a/4.png"] == 40
    assert restored.fingerprint != during.fingerprint
    assert (during.skipped, restored.skipped) == ((), ())


def test_a_file_that_keeps_changing_is_left_out_and_named_until_it_rests(photos, tmp_path, monkeypatch):
    level = iter(range(100, 200))
    with monkeypatch.context() as patch:
        changing(patch, lambda path: paint(path, next(level)) if path.name == "4.png" else None)
        during = prepare(photos, tmp_path / "cache")
    assert [(skipped.path, skipped.reason) for skipped in during.skipped] == [("a/4.png", "the file changed while it was read")]
    assert len(during) == 11
    after = prepare(photos, tmp_path / "cache")
    assert after.skipped == ()
    assert levels(after)["a/4.png"] == 101


def test_a_file_that_vanishes_is_unreadable_only_as_long_as_it_is_gone(photos, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        changing(patch, lambda path: path.unlink(missing_ok=True) if path.name == "4.png" else None)
        during = prepare(photos, tmp_path / "cache")
    assert [skipped.reason for skipped in during.skipped] == ["the file cannot be read: No such file or directory"]
    paint(photos / "a" / "4.png", 40)
    assert levels(prepare(photos, tmp_path / "cache"))["a/4.png"] == 40


def test_where_ever_more_files_change_the_message_says_so(photos, tmp_path, monkeypatch):
    names = iter([f"{number}.png" for number in range(12)])
    real = steady.decode

    def decode(files, *rest, **more):
        name = next(names)
        path = next(files.folder.rglob(name))
        paint(path, 255 - int(np.asarray(Image.open(path))[0, 0]))
        return real(files, *rest, **more)

    monkeypatch.setattr(steady, "decode", decode)
    with pytest.raises(DataError, match=r"5 files in .* changed while they were read, such as 'a/0\.png'\. Wait"):
        prepare(photos, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npy"))


def test_another_limit_of_pixels_is_not_answered_from_the_cache(photos, tmp_path):
    paint(photos / "a" / "4.png", 40)
    Image.new("L", (64, 64), 7).save(photos / "a" / "large.png")
    few = prepare(photos, tmp_path / "cache", max_pixels=1000)
    assert [(skipped.path, "too large" in skipped.reason) for skipped in few.skipped] == [("a/large.png", True)]
    assert prepare(photos, tmp_path / "cache", max_pixels=5000).skipped == ()
