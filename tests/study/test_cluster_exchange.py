"""Files that travel between machines: through a folder, and through a URL."""

import os
import uuid

import pytest

from automl_cnn.errors import AutomlCnnError, StoreError
from automl_cnn.study.running.cluster import exchange as module
from automl_cnn.study.running.cluster.exchange import exchange_of, written
from automl_cnn.urls import parse


@pytest.fixture(params=["folder", "memory"])
def place(request, tmp_path):
    return str(tmp_path / "shared") if request.param == "folder" else f"memory://{uuid.uuid4().hex}/x"


def test_a_file_travels_whole(place, tmp_path):
    exchange, file = exchange_of(place), tmp_path / "model.keras"
    file.write_bytes(os.urandom(9_000_000))
    assert not exchange.has("s/model.keras", 9_000_000)
    exchange.put(file, "s/model.keras")
    assert exchange.has("s/model.keras", 9_000_000)
    assert not exchange.has("s/model.keras", 8)
    moved = []
    exchange.get("s/model.keras", tmp_path / "new" / "copy.keras", 9_000_000, moved.append)
    assert (tmp_path / "new" / "copy.keras").read_bytes() == file.read_bytes()
    assert sum(moved) == 9_000_000
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["copy.keras"]


def test_what_is_put_again_replaces_what_was_there(place, tmp_path):
    exchange, file = exchange_of(place), tmp_path / "f"
    for content in (b"old", b"newer"):
        file.unlink(missing_ok=True)  # a new file: the folder may hold a link to the old one
        file.write_bytes(content)
        exchange.put(file, "s/f")
    exchange.get("s/f", tmp_path / "copy", 5)
    assert (tmp_path / "copy").read_bytes() == b"newer"


def test_a_folder_and_a_file_are_dropped_and_what_is_gone_does_no_harm(place, tmp_path):
    exchange, file = exchange_of(place), tmp_path / "f"
    file.write_bytes(b"1")
    for name in ("s/a", "s/b/c", "t/d"):
        exchange.put(file, name)
    exchange.drop("s/a")
    assert not exchange.has("s/a", 1)
    exchange.drop("s")
    exchange.drop("s")
    assert not exchange.has("s/b/c", 1)
    assert exchange.has("t/d", 1)


def test_a_file_that_never_arrives_is_an_error(place, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ARRIVAL", 0.3)
    monkeypatch.setattr("automl_cnn.data.remote.PAUSE", 0.01)
    exchange = exchange_of(place)
    with pytest.raises((AutomlCnnError, FileNotFoundError)):
        exchange.get("s/none", tmp_path / "copy", 5)
    assert not list(tmp_path.glob("*copy*"))


def test_a_folder_says_what_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ARRIVAL", 0.3)
    exchange = exchange_of(str(tmp_path))
    with pytest.raises(StoreError, match=r"is not there, 0 s after another machine wrote it with 5 bytes\. Let --store or --exchange be a folder that all"):
        exchange.get("s/none", tmp_path / "copy", 5)
    (tmp_path / "short").write_bytes(b"123")
    with pytest.raises(StoreError, match="has 3 bytes, 0 s after another machine wrote it with 5 bytes"):
        exchange.get("short", tmp_path / "copy", 5)


def test_a_file_that_appears_late_is_waited_for(tmp_path, monkeypatch):
    exchange, looks = exchange_of(str(tmp_path)), []

    def listed(folder):
        looks.append(folder)
        if len(looks) == 3:
            (tmp_path / "late").write_bytes(b"12345")
        return []

    monkeypatch.setattr(module.os, "listdir", listed)
    monkeypatch.setattr(module, "LOOK", 0.01)
    exchange.get("late", tmp_path / "copy", 5)
    assert (tmp_path / "copy").read_bytes() == b"12345"
    assert len(looks) == 3


def test_a_place_is_written_for_other_machines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert written(tmp_path.relative_to(tmp_path) / "x") == str(tmp_path / "x")
    assert written(parse("s3://bucket/x")) == "s3://bucket/x"
