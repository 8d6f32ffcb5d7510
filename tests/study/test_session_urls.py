"""A study of images at a URL: from the settings to the report, gone on with and decoded again; the worker is a formula."""

import shutil
import tomllib

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from session_fakes import FakeWorker, Notes, pictures, search

from automl_cnn import api
from automl_cnn.config import study_config
from automl_cnn.data import Dataset
from automl_cnn.errors import DataError, StoreError
from automl_cnn.store import Store
from automl_cnn.study import session
from automl_cnn.study.identity import name_of
from automl_cnn.study.stored.images import images_of
from automl_cnn.study.stored.overview import overview


class Guarded(MemoryFileSystem):
    """A memory with a password."""

    protocol = "guarded"

    def __init__(self, *rest, password=None, **named):
        super().__init__(*rest, **named)
        self.password = password

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(f"memory://{path.partition('://')[2].rpartition('@')[2]}" if "://" in path else path)

    @staticmethod
    def _get_kwargs_from_urls(url):
        return {"password": url.partition("://")[2].rpartition("@")[0].partition(":")[2] or None}

    def find(self, *rest, **named):
        if self.password != "pa55word":
            raise PermissionError("password?")
        return super().find(*rest, **named)


@pytest.fixture(autouse=True)
def photos(memory, tmp_path):
    """Images at memory://there/photos, and at guarded://."""
    fsspec.register_implementation("guarded", Guarded, clobber=True)
    memory.put(f"{pictures(tmp_path / 'images')}/", "/there/photos/", recursive=True)


def test_it_is_searched_gone_on_with_and_decoded_again(memory, tmp_path, monkeypatch):
    result, _, _ = search(tmp_path, monkeypatch, data="memory://there/photos")
    study = overview(Store(tmp_path / "store"), "s")
    assert tomllib.loads(study.folder.toml.read_text())["data"] == "memory://there/photos"
    assert (study.data["folder"], study.data["name"]) == ("memory://there/photos", "photos")
    assert "memory://there/photos" in study.folder.report.read_text(encoding="utf-8")
    again = session.run(study.continued(Store(tmp_path / "store"), trials=1), observer=Notes(), track=False)
    assert again.trials == result.trials + 1
    for stored in (tmp_path / "store" / "cache").glob("*.npy"):
        stored.unlink()
    assert images_of(study.folder).folder == "memory://there/photos"
    memory.pipe_file("/there/photos/a/new.png", memory.cat_file("/there/photos/a/0.png"))
    with pytest.raises(StoreError, match="The images changed since the study 's' began"):
        search(tmp_path, monkeypatch, data="memory://there/photos")


@pytest.mark.parametrize("data", ["memory://there/photos", "archive", "folder"])
def test_what_was_fetched_or_unpacked_counts_for_the_room_that_a_study_may_take(tmp_path, monkeypatch, data):
    if data != "memory://there/photos":
        data = tmp_path / "images" if data == "folder" else shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "images")
    size = sum(path.stat().st_size for path in (tmp_path / "images").rglob("*.png"))
    with pytest.raises(StoreError, match="Raise --max-disk") as raised:
        search(tmp_path, monkeypatch, data=data, max_disk=2_000_000)
    named = f"{size / 1e6:,.1f} MB of them are the fetched or unpacked images, which this study needs." in str(raised.value)
    assert named == (data != tmp_path / "images")


def test_the_copy_of_a_folder_is_the_same_study_by_its_images_and_another_by_its_place(tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, data="memory://there/photos")
    there = Dataset.load(Store(tmp_path / "store").study("s").manifest)
    search(tmp_path, monkeypatch, data=tmp_path / "images")  # the study goes on with the folder
    here = Dataset.load(Store(tmp_path / "store").study("s").manifest)
    assert (there.fingerprint, there.splits.tolist()) == (here.fingerprint, here.splits.tolist())
    names = {name_of(study_config({"data": place})) for place in ("memory://there/photos", "memory:///there/photos/", tmp_path / "images")}
    assert len(names) == 2
    assert any(name.startswith("photos-") for name in names)


def test_a_password_is_in_no_file_of_the_store(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(session, "LocalExecutor", FakeWorker)
    settings = {"store": tmp_path / "store", "trials": 1, "pretrained": "none", "architectures": ("simple_cnn",)}
    result = api.search("guarded://me:pa55word@there/photos", track=False, **settings)
    printed = capsys.readouterr()
    assert "pa55word" not in printed.out + printed.err
    study = overview(Store(tmp_path / "store"), result.study)
    assert study.settings["data"] == "guarded://there/photos"
    for path in (tmp_path / "store").rglob("*"):
        assert "pa55word" not in str(path)
        assert not path.is_file() or b"pa55word" not in path.read_bytes(), path
    with pytest.raises(DataError, match=r"guarded://there/photos cannot be read: access was refused .* pass --data with them again"):
        session.run(study.continued(Store(tmp_path / "store"), trials=1), track=False)
    again = study.continued(Store(tmp_path / "store"), trials=1, data="guarded://me:pa55word@there/photos")
    assert session.run(again, track=False).trials == 2
