"""What headers show."""

import numpy as np
import pytest

from automl_cnn.check.headers import facts_of, problems_of
from automl_cnn.data.header import Header

CLASSES = ("cat", "dog")


def header(width=400, height=300, format="JPEG", gray=False, camera=""):
    return Header(width, height, format, "L" if gray else "RGB", gray, camera)


def problems(headers, labels=None, suffix="jpg"):
    paths = [f"x/{number}.{suffix}" for number in range(len(headers))]
    labels = np.arange(len(headers)) % 2 if labels is None else np.asarray(labels)
    return {problem.kind: problem for problem in problems_of(paths, labels, CLASSES, headers)}


def test_an_ordinary_set_has_no_problem():
    rng = np.random.default_rng(0)
    assert problems([header(int(400 + rng.integers(-80, 80)), int(300 + rng.integers(-60, 60))) for _ in range(100)]) == {}


def test_landscapes_among_portraits_are_no_odd_shapes():
    assert problems([header(300, 400)] * 70 + [header(400, 300)] * 30) == {}


def test_a_wrong_extension_is_named():
    reported = problems([header()] * 20 + [header(format="PNG")])
    assert [case.path for case in reported["extension"].cases] == ["x/20.jpg"]
    assert "PNG" in reported["extension"].cases[0].detail


@pytest.mark.parametrize(("size", "kind"), [((3000, 200), "shape"), ((4000, 3000), "size"), ((40, 30), "size")])
def test_the_odd_one_is_named(size, kind):
    rng = np.random.default_rng(1)
    reported = problems([header(int(400 + rng.integers(-40, 40)), int(300 + rng.integers(-30, 30))) for _ in range(60)] + [header(*size)])
    assert [case.path for case in reported[kind].cases] == ["x/60.jpg"]


@pytest.mark.parametrize(("fit", "words"), [("squash", "squashes it to a square"), ("pad", "puts it between gray bars"), ("crop", "the square in the middle")])
def test_what_becomes_of_an_odd_shape_is_what_the_search_does(fit, words):
    headers = [header()] * 60 + [header(3000, 200)]
    (problem,) = [one for one in problems_of([str(n) for n in range(61)], np.arange(61) % 2, CLASSES, headers, fit) if one.kind == "shape"]
    assert words in problem.line


def test_gray_images_among_colored_ones_are_counted():
    assert problems([header()] * 30 + [header(gray=True)] * 3)["mode"].count == 3


@pytest.mark.parametrize("properties", [{"format": "PNG"}, {"camera": "X100"}, {"width": 1000, "height": 1000}])
def test_a_class_that_shows_in_the_files_is_a_shortcut(properties):
    reported = problems([header()] * 40 + [header(**properties)] * 40, [0] * 40 + [1] * 40, "png" if "format" in properties else "jpg")
    assert "shortcut" in reported
    assert "100%" in reported["shortcut"].sentence or "100 %" in reported["shortcut"].sentence


def test_properties_that_do_not_tell_the_class_are_no_shortcut():
    rng = np.random.default_rng(2)
    headers = [header(camera=str(rng.integers(3)), width=int(rng.choice([400, 420]))) for _ in range(200)]
    assert "shortcut" not in problems(headers, rng.integers(2, size=200))


def test_sizes_that_are_all_different_are_no_shortcut():
    assert "shortcut" not in problems([header(400 + number, 300) for number in range(80)], [0] * 40 + [1] * 40)


def test_facts_count():
    facts = facts_of([header()] * 3 + [header(500, 200, "PNG")])
    assert facts["formats"] == {"JPEG": 3, "PNG": 1}
    assert facts["width"] == {"least": 400, "median": 400, "most": 500}
    assert facts_of([]) == {}
