"""When the shapes of a set are extreme."""

import numpy as np
import pytest

from automl_cnn.data.shapes import extreme


@pytest.mark.parametrize(
    ("sizes", "why"),
    [
        ([], ""),
        ([(400, 300)] * 100, ""),
        ([(1920, 1080)] * 50 + [(1080, 1920)] * 50, ""),  # photos of one phone, level and upright
        ([(400, 300)] * 95 + [(3000, 200)] * 5, ""),  # a few odd ones
        ([(600, 100)] * 100, "more than 2 times as long as the other in 100% of the images"),
        ([(100, 600)] * 100, "in 100% of the images"),
        ([(400, 300)] * 70 + [(900, 300)] * 30, "in 30% of the images"),
        ([(400, 210)] * 50 + [(210, 400)] * 50, ""),  # varied, but not by more than four times
        ([(400, 205)] * 50 + [(195, 400)] * 49, "in 49% of the images"),
    ],
)
def test_shapes_are_extreme_where_many_are(sizes, why):
    assert why in extreme(sizes)
    assert bool(extreme(sizes)) is bool(why)


def test_shapes_are_extreme_where_they_vary_much():
    rng = np.random.default_rng(0)
    sizes = [(int(100 * np.exp(turn)), 100) for turn in np.concatenate([rng.uniform(-0.6, 0.6, 70), [0.9] * 15, [-0.9] * 15])]
    assert "times as wide for their height" in extreme(sizes) or "more than 2 times" in extreme(sizes)
    assert not extreme([(int(100 * np.exp(turn)), 100) for turn in rng.uniform(-0.6, 0.6, 100)])


def test_the_size_alone_makes_no_shape_extreme():
    assert not extreme([(40, 30), (4000, 3000), (8000, 6000)] * 10)
