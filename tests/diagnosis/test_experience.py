"""What earlier studies measured of an action, as the belief that a new study begins with."""

import dataclasses

import numpy as np
import pytest
from diagnosis_fakes import good

from automl_cnn.diagnosis.effects import UNKNOWN
from automl_cnn.diagnosis.experience import BETWEEN_SETS, Effect, Experience
from automl_cnn.paired import packed
from automl_cnn.records import Guide


def study(gain, action="augment on"):
    """A trial, and one change of it whose score is higher by `gain` on 200 images."""
    parent = good(number=0, score=0.8, right=packed(np.arange(200) < 160))
    child = good(number=1, score=0.8 + gain, right=packed(np.arange(200) < 160 + 200 * gain), guide=Guide("overfitting", action, 0, 0))
    return (parent, child)


def test_an_action_that_nobody_tried_is_unknown():
    assert Experience().prior("augment on") == UNKNOWN
    assert Experience().beliefs(())("augment on") == UNKNOWN


def test_what_helped_elsewhere_is_expected_to_help_and_what_did_not_is_not_hoped_for():
    helped = Experience.of([(1000, study(0.05))] * 3, 1000)
    harmed = Experience.of([(1000, study(-0.08))] * 6, 1000)
    assert helped.prior("augment on").mean > 0.02
    assert helped.prior("dropout on") == UNKNOWN
    assert harmed.prior("augment on").hope < 0


def test_experience_is_less_sure_than_a_measurement_here_and_less_the_more_sizes_differ():
    near, far = (Experience.of([(count, study(0.05))], 1000).prior("augment on") for count in (1000, 100_000))
    assert 0 < far.mean < near.mean
    assert near.sd < far.sd < UNKNOWN.sd
    own = Experience((), 1000).beliefs(study(0.05))("augment on")
    assert own.mean > near.mean


def test_many_studies_never_make_a_prior_certain():
    prior = Experience(tuple(Effect("wider", 1000, 0.02, 0.001) for _ in range(1000)), 1000).prior("wider")
    assert prior.mean == pytest.approx(0.02, abs=0.001)
    assert 0.005 < prior.sd < BETWEEN_SETS


def test_this_study_overrules_earlier_ones_in_the_end():
    earlier = Experience.of([(1000, study(0.08))] * 10, 1000)
    parent, child = study(-0.05)
    here = [parent, *(dataclasses.replace(child, number=number) for number in range(1, 9))]
    assert earlier.prior("augment on").mean > 0.04
    assert earlier.beliefs(here)("augment on").mean < 0


def test_it_survives_json():
    known = Experience.of([(1000, study(0.05))], 500)
    assert Experience.from_list(known.as_list(), 500) == known
