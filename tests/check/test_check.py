"""The whole check on folders that are made, without a network; with one it is slow and runs on the digits."""

import csv
import json
import shutil

import numpy as np
import pytest
from made_photos import pets, picture
from PIL import Image
from typer.testing import CliRunner

from automl_cnn import registry
from automl_cnn.check import check, fixes, page
from automl_cnn.cli import app
from automl_cnn.data import prepare
from automl_cnn.data.samples import write_digits
from automl_cnn.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Two classes of 24 photos each."""
    return pets(tmp_path / "pets")


def kinds(checked):
    return {problem.kind: problem for problem in checked.problems}


def test_a_clean_folder_has_no_problem(folder, tmp_path):
    checked = check(folder, tmp_path / "cache", None)
    assert checked.problems == ()
    assert checked.facts["images"] == 48
    assert checked.facts["classes"] == {"cat": 24, "dog": 24}
    assert "no network looked" in checked.unchecked[0]
    assert "No problems were found" in page.html(checked)


def test_every_step_reports_how_far_it_is(folder, tmp_path):
    seen = []
    check(folder, tmp_path / "cache", None, report=lambda what, done, of: seen.append((what.partition(",")[0], done, of)))
    steps = dict.fromkeys(what for what, _, _ in seen)
    assert list(steps) == [
        "reading the images",
        "grouping versions of one photo",
        "looking at the headers",
        "looking at the pixels",
        "looking at the names",
        "looking for copies and leaks",
    ]
    assert ("grouping versions of one photo", 48, 48) in seen
    assert all(done <= of for _, done, of in seen)


def test_what_is_planted_is_named(folder, tmp_path):
    cats = sorted((folder / "cat").iterdir())
    shutil.copy(cats[0], folder / "cat" / "again.png")
    shutil.copy(cats[1], folder / "dog" / "wrong.png")
    Image.new("RGB", (64, 64), "gray").save(folder / "dog" / "empty.png")
    (folder / "dog" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    picture(99).save(folder / "dog" / "jpeg.png", "JPEG", quality=95)
    reported = kinds(check(folder, tmp_path / "cache", None))
    assert set(reported) == {"copies", "conflict", "blank", "unreadable", "extension"}
    assert reported["copies"].cases[0].path == "cat/again.png"
    assert {reported["conflict"].cases[0].path, *reported["conflict"].cases[0].others} == {"cat/photo 001 of one.png", "dog/wrong.png"}
    assert reported["blank"].cases[0].path == "dog/empty.png"
    assert reported["unreadable"].cases[0].path == "dog/broken.png"
    assert reported["extension"].cases[0].path == "dog/jpeg.png"


def test_a_copy_in_the_test_folder_is_a_leak_and_may_be_dropped(folder, tmp_path):
    given = tmp_path / "given"
    for split, seeds in (("train", range(0, 48)), ("test", range(100, 116))):
        for number in seeds:
            path = given / split / ("cat" if number % 2 else "dog") / f"view of {number} a.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(number).save(path)
    picture(3).save(given / "test" / "cat" / "seen before.png")
    (leak,) = [problem for problem in check(given, tmp_path / "cache", None).problems if problem.kind == "leak"]
    assert leak.severity == "error"
    assert {leak.cases[0].path, *leak.cases[0].others} == {"train/cat/view of 3 a.png", "test/cat/seen before.png"}
    plain, dropped = (prepare(given, tmp_path / "cache", drop_leaks=drop) for drop in (False, True))
    assert plain.copied("test") > 0
    assert dropped.copied("test") == 0
    assert dropped.counts("test").tolist() == plain.counts("test").tolist()
    assert any("1 training image that" in note for note in dropped.notes)
    assert any("left none out" in note for note in prepare(folder, tmp_path / "cache", drop_leaks=True).notes)


def test_a_class_without_enough_photos_keeps_the_doubtful_ones(tmp_path):
    for number in range(3):
        for name in ("cat", "dog"):
            (tmp_path / "p" / name).mkdir(parents=True, exist_ok=True)
            picture(number).save(tmp_path / "p" / name / f"{number}.png")
    with pytest.raises(DataError, match="2 classes have too few images"):
        prepare(tmp_path / "p", tmp_path / "cache")


def test_groups_stay_on_one_side(tmp_path):
    for person in range(12):
        for name in ("one", "two"):
            for shot in range(3):
                path = tmp_path / "signs" / name / f"person{person}_{shot}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                picture(person * 100 + shot * 10 + (name == "one")).save(path)
    assert "groups" in kinds(check(tmp_path / "signs", tmp_path / "cache", None))
    for rule in ("auto", r"(person\d+)_"):
        dataset = prepare(tmp_path / "signs", tmp_path / "cache", group_by=rule)
        sides = {}
        for path, side in zip(dataset.paths, dataset.splits.tolist(), strict=True):
            sides.setdefault(path.split("/")[1].split("_")[0], set()).add(side)
        assert all(len(side) == 1 for side in sides.values())
        assert {side for (side,) in sides.values()} == {0, 1, 2}
        assert any("12 groups" in note for note in dataset.notes)


def test_the_page_has_thumbnails_and_asks_the_network_for_nothing(folder, tmp_path):
    Image.new("RGB", (64, 64), "gray").save(folder / "dog" / "<b>empty.png")
    place = page.write(check(folder, tmp_path / "cache", None), tmp_path / "out" / "page.html")
    text = place.read_text()
    assert "data:image/jpeg;base64," in text
    assert "&lt;b&gt;empty.png" in text
    assert "<b>empty" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_the_command_says_everything_and_writes_a_list_to_edit(folder, tmp_path):
    Image.new("RGB", (64, 64), "gray").save(folder / "dog" / "empty.png")
    flags = ["--data", str(folder), "--quick", "--store", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, ["check", *flags, "--fix", str(tmp_path / "suspects.csv"), "--out", str(tmp_path / "page.html")])
    assert result.exit_code == 0, result.output
    assert "1 image is blank" in result.output
    assert "you can:" in result.output
    rows = list(csv.DictReader((tmp_path / "suspects.csv").open()))
    assert rows == [{"action": "keep", "path": "dog/empty.png", "label": "", "reason": f"blank: {rows[0]['reason'].removeprefix('blank: ')}"}]
    as_json = CliRunner().invoke(app, ["check", *flags, "--json"])
    values = json.loads(as_json.stdout)
    assert [problem["kind"] for problem in values["problems"]] == ["blank"]
    assert values["page"].endswith("checks/pets.html")


@pytest.mark.parametrize(("flags", "words"), [(["--data", "nowhere"], "no folder nowhere"), (["--data", ".", "--time", "soon"], "--time soon")])
def test_a_users_mistake_is_a_sentence(flags, words, tmp_path):
    result = CliRunner().invoke(app, ["check", *flags, "--quick", "--store", str(tmp_path)])
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_list_of_nothing_has_its_head_alone(folder, tmp_path):
    assert fixes.write(check(folder, tmp_path / "cache", None), tmp_path / "list.csv") == 0
    assert (tmp_path / "list.csv").read_text() == "action,path,label,reason\n"


def test_a_network_sees_wrong_labels_and_altered_copies_in_other_classes(tmp_path):
    """Digits, some of them under another digit's name."""
    folder = write_digits(tmp_path / "digits", only=np.arange(300))
    moved = sorted((folder / "3").iterdir())[:3]
    for path in moved:
        path.rename(folder / "7" / f"moved {path.name}")
    checked = check(folder, tmp_path / "cache", registry.load())
    (labels,) = [problem for problem in checked.problems if problem.kind == "label"]
    top = {case.path: case.suggested for case in labels.cases[:6]}
    assert sum(top.get(f"7/moved {path.name}") == "3" for path in moved) >= 2
    assert checked.facts["seen_by_network"] == 300
    assert checked.facts["network"]


def test_of_a_set_that_is_too_large_a_part_is_seen_and_nothing_is_kept(folder, tmp_path, monkeypatch):
    """The same figures as where all is kept, of some images; no array at the network's size is written."""
    from automl_cnn.check import features

    dataset = prepare(folder, tmp_path / "cache")
    if features.smallest(registry.load()) is None:
        pytest.skip("no pretrained weights are on this machine")
    every = features.read(dataset, registry.load(), None, lambda what, done, of: None)
    monkeypatch.setattr(features, "BLOCK", 8)
    monkeypatch.setattr(features, "MOST", 30)
    for array in (tmp_path / "cache").glob(f"*-{features.SIDE}.npy"):
        array.unlink()
    some = features.read(dataset, registry.load(), None, lambda what, done, of: None)
    assert len(some.rows) == 24
    assert (np.diff(some.rows) > 0).all()
    for part in ("plain", "mirrored", "middles"):
        np.testing.assert_allclose(getattr(some, part), getattr(every, part)[some.rows], atol=0.02)
    assert not list((tmp_path / "cache").glob(f"*-{features.SIDE}.npy"))
    short = features.read(dataset, registry.load(), 0.0, lambda what, done, of: None)
    assert len(short.rows) == 8, "one block is always seen"
