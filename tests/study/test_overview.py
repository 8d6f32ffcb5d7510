"""Names of studies that a journal made elsewhere may hold."""

import json

import pytest

from automl_cnn.errors import StoreError
from automl_cnn.store import Store, remove
from automl_cnn.study.record.record import Record
from automl_cnn.study.stored.delete import delete
from automl_cnn.study.stored.overview import Condition, overview, overviews

HOSTILE = ["../../victim", "{outside}", "..", "a/../../../victim", "nul\0", "two\nlines", ".hidden"]


@pytest.fixture
def victim(tmp_path):
    folder = tmp_path / "victim"
    (folder / "best").mkdir(parents=True)
    (folder / "letter.txt").write_text("precious")
    return folder


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_out_of_the_store_is_listed_and_nothing_else(tmp_path, victim, name):
    name = name.replace("{outside}", str(victim))
    store = Store(tmp_path / "store")
    Record(store.journal, "good")
    store.study("good")
    Record(store.journal, name)
    states = {study.name: study.state for study in overviews(store)}
    assert states == {"good": Condition.INTERRUPTED, name: Condition.REFUSED}
    (bad,) = [study for study in overviews(store) if study.refused]
    assert json.loads(json.dumps(bad.everything()))["folder"] is None
    before = store.journal.read_bytes()
    for action in (lambda: overview(store, name), lambda: delete(store, name), lambda: store.find(name), lambda: store.study(name)):
        with pytest.raises(StoreError, match=r"no study can have|cannot name a study"):
            action()
    assert store.journal.read_bytes() == before
    assert (victim / "letter.txt").read_text() == "precious"
    assert [path.name for path in (store.root / "studies").iterdir()] == ["good"]


def test_folders_that_are_no_studies_are_passed_over(tmp_path):
    store = Store(tmp_path)
    store.study("good")
    (tmp_path / "studies" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "studies" / "a:b").mkdir()
    assert store.studies == ("good",)
    assert store.latest_study().name == "good"


def test_deleting_a_linked_study_removes_the_link(tmp_path, victim):
    store = Store(tmp_path / "store")
    Record(store.journal, "linked")
    (store.root / "studies").mkdir()
    (store.root / "studies" / "linked").symlink_to(victim)
    delete(store, "linked")
    assert not (store.root / "studies" / "linked").is_symlink()
    assert (victim / "letter.txt").read_text() == "precious"
    assert Record.all(store.journal) == {}


def test_what_is_freed_by_a_link_is_nothing(tmp_path, victim):
    (tmp_path / "link").symlink_to(victim)
    assert remove(tmp_path / "link") == 0
    assert victim.is_dir()
