import dataclasses
from zipfile import ZipFile

import pytest

from automl_cnn.errors import StoreError
from automl_cnn.modelfile.file import read_card
from automl_cnn.records import Fidelity, State, Trial
from automl_cnn.study.model_files import ModelFiles


def trial(number, score, **given):
    plain = Trial(number, {"architecture": "vgg"}, Fidelity(5, 10.0), "", "search", State.COMPLETE, score)
    return dataclasses.replace(plain, **given)


@pytest.fixture
def model_files(tmp_path):
    (tmp_path / "trials").mkdir()
    return ModelFiles(
        tmp_path / "best" / "model.keras", tmp_path / "trials", lambda trial: {"classes": ["a", "b"], "size": 8, "channels": 3, "trial": trial.number}
    )


def trained(model_files, number):
    with ZipFile(model_files.checkpoint(number), "w") as archive:
        archive.writestr("model.weights.h5", str(number))


def inside(model_files):
    with ZipFile(model_files.best) as archive:
        return archive.read("model.weights.h5").decode()


def test_the_best_is_copied_into_its_place_with_its_labels_inside(model_files):
    trained(model_files, 0)
    model_files.put([trial(0, 0.5)])
    assert (model_files.standing(), inside(model_files)) == (0, "0")
    assert read_card(model_files.best)["classes"] == ["a", "b"]
    assert model_files.checkpoint(0).exists()  # it may yet be trained on
    trained(model_files, 1)
    model_files.put([trial(0, 0.5), trial(1, 0.6)])
    assert (model_files.standing(), inside(model_files)) == (1, "1")


def test_losers_go_at_once_and_so_does_what_a_crash_left(model_files):
    trials = [trial(number, number / 10) for number in range(8)]
    for one in trials:
        trained(model_files, one.number)
    (model_files.checkpoints / "trial-0099.keras").write_text("of a trial that was killed")
    model_files.put(trials)
    assert sorted(path.name for path in model_files.checkpoints.iterdir()) == [f"trial-000{number}.keras" for number in (4, 5, 6, 7)]


def test_a_kill_between_the_record_and_the_model_is_put_right(model_files):
    trained(model_files, 0)
    model_files.put([trial(0, 0.5)])
    trained(model_files, 1)  # recorded as the best, and killed before it was put in its place
    assert model_files.standing() == 0
    model_files.put([trial(0, 0.5), trial(1, 0.9)])
    assert model_files.standing() == 1


def test_a_damaged_best_model_is_replaced(model_files):
    trained(model_files, 0)
    model_files.put([trial(0, 0.5)])
    model_files.best.write_bytes(b"half a file")
    assert model_files.standing() is None
    model_files.put([trial(0, 0.5)])
    assert model_files.standing() == 0


def test_a_full_disk_leaves_the_last_best_model(model_files, monkeypatch):
    trained(model_files, 0)
    model_files.put([trial(0, 0.5)])
    trained(model_files, 1)

    def no_links(source, target):
        raise OSError(18, "Invalid cross-device link")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("automl_cnn.study.model_files.os.link", no_links)
    monkeypatch.setattr("automl_cnn.study.model_files.shutil.copyfile", full)
    with pytest.raises(StoreError, match=r"No space left on device.*the last one stands"):
        model_files.put([trial(0, 0.5), trial(1, 0.9)])
    assert (model_files.standing(), inside(model_files)) == (0, "0")
    assert [path.name for path in model_files.best.parent.iterdir()] == ["model.keras"]


def test_the_checkpoint_stays_as_it_was_when_its_model_is_put_in_place(model_files):
    trained(model_files, 0)
    before = model_files.checkpoint(0).read_bytes()
    model_files.put([trial(0, 0.5)])
    assert model_files.checkpoint(0).read_bytes() == before
    assert not model_files.best.samefile(model_files.checkpoint(0))


def test_what_a_kill_left_beside_the_best_model_goes(model_files):
    trained(model_files, 0)
    model_files.put([trial(0, 0.5)])
    for name in (".model.keras.4711", ".model-x1.tmp", ".calibrated-4711.keras", ".ensemble.keras", "README.md"):
        (model_files.best.parent / name).write_text("half a file")
    model_files.put([trial(0, 0.5)])
    assert sorted(path.name for path in model_files.best.parent.iterdir()) == ["README.md", "model.keras"]
