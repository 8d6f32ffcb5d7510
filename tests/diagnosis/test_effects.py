import dataclasses

import numpy as np
import pytest
from diagnosis_fakes import good

from automl_cnn.diagnosis.effects import PRIOR, Belief, belief, helped, measured, pooled
from automl_cnn.paired import TRAINING_SD, difference, packed, unpacked
from automl_cnn.records import Guide, State


def pair(before, after, action="augment on", number=0):
    """Two trials of which one is the other's counterfactual, right on these images."""
    one, other = (
        dataclasses.replace(good(number=number + step), score=float(np.mean(right)), right=packed(right), interval=(0.4, 0.6))
        for step, right in enumerate((before, after))
    )
    return one, dataclasses.replace(other, guide=Guide("overfitting", action, one.number, one.number), stage="guided")


def test_what_is_packed_is_unpacked():
    for count in (0, 1, 8, 13):
        right = np.random.default_rng(count).random(count) < 0.5
        assert unpacked(packed(right)).tolist() == right.tolist()


def test_pairs_tell_a_difference_far_better_than_scores_alone():
    right = np.random.default_rng(0).random(400) < 0.5
    better = right.copy()
    better[np.flatnonzero(~right)[:20]] = True
    one, other = pair(right, better)
    gain, sd = difference(one, other)
    assert gain == pytest.approx(0.05)
    assert sd == pytest.approx(np.hypot(np.sqrt(0.05 * 0.95 / 400), np.sqrt(2) * TRAINING_SD), rel=0.05)
    alone = difference(dataclasses.replace(one, right=None), other)
    assert alone[0] == gain
    assert alone[1] > 3 * sd


def test_trials_on_other_images_are_not_paired():
    one, other = pair(np.ones(10, bool), np.ones(10, bool))
    assert difference(dataclasses.replace(one, right=packed(np.ones(11, bool))), other)[1] > 0.05
    assert difference(dataclasses.replace(one, score=None), other) is None


def test_effects_are_those_of_counterfactuals_that_ended():
    one, other = pair(np.zeros(100, bool), np.ones(100, bool))
    assert measured([one, other])["augment on"][0][0] == 1.0
    assert measured([one, dataclasses.replace(other, state=State.FAILED, score=None)]) == {}
    assert measured([other]) == {}


def test_belief_begins_at_the_prior_and_learns():
    assert belief([]) == Belief(0.0, pytest.approx(PRIOR))
    once, thrice = belief([(-0.05, 0.02)]), belief([(-0.05, 0.02)] * 3)
    assert -0.05 < thrice.mean < once.mean < 0
    assert thrice.sd < once.sd < PRIOR
    assert thrice.hope < 0 < belief([(0.0, 0.02)]).hope < belief([(0.03, 0.02)]).hope


def test_the_table_says_what_helped_best_first_with_intervals():
    right = np.random.default_rng(0).random(400) < 0.5
    worse, better = right.copy(), right.copy()
    worse[np.flatnonzero(right)[:40]] = False
    better[np.flatnonzero(~right)[:40]] = True
    trials = [*pair(right, better), *pair(right, worse, "wider", 2), *pair(right, better, number=4), *pair(right, better, number=6)]
    first, last = helped(trials)
    assert (first.action, first.tried, last.action, last.tried) == ("augment on", 3, "wider", 1)
    assert first.mean == pytest.approx(0.1)
    assert 0 < first.interval[0] < 0.1 < first.interval[1]
    assert last.interval is None, "one trial does not tell how effects differ"
    assert helped([]) == ()


def test_effects_that_differ_more_widen_the_interval():
    alike, apart = ([(0.02 + shift, 0.01) for shift in shifts] for shifts in ((-0.005, 0.0, 0.005), (-0.05, 0.0, 0.05)))
    (_, low), (_, wide) = pooled(alike), pooled(apart)
    assert wide[1] - wide[0] > 3 * (low[1] - low[0])
    assert wide[0] < 0 < wide[1]


@pytest.mark.parametrize("number", [2, 3, 6])
@pytest.mark.parametrize("between", [0.0, 0.01, 0.04])
def test_intervals_hold_what_they_promise(number, between):
    draw = np.random.default_rng(number)
    hits, runs = 0, 1500
    for _ in range(runs):
        deviations = draw.uniform(0.01, 0.03, number)
        values = 0.01 + draw.normal(0, np.hypot(deviations, between))
        low, high = pooled(list(zip(values, deviations, strict=True)))[1]
        hits += low <= 0.01 <= high
    assert hits / runs > 0.93
