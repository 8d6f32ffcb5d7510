import os

import pytest

from automl_cnn.errors import StoreError
from automl_cnn.store import Store, atomic_write_text, free_bytes


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_folders_come_into_being_when_asked_for(store):
    assert not store.root.exists()
    assert store.cache.is_dir()
    study = store.study("flowers")
    assert study.best.is_dir()
    assert study.trials.is_dir()
    assert study.folder == store.root / "studies" / "flowers"
    assert {study.report.parent, study.toml.parent, study.log.parent} == {study.folder}
    assert store.journal == store.root / "optuna.journal"
    assert store.mlflow_uri == f"sqlite:///{store.root.resolve().as_posix()}/mlflow.db"


def test_looking_creates_nothing(store):
    assert store.studies == ()
    with pytest.raises(StoreError, match="automl-cnn search"):
        store.latest_study()
    with pytest.raises(StoreError, match="no study 'flowers'"):
        store.find("flowers")
    assert not store.root.exists()


def test_the_latest_study_is_the_one_last_worked_on(store):
    for age, name in ((300, "old"), (100, "new"), (200, "middle")):
        folder = store.study(name)
        atomic_write_text(folder.toml, "")
        for path in (folder.toml, folder.folder):
            os.utime(path, (1_700_000_000 - age,) * 2)
    assert store.studies == ("new", "middle", "old")
    atomic_write_text(store.find("old").best / "model.keras", "a better one")
    assert store.latest_study().name == "old"


def test_a_missing_study_names_the_nearest(store):
    store.study("flowers")
    with pytest.raises(StoreError, match="Did you mean 'flowers'"):
        store.find("flower")


@pytest.mark.parametrize("name", ["", " ", ".", "..", "../escape", "a/b", "a\\b", ".hidden", "c:d"])
def test_a_name_cannot_leave_the_store(store, name):
    with pytest.raises(StoreError, match="cannot name a study"):
        store.study(name)


def test_a_store_in_place_of_a_file_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "runs").write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot be created.*--store"):
        _ = Store(tmp_path / "runs").cache


def test_a_store_without_write_permission_is_refused(store, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match=r"cannot be written to.*--store"):
        store.study("flowers")


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "new" / "study.toml"
    atomic_write_text(path, "größe = 1\n")
    assert path.read_bytes() == "größe = 1\n".encode()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        atomic_write_text(path, "other")
    assert path.read_text(encoding="utf-8") == "größe = 1\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["study.toml"]


def test_free_space_is_known_before_the_folder_exists(tmp_path):
    assert free_bytes(tmp_path / "not" / "yet") > 0
