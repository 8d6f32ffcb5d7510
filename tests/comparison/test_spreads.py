"""Variances drawn together: intervals that hold as often as they say, whether networks vary alike or not."""

import numpy as np
import pytest
from scipy import special, stats

from automl_cnn.comparison.spreads import MOST, _inverse_trigamma, _prior, drawn_together, least


def held(deviations, *, studies=400, seeds=3):
    """For each network, how often the 95 % interval of the mean of its seeds holds the truth, and how wide it is on average."""
    rng = np.random.default_rng(0)
    inside, widths = np.zeros(len(deviations)), np.zeros(len(deviations))
    for _ in range(studies):
        values = rng.normal(size=(len(deviations), seeds)) * np.array(deviations)[:, None]
        drawn = drawn_together(values.var(axis=1, ddof=1).tolist(), [seeds - 1] * len(deviations))
        halves = np.array([stats.t.ppf(0.975, freedom) * np.sqrt(variance / seeds) for variance, freedom in drawn])
        inside += np.abs(values.mean(axis=1)) <= halves
        widths += halves
    return inside / studies, widths / studies


def test_networks_that_vary_alike_share_one_variance():
    inside, widths = held([1.0] * 12)
    assert inside.min() > 0.9
    assert inside.mean() == pytest.approx(0.95, abs=0.02)
    alone = stats.t.ppf(0.975, 2) / np.sqrt(3)  # of a network on its own, about
    assert widths.mean() < 0.6 * alone


def test_networks_that_diverge_do_not_blur_the_others():
    deviations = [0.01] * 8 + [0.3] * 4
    inside, widths = held(deviations)
    assert inside.min() > 0.85
    assert inside.mean() > 0.9
    pooled = stats.t.ppf(0.975, 24) * np.sqrt(np.mean(np.square(deviations)) / 3)
    assert widths[:8].mean() < 0.3 * pooled, "a network that always learns has an interval of its own"
    assert widths[8:].mean() > pooled, "and one that does not has a wide one"


def test_the_common_variance_is_found_where_it_is_known():
    """Variances drawn as the method says they are: the common one 4, worth 6 degrees of freedom."""
    rng = np.random.default_rng(1)
    true = 4.0 * 6 / rng.chisquare(6, 4000)
    seen = true * rng.chisquare(2, 4000) / 2
    common, prior = _prior(seen, np.full(4000, 2.0))
    assert common == pytest.approx(4.0, rel=0.1)
    assert prior == pytest.approx(6.0, rel=0.2)


def test_few_networks_and_networks_without_spread():
    assert drawn_together([1.0, 3.0], [2, 2]) == [(2.0, 4.0)] * 2, "two do not tell how alike they are"
    assert drawn_together([], []) == []
    assert _prior(np.ones(5), np.full(5, 2.0))[1] >= MOST


@pytest.mark.parametrize("number", [0.001, 0.1, 1.0, 7.0, 1e4])
def test_the_inverse_of_trigamma(number):
    assert _inverse_trigamma(float(special.polygamma(1, number))) == pytest.approx(number, rel=1e-3)


def test_equal_shares_are_known_to_a_step():
    assert least([0.5, 0.5, 0.51, 0.6]) == pytest.approx(0.01**2 / 12)
    assert least([0.5, 0.5]) == 0
