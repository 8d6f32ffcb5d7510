"""Room on the disk: what is counted, when it does not suffice, and an ending that is safe on a file system that is really full."""

import errno
import os
import re
from zipfile import ZipFile

import pytest
from test_loop import Study
from typer.testing import CliRunner

from automl_cnn.cli import app
from automl_cnn.errors import Cause, StoreError
from automl_cnn.ranking import incumbent
from automl_cnn.records import Finished, State
from automl_cnn.store import Store, atomic_write_text
from automl_cnn.study.model_files import ModelFiles
from automl_cnn.study.record import disk
from automl_cnn.study.record.disk import MARGIN, STOPPED, Disk, Reserve, is_full
from automl_cnn.study.record.record import Record

FULL = OSError(errno.ENOSPC, "No space left on device")
MB = 10**6


def test_a_full_disk_is_recognized_behind_what_was_said_of_it(tmp_path):
    def translated(error):
        try:
            raise error
        except OSError:
            raise StoreError("it cannot be written") from None

    for error, answer in ((FULL, True), (OSError(errno.EDQUOT, "quota"), True), (OSError(errno.EACCES, "no"), False)):
        assert is_full(error) is answer
        with pytest.raises(StoreError) as raised:
            translated(error)
        assert is_full(raised.value) is answer
    assert not is_full(ValueError())


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def folder(store):
    return store.study("s")


@pytest.fixture
def kept(store, folder):
    """A study that keeps 10 MB: 3 in its folder, 2 as artifacts, 5 as images in two sizes."""
    for path, size in (
        (folder.best / "model.keras", 1),
        (folder.trials / "trial-0000.keras", 2),
        (store.root / "mlartifacts" / "s" / "run" / "model.keras", 2),
        (store.root / "mlartifacts" / "other" / "model.keras", 90),
        (store.cache / "images-32.npy", 1),
        (store.cache / "images-64.npy", 4),
        (store.cache / "others-64.npy", 90),
        (store.journal, 90),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size * MB)
    return lambda limit, **more: Disk.of(store, folder, store.cache / "images-32.npy", limit, **more)


def test_what_a_study_keeps_is_its_folder_its_artifacts_and_its_images(kept):
    assert kept(None).kept == 10 * MB


def test_what_a_study_writes_to_the_journal_counts(kept, store, folder):
    store.journal.unlink()
    for name in ("s", "other"):
        Record(store.journal, name).keep("k", "x" * MB)
    disk = kept(100 * MB)
    assert 11 * MB < disk.kept < 11.1 * MB
    Record(store.journal, "s").keep("l", "x" * MB)
    assert 12 * MB < disk.kept < 12.1 * MB


def test_a_trial_needs_room_for_its_model_thrice_and_for_its_images(kept):
    assert kept(None).lacks(10 * MB, 10 * MB) is None
    assert kept(10 * MB + MARGIN + 6 * MB).lacks(1 * MB, 3 * MB) is None
    message = kept(10 * MB + MARGIN + 6 * MB - 1).lacks(1 * MB, 3 * MB)
    assert message.startswith("10.0 MB are kept of the 18.0 MB that --max-disk allows, and the next trial may need 8.0 MB. Raise --max-disk and run")


def test_what_was_fetched_and_unpacked_counts_and_is_named(kept, store):
    places = [store.cache / "unpacked" / name for name in ("url-1", "2", "other")]
    for place in places:
        (place / "photos").mkdir(parents=True)
        (place / "photos" / "1.jpg").write_bytes(bytes(2 * MB))
    counted = kept(24 * MB, copies=places[:2])
    assert counted.kept == 14 * MB
    assert counted.largest_model == (24 - 5 - 4) * MB // 8
    assert counted.lacks(1 * MB, 3 * MB) is None
    lacks = kept(20 * MB - 1, copies=places[:2]).lacks(1 * MB, 1 * MB)
    assert lacks == (
        "14.0 MB are kept of the 20.0 MB that --max-disk allows, and the next trial may need 6.0 MB. "
        "4.0 MB of them are the fetched or unpacked images, which this study needs. "
        "Raise --max-disk and run the same command again: it goes on where it ended."
    )


def test_a_disk_without_room_is_told_before_the_limit(kept, monkeypatch):
    monkeypatch.setattr(disk, "free_bytes", lambda path: 3 * MB)
    message = kept(1).lacks(1 * MB, 0)
    assert message.startswith("3.0 MB are free on the disk of ")
    assert message.endswith("and the next trial may need 5.0 MB. Free some space and run the same command again: it goes on where it ended.")


def test_networks_of_which_too_few_can_be_kept_are_not_tried(kept):
    assert kept(None).largest_model is None
    assert kept(45 * MB).largest_model == 5 * MB
    assert kept(1).largest_model == 1


def test_the_reserve_is_spent_once(tmp_path):
    reserve = Reserve(tmp_path / "reserve.bin")
    reserve.lay()
    assert (tmp_path / "reserve.bin").stat().st_size == disk.RESERVE
    attempts = []

    def write():
        attempts.append((tmp_path / "reserve.bin").exists())
        if attempts[-1]:
            raise FULL
        return "written"

    assert reserve.spend(write) == "written"
    assert attempts == [True, False]
    with pytest.raises(KeyError):
        reserve.spend({}.popitem)


def test_a_search_ends_before_a_trial_that_has_no_room(tmp_path):
    study = Study(tmp_path, total=600)
    study.loop.lacks = lambda job: "3 MB are free." if len(study.record.trials) == 4 else None
    assert study.loop.run() == STOPPED
    assert study.loop.full == "3 MB are free."
    assert len(study.record.trials) == 4
    assert (tmp_path / "best.keras").read_text() == str(incumbent(study.record.trials).number)


def test_a_trial_that_fills_the_disk_ends_the_search_and_is_tried_again_by_the_next(tmp_path):
    study = Study(tmp_path, trials=4, fails=lambda c: ("the disk is full: [Errno 28] No space left", Cause.DISK) if len(study.executor.jobs) == 2 else None)
    assert study.loop.run() == STOPPED
    assert "The disk is full: [errno 28] no space left. Free some space and run" in study.loop.full
    lost = study.record.trials[1]
    assert (lost.state, lost.failure) == (State.FAILED, "interrupted: the disk is full: [Errno 28] No space left")
    again = Study(tmp_path, trials=4)
    assert again.loop.run() == "trials"
    assert again.executor.jobs[0].configuration == lost.configuration
    assert sum(trial.state is not State.FAILED for trial in again.record.trials) == 4


@pytest.mark.parametrize("place", ["start", "event", "finish", "use"])
def test_a_record_that_cannot_be_written_ends_the_search(tmp_path, monkeypatch, place):
    study = Study(tmp_path, total=600)
    write = getattr(study.record, place)

    def full(*words):
        if len(study.record.trials) >= 3:
            raise FULL
        return write(*words)

    monkeypatch.setattr(study.record, place, full)
    assert study.loop.run() == STOPPED
    assert study.loop.full.startswith("The disk is full ([Errno 28] No space left on device).")
    best = incumbent(study.record.trials)
    assert (tmp_path / "best.keras").read_text() == str(best.number)


def test_another_error_of_the_disk_is_no_full_disk(tmp_path, monkeypatch):
    study = Study(tmp_path, total=600)

    def broken(*words):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(study.record, "finish", broken)
    with pytest.raises(OSError, match="Input/output"):
        study.loop.run()


def test_any_command_says_a_full_disk_in_a_sentence(tmp_path, monkeypatch):
    def full(*words, **settings):
        raise FULL

    monkeypatch.setattr("automl_cnn.cli.search.go", full)
    done = CliRunner().invoke(app, ["search", "--data", str(tmp_path)], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "The disk is full: [Errno 28] No space left on device. Free some space and run the command again." in done.output
    assert not isinstance(done.exception, OSError)


def fill(folder, name="filler"):
    """Write until nothing more fits."""
    with (folder / name).open("wb", buffering=0) as file:

        def more(block):
            while True:
                file.write(os.urandom(block))

        for block in (2**16, 2**12, 2**8, 1):
            with pytest.raises(OSError, match="No space left"):
                more(block)


def test_on_a_disk_that_is_really_full_nothing_is_lost_and_the_reserve_holds_the_ending(small_disk, tmp_path):
    place = small_disk(6)
    study = Study(place, trials=3)
    study.loop.run()
    scores = [trial.score for trial in study.record.trials]
    reserve = Reserve(place / "reserve.bin")
    reserve.lay()
    running = study.record.start(study.executor.jobs[0], study.loop.planner.sizing.space)
    fill(place)
    text = "x" * 5000
    with pytest.raises(OSError, match="No space left"):
        study.record.keep("long", text)
    with pytest.raises(StoreError, match="No space left"):
        atomic_write_text(place / "study.toml", text)
    assert [trial.score for trial in Record(place / "j", "s").trials[:3]] == scores  # half a line was written, and is cut off
    with pytest.raises(OSError, match="No space left"):
        study.record.finish(running, Finished(State.FAILED, failure=text))

    reserve.spend(lambda: study.record.keep("long", text))
    assert reserve.spend(study.record.bury) == 1
    again = Record(place / "j", "s")
    assert again.settings["long"] == text
    assert [trial.score for trial in again.trials] == [*scores, None]
    assert again.trials[running].failure.startswith("interrupted")
    assert not list(place.glob(".study.toml-*"))


def model(path, size):
    with ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", os.urandom(size))


def test_on_a_full_disk_the_last_best_model_stands_whole(small_disk):
    place = small_disk(6)
    (place / "trials").mkdir()
    model_files = ModelFiles(
        place / "best" / "model.keras", place / "trials", lambda trial: {"classes": ["a", "b"], "size": 8, "channels": 3, "trial": trial.number}
    )
    study = Study(place, trials=2)
    study.loop.run()
    worse, better = sorted(study.record.trials, key=lambda trial: trial.score)
    model(model_files.checkpoint(worse.number), MB)
    model_files.put([worse])
    whole = model_files.best.read_bytes()
    model(model_files.checkpoint(better.number), MB)
    fill(place)
    with pytest.raises(StoreError) as raised:
        model_files.put(study.record.trials)
    assert is_full(raised.value)
    assert (model_files.standing(), model_files.best.read_bytes() == whole) == (worse.number, True)
    assert [path.name for path in model_files.best.parent.iterdir()] == ["model.keras"]
    (place / "filler").unlink()
    model_files.put(study.record.trials)
    assert model_files.standing() == better.number


def test_what_the_system_refuses_in_the_store_is_a_sentence(store):
    inside, outside = str(store.root / "studies" / "s"), "/etc/shadow"
    for error, message in (
        (PermissionError(errno.EACCES, "Permission denied", inside), f"{inside} cannot be used: Permission denied. Free the permission"),
        (OSError(errno.EROFS, "Read-only file system", inside), "Read-only file system"),
        (OSError(errno.EIO, "Input/output error"), f"The store {store.root} cannot be used: Input/output error"),
        (FULL, "The disk is full"),
    ):
        with pytest.raises(StoreError, match=re.escape(message)), disk.plainly(store):
            raise error
    with pytest.raises(PermissionError), disk.plainly(store):
        raise PermissionError(errno.EACCES, "Permission denied", outside)
    with pytest.raises(ValueError, match="not ours"), disk.plainly(store):
        raise ValueError("not ours")
