import random

import pytest

from automl_cnn.errors import SpaceError
from automl_cnn.space import Choice, Float, Int, Parameter, Space

SPACE = Space(
    (
        Parameter("architecture", Choice("vgg", "resnet")),
        Parameter("vgg.blocks", Int(1, 5, default=3), (("architecture", "vgg"),)),
        Parameter("adam.rate", Float(1e-4, 1e-1, log=True)),
    )
)


def test_defaults_leave_out_what_is_inactive():
    assert SPACE.defaults() == {"architecture": "vgg", "vgg.blocks": 3, "adam.rate": pytest.approx(10**-2.5)}
    assert "vgg.blocks" not in SPACE.defaults({"architecture": "resnet"})


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"architecture": "vgg", "vgg.blocks": 9, "adam.rate": 0.01}, "vgg.blocks = 9 is out of range: expected 1 to 5"),
        ({"architecture": "vgg", "vgg.blocks": True, "adam.rate": 0.01}, "out of range"),
        ({"architecture": "resnet", "vgg.blocks": 3, "adam.rate": 0.01}, "has no effect here: it needs architecture = 'vgg'"),
        ({"architecture": "vgg", "vgg.blocks": 3}, "'adam.rate' is missing"),
        ({"architecture": "vgg", "vgg.blocks": 3, "adam.rate": 0.01, "adam.rat": 1}, "Did you mean 'adam.rate'"),
    ],
)
def test_check_says_what_is_wrong(configuration, words):
    with pytest.raises(SpaceError, match=words):
        SPACE.check(configuration)


def test_samples_are_valid_and_cover_the_ends():
    rng = random.Random(0)
    drawn = [SPACE.check(SPACE.sample(rng)) for _ in range(300)]
    assert {d["vgg.blocks"] for d in drawn if d["architecture"] == "vgg"} == {1, 2, 3, 4, 5}


def test_steps_bound_the_edges():
    assert Int(1, 10, step=4).edges() == (1, 9)
    assert not Int(1, 10, step=4).contains(10)


@pytest.mark.parametrize("make", [lambda: Int(3, 2), lambda: Float(0, 1, log=True), Choice, lambda: Choice("a", default="b")])
def test_an_empty_domain_is_refused(make):
    with pytest.raises(SpaceError):
        make()


def test_a_parameter_cannot_depend_on_a_later_one():
    with pytest.raises(SpaceError, match="does not come before"):
        Space((Parameter("b", Int(1, 2), (("a", 1),)), Parameter("a", Int(1, 2))))
