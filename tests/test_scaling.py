"""Compound scaling: the rule by itself, and what it makes of the built-in architectures."""

import itertools
import math

import pytest

from automl_cnn import registry
from automl_cnn.errors import ConfigError
from automl_cnn.models.estimate import estimate
from automl_cnn.models.net import EARLY_STRIDE_FROM
from automl_cnn.records import NetCost
from automl_cnn.scaling import (
    EFFICIENTNETS,
    OFF,
    PAPER,
    STRIDES_FROM,
    TOLERANCE,
    WAYS,
    Coefficients,
    choose,
    grid,
    growth,
    limit,
    matched,
    mean,
    published_rounding,
    rounded,
    scaled,
)

BASE = {"architecture": "any", "resolution": 128}
B_PARAMS = (5_288_548, 7_794_184, 9_109_994, 12_233_232, 19_341_616, 30_389_784, 43_040_704, 66_347_960)
TABLE_3 = [  # architecture, parameters, depth, width, resolution multiplier, the paper's G FLOPs
    ("mobilenet", {}, 1.0, 2.0, 1.0, 2.2),
    ("mobilenet", {}, 1.0, 1.0, 2.0, 2.2),
    ("mobilenet", {}, 1.4, 1.2, 1.3, 2.3),
    ("mobilenet_v2", {}, 4.0, 1.0, 1.0, 1.2),
    ("mobilenet_v2", {}, 1.0, 2.0, 1.0, 1.1),
    ("mobilenet_v2", {}, 1.0, 1.0, 2.0, 1.2),
    ("mobilenet_v2", {}, 1.4, 1.2, 1.3, 1.3),
    ("resnet", {"resnet.variant": 50}, 1.0, 1.0, 2.0, 16.4),
    ("resnet", {"resnet.variant": 50, "resnet.downsample": "1x1"}, 1.0, 2.0, 1.0, 14.7),
]


def smooth(configuration):
    """A network without any rounding."""
    return NetCost(1000, int(1e8 * configuration.get("depth", 1) * configuration.get("width", 1) ** 2 * (configuration["resolution"] / 128) ** 2), 10)


def mult_adds(configuration):
    return smooth(configuration).mult_adds


@pytest.fixture(scope="module")
def cost():
    plugins, known = registry.load(), {}

    def asked(configuration):
        key = tuple(configuration.items())
        if key not in known:
            paid = estimate(configuration, plugins, classes=1000, channels=3)
            known[key] = NetCost(paid.params, paid.mult_adds, 1)
        return known[key]

    return asked


def test_every_point_of_the_grid_doubles_the_cost_and_shrinks_nothing():
    points = grid()
    assert len(set(points)) == len(points) == 10
    assert PAPER in points
    for point in points:
        assert min(point.alpha, point.beta, point.gamma) >= 1
        assert point.product == pytest.approx(2, rel=TOLERANCE)
    assert {(point.alpha, point.beta, point.gamma) for point in points} >= {(2.0, 1.0, 1.0), (1.0, 1.414, 1.0), (1.0, 1.0, 1.414)}


def test_without_room_for_resolution_the_grid_is_over_depth_and_width():
    assert {point.gamma for point in grid(resolution=False)} == {1.0}
    assert len(grid(resolution=False)) == 4


@pytest.mark.parametrize(("values", "words"), [((0.9, 1.3, 1.2), "alpha = 0.9"), ((1.2, 1.4, 1.4), "expected 1.8 to 2.2"), ((math.nan, 1.1, 1.1), "alpha")])
def test_coefficients_that_are_no_rule_are_refused(values, words):
    with pytest.raises(ConfigError, match=words):
        Coefficients(*values)


def test_phi_grows_the_three_together_and_each_whole_phi_doubles():
    one, two = scaled(BASE, 1, PAPER), scaled(BASE, 2, PAPER)
    assert (one.depth, one.width, one.resolution) == (1.2, 1.1, 144)  # 147.2 px, in eights
    assert (two.depth, two.width, two.resolution) == (1.44, 1.21, 168)
    assert one.predicted == pytest.approx(1.2 * 1.1**2 * (144 / 128) ** 2)
    assert 1 < scaled(BASE, 0.5).depth < one.depth
    assert scaled({**BASE, "resolution": 37}, 0).resolution == 37


def test_a_scaled_configuration_keeps_all_else():
    base = {**BASE, "width": 0.5, "depth": 2.0, "optimizer": "sgd"}
    assert scaled(base, 1).of(base) == {**base, "depth": 2.4, "width": 0.55, "resolution": 144}


def test_resolution_stops_at_what_the_images_hold_and_depth_and_width_take_over():
    network = scaled(BASE, 3, PAPER, largest=150)
    assert network.resolution == 150
    assert "images hold about 150 px" in network.held
    assert network.predicted == pytest.approx(PAPER.product**3, rel=0.01)
    assert network.depth > PAPER.alpha**3
    assert scaled(BASE, 3, PAPER, largest=1024).held == ""


def test_resolution_alone_cannot_grow_beyond_the_images():
    network = scaled(BASE, 2, WAYS["resolution"], largest=128)
    assert (network.depth, network.width, network.resolution, network.predicted) == (1.0, 1.0, 128, 1.0)


@pytest.mark.parametrize(("size", "most"), [(32, 63), (60, 63), (64, 127), (100, 127), (128, 512)])
def test_no_network_is_scaled_over_an_early_stride(size, most):
    assert STRIDES_FROM == EARLY_STRIDE_FROM
    assert limit(size, 512)[0] == most
    assert scaled({**BASE, "resolution": size}, 9, largest=512).resolution <= most


@pytest.mark.parametrize(("size", "expected"), [(3, 4), (33, 32), (36.8, 36), (61, 60), (66, 64), (240.2, 240), (296.2, 296)])
def test_pixels_halve_evenly(size, expected):
    assert rounded(size) == expected


@pytest.mark.parametrize("way", [*WAYS.values(), PAPER])
@pytest.mark.parametrize("target", [1.7e8, 4e8, 9e8])
def test_a_cost_target_is_met_by_whatever_way(way, target):
    assert smooth(matched(BASE, way, target, mult_adds).of(BASE)).mult_adds == pytest.approx(target, rel=0.06)


@pytest.mark.parametrize("way", [WAYS["width"], PAPER])
def test_a_cost_below_the_baselines_is_met_too(way):
    base = {"resolution": 96, "width": 1.0, "depth": 2.0}
    paid = smooth(base).mult_adds
    network = matched(base, way, paid / 3, mult_adds)
    assert smooth(network.of(base)).mult_adds == pytest.approx(paid / 3, rel=0.15)
    assert network.phi < 0
    assert network.width < 1.0


def test_a_target_that_rounding_forbids_is_met_as_nearly_as_can_be():
    def steps(configuration):  # two repeats
        return NetCost(1, int(1e8 * math.ceil(2 * configuration.get("depth", 1)) / 2), 1)

    assert steps(matched(BASE, WAYS["depth"], 1.45e8, lambda configuration: steps(configuration).mult_adds).of(BASE)).mult_adds == 1.5e8


def test_the_grids_choice_is_the_best_unless_the_papers_cannot_be_told_from_it():
    best, other = Coefficients(2, 1, 1), Coefficients(1.0, 1.414, 1.0)
    scores = {best: 0.8, PAPER: 0.78, other: 0.6}
    unsure = choose(scores, {best: (0.0, 0.02), PAPER: (0.02, 0.02), other: (0.2, 0.02)})
    assert unsure.coefficients == PAPER
    assert set(unsure.tied) == {best, PAPER}
    assert "may be chance" in unsure.why
    sure = choose(scores, {best: (0.0, 0.005), PAPER: (0.02, 0.005), other: (0.2, 0.005)})
    assert sure.coefficients == best
    assert choose({PAPER: 0.8, best: 0.79}, {PAPER: (0, 0.1), best: (0.01, 0.1)}).coefficients == PAPER


def test_more_seeds_narrow_the_interval_no_further_than_the_images_do():
    one, span = mean([0.7], [(0.6, 0.8)])
    assert (one, span) == (0.7, pytest.approx((0.6, 0.8), abs=1e-6))
    middle, (low, high) = mean([0.6, 0.7, 0.8], [(0.6, 0.8)] * 3)
    assert middle == pytest.approx(0.7)
    assert high - low > 0.2
    assert mean([0.5], [None]) == (0.5, None)


def test_a_growth_by_the_rule_needs_no_reason_and_another_gets_one():
    assert [row.reason for row in growth(BASE, [0.5, 1, 2], smooth)] == [""] * 3
    far = growth(BASE, [3], smooth)[0]
    assert far.off < -OFF
    assert "alpha·beta²·gamma² is 1.92" in far.reason

    def steps(configuration):
        return smooth({**configuration, "depth": math.ceil(configuration.get("depth", 1))})

    assert growth(BASE, [1], steps)[0].reason.startswith("depth x1.67 (repeats are rounded up")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_papers_coefficients_and_phi_give_the_published_multipliers_up_to_b3(number):
    row = EFFICIENTNETS[number]
    assert published_rounding(row.phi) == (row.width, row.depth, row.resolution)


@pytest.mark.parametrize("row", EFFICIENTNETS[:4], ids=lambda row: row.name)
def test_efficientnets_have_the_papers_parameters(cost, row):
    configuration = {"architecture": "efficientnet", "resolution": 224, "width": row.width, "depth": row.depth}
    assert cost(configuration).params == B_PARAMS[EFFICIENTNETS.index(row)]


@pytest.mark.slow
@pytest.mark.parametrize("row", EFFICIENTNETS[4:], ids=lambda row: row.name)
def test_large_efficientnets_have_the_papers_parameters(cost, row):
    configuration = {"architecture": "efficientnet", "resolution": 224, "width": row.width, "depth": row.depth}
    assert cost(configuration).params == B_PARAMS[EFFICIENTNETS.index(row)]


@pytest.mark.parametrize(("architecture", "given", "depth", "width", "resolution", "paper"), TABLE_3)
def test_the_papers_table_3(cost, architecture, given, depth, width, resolution, paper):
    configuration = {"architecture": architecture, **given, "resolution": rounded(224 * resolution), "depth": depth, "width": width}
    assert cost(configuration).mult_adds / 1e9 == pytest.approx(paper, rel=0.05)


def test_resnet_50_scaled_by_the_papers_rule_costs_what_its_table_3_says(cost):
    base = {"architecture": "resnet", "resnet.variant": 50, "resolution": 224}
    assert cost(scaled(base, 2).of(base)).mult_adds / 1e9 == pytest.approx(16.7, rel=0.05)


@pytest.mark.parametrize("architecture", ["simple_cnn", "mobilenet"])
def test_the_cost_grows_by_the_rule_or_the_reason_is_shown(cost, architecture):
    explained(growth({"architecture": architecture, "resolution": 128}, [0.5, 2], cost))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", registry.load().names("architecture"))
def test_every_architectures_cost_grows_by_the_rule_or_the_reason_is_shown(cost, architecture):
    explained(growth({"architecture": architecture, "resolution": 224}, [0.5, 1, 2, 3], cost))


def explained(rows):
    for row in rows:
        assert abs(row.off) <= OFF or row.reason
        assert 0.5 < row.actual / row.predicted < 2.5
    assert all(one.actual < other.actual for one, other in itertools.pairwise(rows))
