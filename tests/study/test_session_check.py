"""Every search begins with a check of its images, which is kept with the study, and of which the terminal shows what matters."""

import shutil
from types import SimpleNamespace

import pytest
from PIL import Image
from session_fakes import pictures, search

from automl_cnn.caveats import COPIES_TEST
from automl_cnn.config import StudyConfig
from automl_cnn.problems import Checked, Problem
from automl_cnn.store import Store
from automl_cnn.study import checking, notes
from automl_cnn.study import images as study_images
from automl_cnn.study.finish import reporting
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.stored.overview import overview
from automl_cnn.tasks import Multiclass

MATERIAL = SimpleNamespace(dataset=SimpleNamespace(fingerprint="f"))


@pytest.fixture
def folder(tmp_path):
    """Forty pictures of noise, one more that is blank, and a file that is none."""
    data = pictures(tmp_path / "pets")
    Image.new("RGB", (16, 16), "gray").save(data / "a" / "empty.png")
    (data / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return data


def study(tmp_path):
    return Store(tmp_path / "store").study("s")


def test_what_is_wrong_is_kept_and_said_once(tmp_path, monkeypatch, folder):
    result, observer, _ = search(tmp_path, monkeypatch, data=folder)
    checked = Checked.load(study(tmp_path).check)
    assert [problem.kind for problem in checked.problems] == ["unreadable", "blank"]
    lines = [note for note in observer.notes if "blank" in note or "cannot be used" in note or "automl-cnn check" in note]
    assert lines == [
        "1 image is blank. The search uses it unchanged. Leave it out: there is nothing to learn from.",
        f"`automl-cnn check --data {folder} --store {tmp_path / 'store'}` checks the labels too, and shows pictures of all that is odd.",
    ], "the file that is left out has a line of its own already"
    assert set(lines) <= set(result.notes)


def test_nothing_wrong_is_nothing_said(tmp_path, monkeypatch):
    _, observer, _ = search(tmp_path, monkeypatch, data=pictures(tmp_path / "pets"))
    assert Checked.load(study(tmp_path).check).problems == ()
    assert [note for note in observer.notes if "check" in note] == []


def test_notes_are_for_the_report_alone(tmp_path, monkeypatch):
    data = pictures(tmp_path / "pets")
    shutil.copy(data / "a" / "0.png", data / "a" / "again.png")
    _, observer, _ = search(tmp_path, monkeypatch, data=data)
    assert [problem.kind for problem in Checked.load(study(tmp_path).check).problems] == ["copies"]
    assert [note for note in observer.notes if "check" in note or "exact" in note] == []


def test_images_in_memory_are_checked_too_and_no_command_is_named(tmp_path, monkeypatch):
    _, observer, _ = search(tmp_path, monkeypatch)
    assert Checked.load(study(tmp_path).check).folder == ""
    assert [note for note in observer.notes if "check" in note] == []


def test_a_study_that_goes_on_finds_its_check(tmp_path, monkeypatch, folder):
    _, first, _ = search(tmp_path, monkeypatch, data=folder)

    def never(*given, **more):
        raise AssertionError("the images were checked again")

    monkeypatch.setattr(study_images, "early", never)
    _, again, _ = search(tmp_path, monkeypatch, data=folder, trials=4)
    assert [note for note in first.notes if "blank" in note] == [note for note in again.notes if "blank" in note] != []


def test_the_steps_after_decoding_show_how_far_they_are(tmp_path, monkeypatch, folder):
    monkeypatch.setattr(checking, "OFTEN", 0.0)
    texts = []
    monkeypatch.setattr(NullObserver, "checking", lambda self, text: texts.append(text))
    search(tmp_path, monkeypatch, data=folder)
    steps = [text.partition(":")[0] for text in texts]
    assert [step for step, before in zip(steps, ["", *steps], strict=False) if step != before] == [
        "checking the images",
        "decoding the images",
        "grouping versions of one photo",
        "looking at sizes, shapes and formats",
        "looking at groups in the names",
        "looking at copies",
        "looking at the pixels",
    ]
    assert "grouping versions of one photo: 41 of 41" in texts


@pytest.mark.parametrize("text", ["", "{", '{"format": 0}'])
def test_a_check_that_cannot_be_read_is_made_again(tmp_path, monkeypatch, folder, text):
    search(tmp_path, monkeypatch, data=folder)
    before = study(tmp_path).check.read_text()
    study(tmp_path).check.write_text(text)
    search(tmp_path, monkeypatch, data=folder, trials=4)
    after = Checked.load(study(tmp_path).check)
    assert after.fingerprint in before
    assert after.of("blank") is not None


def test_a_check_that_fails_ends_no_search(tmp_path, monkeypatch, folder):
    def fails(*given, **more):
        raise ValueError("odd header")

    monkeypatch.setattr(study_images, "early", fails)
    result, observer, _ = search(tmp_path, monkeypatch, data=folder)
    assert result.trials == 3
    assert "The images could not be checked: ValueError: odd header" in observer.notes


@pytest.mark.parametrize(("budget", "left", "seconds"), [(None, float("inf"), 20.0), (100.0, 90.0, 5.0), (3600.0, 3500.0, 20.0), (100.0, 2.0, 2.0)])
def test_it_takes_a_small_share_of_the_budget(tmp_path, monkeypatch, budget, left, seconds):
    given = []

    def early(material, seconds, tell=None):
        given.append(seconds)
        return Checked("", {}, ())

    monkeypatch.setattr(study_images, "early", early)
    study_images.checked(MATERIAL, study(tmp_path), budget, left)
    assert given == [seconds]


def test_where_no_time_is_left_nothing_is_checked(tmp_path):
    assert study_images.checked(MATERIAL, study(tmp_path), 10.0, 0.0) is None
    assert not study(tmp_path).check.exists()


def test_what_there_was_no_time_for_is_said(tmp_path, monkeypatch, folder):
    early = study_images.early
    monkeypatch.setattr(study_images, "early", lambda material, seconds, tell=None: early(material, 0.0))
    _, observer, _ = search(tmp_path, monkeypatch, data=folder)
    (line,) = [note for note in observer.notes if "no time to check" in note]
    assert line.endswith("; copies; brightness and sharpness of 41 images.")


def test_the_report_has_it_while_the_images_are_the_same(tmp_path, monkeypatch, folder):
    search(tmp_path, monkeypatch, data=folder)
    store, place = Store(tmp_path / "store"), study(tmp_path)
    assert "Possible problems" in place.report.read_text()
    known = overview(store, "s")
    assert reporting.facts(known, store).checked.of("blank") is not None
    for change in ('"fingerprint": "', "no json "):
        text = place.check.read_text()
        place.check.write_text(text.replace('"fingerprint": "', change + "0", 1) if change.startswith('"') else change)
        assert reporting.facts(known, store).checked is None
    place.check.unlink()
    assert reporting.facts(known, store).checked is None
    assert "Possible problems" not in reporting.write(reporting.facts(known, store), place).read_text()


@pytest.mark.parametrize(("share", "lines"), [(0.5, 1), (0.0, 2)])
def test_a_leak_has_a_line_unless_the_shares_of_copies_have_one(monkeypatch, share, lines):
    monkeypatch.setattr(notes, "measured", lambda dataset: {COPIES_TEST: share})
    leak = Problem("leak", "error", "1 test image is a version of a photo in another split.", "It keeps your splits.", "Move it.", 1)
    assert len(notes.on_images(Checked("pets", {}, (leak,)), SimpleNamespace(task=Multiclass(2)), StudyConfig(data="pets"))) == lines
