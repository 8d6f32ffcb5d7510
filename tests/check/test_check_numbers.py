"""The check of images with numbers, without a network: outliers, one number too often, few images, and no word of classes."""

import csv
import re
import shutil

import numpy as np
import pytest
from made_photos import picture
from typer.testing import CliRunner

from automl_cnn.check import check, fixes, page
from automl_cnn.check.values import away
from automl_cnn.cli import app
from automl_cnn.cli.words import dataset_lines
from automl_cnn.config import StudyConfig
from automl_cnn.data import dataset_of, read
from automl_cnn.data.inputs import scan_input
from automl_cnn.study.notes import command


def table_of(place, numbers, head="age (years)"):
    """Photos with these numbers; None stands for an empty cell."""
    with (place / "ages.csv").open("w", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(["path", head])
        for number, value in enumerate(numbers):
            picture(number).save(place / f"{number}.png")
            lines.writerow([f"{number}.png", "" if value is None else value])
    return place / "ages.csv"


def kinds(checked):
    return [problem.kind for problem in checked.problems]


@pytest.fixture
def ages(tmp_path):
    """120 photos with ages from 1 to 90.25 in steps of 0.75."""
    return table_of(tmp_path, [1 + 0.75 * number for number in range(120)])


def test_sound_numbers_have_no_problem_and_a_range(ages, tmp_path):
    checked = check(ages, tmp_path / "cache", None, task="regression")
    assert not {"small_class", "unequal", "far_number", "common_number", "shortcut"} & set(kinds(checked))
    assert checked.facts["task"] == "regression"
    assert [(one["low"], one["high"], sum(one["counts"])) for one in checked.facts["ranges"]] == [(1.0, 90.25, 120)]
    assert checked.unchecked == (
        "wrong numbers within the range of the others, and images unlike the others: nothing looks for them",
        "altered copies with different numbers: no network looked at the images",
    )


def test_numbers_far_from_all_others_are_listed_with_their_pictures(tmp_path):
    numbers = [1 + 0.75 * number for number in range(120)]
    numbers[17], numbers[40] = 999.0, -500.5
    checked = check(table_of(tmp_path, numbers), tmp_path / "cache", None, task="regression")
    far = checked.of("far_number")
    assert far.title == "Numbers far from all others"
    assert far.sentence == "2 images have a number far from all others: age (years) of the other images lies from 1 to 90.2 years."
    assert [(case.path, case.detail) for case in far.cases] == [("17.png", "age 999"), ("40.png", "age -500.5")]
    assert {"17.png", "40.png"} <= checked.pictures.keys()
    assert "`--loss huber`" in far.advice
    assert fixes.write(checked, tmp_path / "fix.csv") == 2


def test_long_tails_and_steps_are_no_outliers():
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=5000), rng.lognormal(0, 1, 5000), rng.integers(1, 21, 500).astype(float), np.repeat([1.0, 2.0], 50), np.ones(9)):
        assert away(values) is None
    cluster = np.concatenate([rng.normal(size=100), np.full(20, 500.0)])  # a sixth of the images cannot be a mistake
    assert away(cluster) is None
    assert away(np.append(rng.normal(size=100), [400.0])).rows == (100,)
    assert away(np.append(np.zeros(100), [1.0])) is None  # a single step gives no distance to compare with


def test_one_number_very_often_may_stand_for_not_known(tmp_path):
    numbers = [0 if number % 3 == 0 else 20 + 0.5 * number for number in range(120)]
    often = check(table_of(tmp_path, numbers), tmp_path / "cache", None, task="regression").of("common_number")
    assert often.sentence == "40 images of 120 have exactly the same number: age (years) 0. The next most frequent is on 1."
    assert "leave these cells empty" in often.advice
    assert len(often.cases) == 40


def test_scales_with_few_steps_may_repeat(tmp_path):
    numbers = [1 if number % 3 else number % 5 for number in range(120)]
    assert "common_number" not in kinds(check(table_of(tmp_path, numbers), tmp_path / "cache", None, task="regression"))


def test_few_images_and_missing_numbers_are_named(tmp_path):
    numbers = [None if number in (3, 4) else 1 + 0.75 * number for number in range(60)]
    checked = check(table_of(tmp_path, numbers), tmp_path / "cache", None, task="regression")
    few = checked.of("small_class")
    assert (few.title, few.sentence) == ("Few images", "There are only 58 images to learn numbers from.")
    assert "2 rows of ages.csv without a number were left out: such images can only be predicted." in checked.facts["notes"]


def test_numbers_that_show_in_the_files_are_named_by_their_range(tmp_path):
    table = table_of(tmp_path, [1 + 0.75 * number for number in range(120)])
    for number in range(120):
        size = 64 + 8 * (number // 12)
        picture(number).resize((size, size)).save(tmp_path / f"{number}.png")
    shortcut = check(table, tmp_path / "cache", None, task="regression").of("shortcut")
    assert shortcut.title == "The numbers show in the files"
    assert "104x104: 100% '46 to 60.2'" in shortcut.sentence


def test_the_same_photo_with_different_numbers_is_a_conflict(ages, tmp_path):
    shutil.copy(ages.parent / "0.png", ages.parent / "9.png")
    checked = check(ages, tmp_path / "cache", None, task="regression")
    assert checked.of("conflict").sentence == "1 photo has different numbers in different files: at least one number of each is wrong."
    assert any("at least one of the numbers is wrong" in note for note in checked.facts["notes"])


def test_page_and_terminal_speak_of_numbers(ages, tmp_path):
    checked = check(ages, tmp_path / "cache", None, task="regression")
    line = "age (years): from 1 to 90.2, median 45.6, mean 45.6, standard deviation 26"
    text = page.html(checked)
    assert f"<li>{line}</li>" in text
    assert "1 for each image" in text
    printed = CliRunner().invoke(app, ["check", "--data", str(ages), "--task", "regression", "--quick", "--store", str(tmp_path / "store")])
    assert printed.exit_code == 0, printed.output
    assert "120 images, 1 number each" in printed.output
    assert line in printed.output
    body = re.sub(r"<style>.*?</style>|<[^>]*>", " ", text + printed.output, flags=re.DOTALL)
    assert not re.search(r"\b(class|classes|label|labels)\b", body)


def test_whole_numbers_are_checked_as_numbers_where_the_task_says_so(tmp_path):
    table = table_of(tmp_path, [number % 6 for number in range(120)], "dots")
    assert "task" not in check(table, tmp_path / "cache", None, columns="label=dots").facts
    assert check(table, tmp_path / "cache", None, columns="label=dots", task="regression").facts["task"] == "regression"
    asked = ["--columns", "label=dots", "--task", "regression", "--quick", "--store", str(tmp_path / "s")]
    printed = CliRunner().invoke(app, ["check", "--data", str(table), *asked])
    assert "1 number each" in printed.output
    assert command(StudyConfig(data=table, task="regression")).endswith(f"--data {table} --task regression")
    assert "--task" not in command(StudyConfig(data=table))


def test_the_first_line_of_a_search_has_names_units_and_range(tmp_path):
    table = table_of(tmp_path, [1 + 0.75 * number for number in range(120)])
    (tmp_path / "cache").mkdir()
    dataset = dataset_of(read(scan_input(table, cache=tmp_path / "cache", task="regression"), tmp_path / "cache"), tmp_path / "cache")
    assert dataset_lines(dataset)[0] == "ages: 120 images (color), a number each: age (years), from 1 to 90.2, mean 45.6: 84 training, 18 validation, 18 test"
