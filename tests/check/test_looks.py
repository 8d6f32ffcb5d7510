"""What pixels show by themselves."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from automl_cnn.check.looks import looks_of, problems_of

SIDE = 64


def scene(seed):
    """Shapes of random gray on a textured ground."""
    rng = np.random.default_rng(seed)
    image = rng.normal(110, 18, (SIDE, SIDE, 3))
    for _ in range(6):
        top, left = rng.integers(0, SIDE - 12, 2)
        image[top : top + rng.integers(6, 24), left : left + rng.integers(6, 24)] = rng.integers(40, 220, 3)
    return np.clip(image, 0, 255).astype(np.uint8)


SCENES = [scene(seed) for seed in range(60)]


def blurred(image, radius=4):
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def seen(extra):
    images = np.stack([*SCENES, extra])
    return {problem.kind: [case.row for case in problem.cases] for problem in problems_of([str(row) for row in range(len(images))], looks_of(images))}


def test_ordinary_images_have_no_problem():
    assert seen(scene(99)) == {}


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("blank", np.full((SIDE, SIDE, 3), 120, np.uint8)),
        ("dark", (scene(100) * 0.2).astype(np.uint8)),
        ("bright", (255 - scene(100) * 0.2).astype(np.uint8)),
        ("blurred", blurred(scene(100))),
    ],
)
def test_each_odd_image_is_named_once(kind, image):
    assert seen(image) == {kind: [60]}


def test_a_set_of_dark_images_has_no_dark_ones():
    images = np.stack([(image * 0.2).astype(np.uint8) for image in SCENES])
    assert problems_of([str(row) for row in range(60)], looks_of(images)) == []


def test_gray_images_are_looked_at_too():
    images = np.stack(SCENES).mean(axis=3, keepdims=True).astype(np.uint8)
    images[3] = 7
    (problem,) = problems_of([str(row) for row in range(60)], looks_of(images))
    assert (problem.kind, problem.cases[0].row) == ("blank", 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_levels_are_those_that_numpy_computes(channels):
    images = np.random.default_rng(0).integers(0, 256, (9, 17, 23, channels), np.uint8)
    gray = images.mean(axis=3, dtype=np.float32).reshape(9, -1)
    seen = looks_of(images)
    assert np.allclose([seen.low, seen.high], np.percentile(gray, [5, 95], axis=1), atol=1e-4)
    assert np.allclose(seen.deviation, gray.std(axis=1), atol=1e-4)


def test_a_look_that_is_ended_knows_which_images_it_saw():
    images = np.random.default_rng(0).integers(0, 256, (640, 8, 8, 1), np.uint8)
    images[7::8] = 90
    left = iter([True] * 3)
    part = looks_of(images, lambda: next(left, False))
    assert len(part.rows) == 3 * 64
    assert (np.diff(part.rows) > 0).all()
    (problem,) = problems_of([str(row) for row in range(640)], part)
    assert {case.path for case in problem.cases} == {str(row) for row in part.rows if row % 8 == 7}
    assert problems_of([], looks_of(images, lambda: False)) == []


def test_a_dark_scan_is_named_though_scans_differ_much():
    rng = np.random.default_rng(0)
    scans = np.zeros((60, SIDE, SIDE, 1), np.float32)
    for scan, top in zip(scans, rng.uniform(80, 255, 60), strict=True):  # a body of any brightness before a black ground
        scan[16:48, 16:48] = rng.uniform(0.2, 1.0, (32, 32, 1)) * top
    scans[7] *= 0.12 * 160 / scans[7].max()
    (problem,) = problems_of([str(row) for row in range(60)], looks_of(scans.astype(np.uint8)))
    assert (problem.kind, [case.row for case in problem.cases]) == ("dark", [7])
