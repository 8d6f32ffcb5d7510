"""Groups by names, by the cameras' clocks and by a pattern."""

import numpy as np
import pytest

from automl_cnn.data.grouping import by_camera, by_name, grouped
from automl_cnn.data.header import Header
from automl_cnn.errors import ConfigError, DataError

PERSONS = [f"{sign}/person{person:02d}_{shot}.jpg" for person in range(6) for sign in ("one", "two") for shot in range(3)]
SIGNS = [0 if path.startswith("one") else 1 for path in PERSONS]


def photo(taken, camera="X100"):
    return Header(10, 10, "JPEG", "RGB", False, camera, taken)


def test_a_name_and_a_number_make_groups_across_classes():
    made = by_name(PERSONS, SIGNS)
    assert made is not None
    assert len(made.groups) == 6
    assert all(len({PERSONS[row].split("/")[1].split("_")[0] for row in rows}) == 1 for rows in made.groups)
    assert "'person00_0.jpg'" in made.why


@pytest.mark.parametrize(
    "paths",
    [
        [f"cat/cat_{number}.jpg" for number in range(20)] + [f"dog/dog_{number}.jpg" for number in range(20)],  # the class's own name
        [f"cat/IMG_{number:04d}.jpg" for number in range(40)],
        [f"cat/{number * 7919 % 100003}_{number * 104729 % 65537:x}.jpg" for number in range(40)],  # a number of its own for each photo
    ],
)
def test_ordinary_names_make_no_groups(paths):
    assert by_name(paths, [0 if path.startswith("cat") else 1 for path in paths]) is None


def test_series_of_one_camera_are_groups_whatever_the_pause_between_its_photos():
    for step, pause in ((2, 60), (5, 300), (1, 12)):
        times = [pause * 4 * series + step * shot for series in range(8) for shot in range(5)]
        made = by_camera([photo(f"2024:05:01 {10 + time // 3600:02d}:{time // 60 % 60:02d}:{time % 60:02d}") for time in times])
        assert made is not None
        assert [len(rows) for rows in made.groups] == [5] * 8


def test_two_cameras_at_once_are_two_series():
    headers = [photo(f"2024:05:01 10:{series:02d}:{shot:02d}", camera) for camera in "AB" for series in range(5) for shot in range(3)]
    made = by_camera(headers)
    assert made is not None
    assert all(len({headers[row].camera for row in rows}) == 1 for rows in made.groups)


def test_files_without_times_make_no_groups():
    assert by_camera([photo("")] * 30) is None
    assert by_camera([photo("yesterday"), None] * 30) is None


def test_a_pattern_groups_by_its_first_part_in_brackets_or_by_all_of_it():
    assert len(grouped(r"(person\d+)_", PERSONS, SIGNS, []).groups) == 6
    assert len(grouped(r"person\d+", PERSONS, SIGNS, []).groups) == 6


def test_a_pattern_that_is_none_or_groups_nothing_is_refused():
    with pytest.raises(ConfigError, match="not a regular expression"):
        grouped("(person", PERSONS, SIGNS, [])
    with pytest.raises(DataError, match="the first name is"):
        grouped(r"(patient\d+)", PERSONS, SIGNS, [])
    with pytest.raises(DataError, match="no two images share the match"):
        grouped(r"(one/person\d+_\d)", PERSONS, SIGNS, [])


def test_auto_says_where_nothing_shows_groups():
    with pytest.raises(DataError, match="neither the names of the files nor the times"):
        grouped("auto", ["a/1.jpg", "b/2.jpg"], [0, 1], [None, None])
    assert np.size(grouped("auto", PERSONS, SIGNS, [None] * len(PERSONS)).keys) == len(PERSONS)
