"""Versions of one photo, with features that are made up: which pairs are close, and what copies do to labels and splits."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from automl_cnn.check.copies import Pair, near, problems_of
from automl_cnn.data import alike, closer
from automl_cnn.data.groups import same_bytes

SIDE = 96


def photo(seed):
    """A picture with shapes and details of its own."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (7, 7, 3), dtype=np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    fine = Image.fromarray(rng.integers(0, 255, (SIDE // 3, SIDE // 3, 3), dtype=np.uint8)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return Image.blend(small, fine, 0.45)


ALTER = {
    "smaller": lambda image: image.resize((48, 48)).resize((SIDE, SIDE)),
    "cropped": lambda image: image.crop((10, 10, 86, 86)).resize((SIDE, SIDE)),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "brighter": lambda image: image.point(lambda value: min(255, int(value * 1.25))),
    "softer": lambda image: image.filter(ImageFilter.GaussianBlur(0.7)),
}


@pytest.mark.parametrize("how", ALTER)
def test_an_altered_copy_is_found_whatever_its_class(how):
    photos = [photo(seed) for seed in range(30)]
    images = np.stack([np.asarray(image) for image in [*photos, ALTER[how](photos[4])]])
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(31, 32)).astype(np.float32)
    mirrored = rng.normal(size=(31, 32)).astype(np.float32)
    near_it = plain[4] + 0.1 * rng.normal(size=32)
    (mirrored if how == "mirrored" else plain)[30] = near_it
    if how == "mirrored":
        mirrored[4] = plain[30] + 0.1 * rng.normal(size=32)
    pairs = near(plain, mirrored, images)
    assert [(pair.one, pair.other) for pair in pairs] == [(4, 30)]
    assert pairs[0].mirrored == (how == "mirrored")


@pytest.mark.parametrize("box", [(10, 10, 86, 86), (0, 4, 80, 84), (15, 15, 91, 91), (2, 20, 74, 92)])
def test_a_crop_is_known_by_the_middle_of_its_photo(box):
    images = np.stack([np.asarray(image) for image in [*map(photo, range(30)), photo(4).crop(box).resize((SIDE, SIDE))]])
    rng = np.random.default_rng(0)
    plain, mirrored, middles = (rng.normal(size=(31, 32)).astype(np.float32) for _ in range(3))
    middles[4] = plain[30] + 0.1 * rng.normal(size=32)
    assert [(pair.one, pair.other, pair.mirrored) for pair in near(plain, mirrored, images, middles)] == [(4, 30, False)]


def test_details_are_compared_at_one_scale():
    """At the few pixels of the alignment, a photo and a part of it have unlike details."""
    images = np.stack([np.asarray(photo(2)), np.asarray(photo(2).crop((4, 4, 82, 82)).resize((SIDE, SIDE)))])
    _, roughly, maps = alike.kept(alike.grays(images), (np.array([1]), np.array([0]), np.zeros(1, bool), np.zeros((1, 2), np.float32)))
    views = closer.Views(images)
    assert roughly[0] < 0.95 < 0.99 < closer._drawn(views.large(1, False), views.large(0, False), maps[0])


def test_features_alone_prove_nothing():
    """Two photos of one thing have nearly the same features, and other details."""
    images = np.stack([np.asarray(photo(seed)) for seed in range(20)])
    plain = np.random.default_rng(0).normal(size=(20, 32)).astype(np.float32)
    plain[7] = plain[3]
    assert near(plain, plain[::-1], images) == []


def test_pictures_without_details_are_not_compared():
    assert near(np.zeros((5, 4)), np.zeros((5, 4)), np.zeros((5, 16, 16, 1), np.uint8)) == []


PATHS = [f"{number}.jpg" for number in range(6)]


def problems(labels, given, *, same=(), pairs=()):
    return {problem.kind: problem for problem in problems_of(PATHS, np.array(labels), ("cat", "dog"), given, same=same, pairs=pairs)}


def test_exact_copies_are_the_rows_of_equal_digests():
    assert same_bytes(["a", "b", "a", "c", "b", "a"]) == [[0, 2, 5], [1, 4]]


def test_copies_of_one_class_are_a_remark_and_altered_ones_a_warning():
    reported = problems([0, 0, 0, 1, 1, 1], [None] * 6, same=[[0, 1]], pairs=[Pair(3, 4, 0.97)])
    assert {kind: problem.severity for kind, problem in reported.items()} == {"copies": "note", "near_copies": "warning"}
    assert reported["near_copies"].cases[0].others == ("4.jpg",)


def test_an_exact_copy_within_altered_ones_is_counted_once():
    """Two files of the same bytes, and an altered version: one exact copy, one altered version."""
    reported = problems([0, 0, 0, 1, 1, 1], [None] * 6, same=[[0, 1], [3, 4]], pairs=[Pair(1, 2), Pair(0, 1), Pair(3, 4)])
    assert {kind: problem.count for kind, problem in reported.items()} == {"copies": 2, "near_copies": 1}
    (case,) = reported["near_copies"].cases
    assert (case.path, case.others, case.detail) == ("0.jpg", ("2.jpg",), "")
    both = problems([0, 0, 0, 0, 1, 1], [None] * 6, same=[[0, 1], [2, 3]], pairs=[Pair(1, 2)])
    assert both["near_copies"].cases[0].others == ("2.jpg",)


def test_one_photo_under_two_labels_is_an_error():
    reported = problems([0, 0, 0, 1, 1, 1], [None] * 6, same=[[0, 3]], pairs=[Pair(1, 4, 0.9, mirrored=True)])
    assert reported["conflict"].severity == "error"
    assert reported["conflict"].count == 4
    assert "'cat' and 'dog'" in reported["conflict"].cases[0].detail


def test_a_photo_on_two_sides_of_the_users_split_is_a_leak():
    given = ["train", "train", "train", "train", "test", "test"]
    reported = problems([0, 0, 0, 1, 1, 1], given, pairs=[Pair(3, 4, 0.95)])
    assert reported["leak"].severity == "error"
    assert reported["leak"].count == 1
    assert "test and train" in reported["leak"].cases[0].detail
    assert "leak" not in problems([0, 0, 0, 1, 1, 1], given, pairs=[Pair(4, 5, 0.95)])


def test_how_versions_are_alike_is_named_only_where_it_is_known():
    reported = problems([0, 0, 0, 1, 1, 1], [None] * 6, pairs=[Pair(0, 1), Pair(3, 4, 0.95, mirrored=True)])
    assert [case.detail for case in reported["near_copies"].cases] == ["", "mirrored"]


def test_a_pair_that_is_asked_for_both_ways_is_named_the_way_it_fits():
    images = np.stack([np.asarray(photo(1)), np.asarray(ALTER["mirrored"](photo(1)))])
    rows, others, _, mirrored = closer.verified(closer.Views(images), np.array([0, 0]), np.array([1, 1]), np.array([True, False]))
    assert (rows.tolist(), others.tolist(), mirrored.tolist()) == ([0], [1], [True])
