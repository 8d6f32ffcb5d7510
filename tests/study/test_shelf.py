import dataclasses
from zipfile import ZipFile

import pytest

from automl_cnn.errors import StoreError
from automl_cnn.export.bundle import read_card
from automl_cnn.records import Fidelity, State, Trial
from automl_cnn.study.shelf import Shelf


def trial(number, score, **given):
    plain = Trial(number, {"architecture": "vgg"}, Fidelity(5, 10.0), "", "search", State.COMPLETE, score)
    return dataclasses.replace(plain, **given)


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "trials").mkdir()
    return Shelf(tmp_path / "best" / "model.keras", tmp_path / "trials", lambda trial: {"classes": ["a", "b"], "size": 8, "channels": 3, "trial": trial.number})


def trained(shelf, number):
    with ZipFile(shelf.checkpoint(number), "w") as archive:
        archive.writestr("model.weights.h5", str(number))


def inside(shelf):
    with ZipFile(shelf.best) as archive:
        return archive.read("model.weights.h5").decode()


def test_the_best_is_copied_into_its_place_with_its_labels_inside(shelf):
    trained(shelf, 0)
    shelf.put([trial(0, 0.5)])
    assert (shelf.standing(), inside(shelf)) == (0, "0")
    assert read_card(shelf.best)["classes"] == ["a", "b"]
    assert shelf.checkpoint(0).exists()  # it may yet be trained on
    trained(shelf, 1)
    shelf.put([trial(0, 0.5), trial(1, 0.6)])
    assert (shelf.standing(), inside(shelf)) == (1, "1")


def test_losers_go_at_once_and_so_does_what_a_crash_left(shelf):
    trials = [trial(number, number / 10) for number in range(8)]
    for one in trials:
        trained(shelf, one.number)
    (shelf.checkpoints / "trial-0099.keras").write_text("of a trial that was killed")
    shelf.put(trials)
    assert sorted(path.name for path in shelf.checkpoints.iterdir()) == [f"trial-000{number}.keras" for number in (4, 5, 6, 7)]


def test_a_kill_between_the_record_and_the_model_is_put_right(shelf):
    trained(shelf, 0)
    shelf.put([trial(0, 0.5)])
    trained(shelf, 1)  # recorded as the best, and killed before it was put in its place
    assert shelf.standing() == 0
    shelf.put([trial(0, 0.5), trial(1, 0.9)])
    assert shelf.standing() == 1


def test_a_damaged_best_model_is_replaced(shelf):
    trained(shelf, 0)
    shelf.put([trial(0, 0.5)])
    shelf.best.write_bytes(b"half a file")
    assert shelf.standing() is None
    shelf.put([trial(0, 0.5)])
    assert shelf.standing() == 0


def test_a_full_disk_leaves_the_last_best_model(shelf, monkeypatch):
    trained(shelf, 0)
    shelf.put([trial(0, 0.5)])
    trained(shelf, 1)

    def no_links(source, target):
        raise OSError(18, "Invalid cross-device link")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("automl_cnn.study.shelf.os.link", no_links)
    monkeypatch.setattr("automl_cnn.study.shelf.shutil.copyfile", full)
    with pytest.raises(StoreError, match=r"No space left on device.*the last one stands"):
        shelf.put([trial(0, 0.5), trial(1, 0.9)])
    assert (shelf.standing(), inside(shelf)) == (0, "0")
    assert [path.name for path in shelf.best.parent.iterdir()] == ["model.keras"]


def test_the_checkpoint_stays_as_it_was_when_its_model_is_put_in_place(shelf):
    trained(shelf, 0)
    before = shelf.checkpoint(0).read_bytes()
    shelf.put([trial(0, 0.5)])
    assert shelf.checkpoint(0).read_bytes() == before
    assert not shelf.best.samefile(shelf.checkpoint(0))


def test_what_a_kill_left_beside_the_best_model_goes(shelf):
    trained(shelf, 0)
    shelf.put([trial(0, 0.5)])
    for name in (".model.keras.4711", ".model-x1.tmp", ".calibrated-4711.keras", ".ensemble.keras", "README.md"):
        (shelf.best.parent / name).write_text("half a file")
    shelf.put([trial(0, 0.5)])
    assert sorted(path.name for path in shelf.best.parent.iterdir()) == ["README.md", "model.keras"]
