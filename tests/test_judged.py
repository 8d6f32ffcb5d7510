"""The words beside a score are true to the record."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from automl_cnn.judged import is_crossed, kind, not_new, over, refit_of, scored_splits
from automl_cnn.paired import packed
from automl_cnn.records import Fidelity, Refit, State, Trial
from automl_cnn.scored import ahead

REFIT = Refit(1551, 1091)


def right(count: int, shift: int = 0) -> str:
    """Correct answers to `count` of 100 images; with another `shift`, to others."""
    return packed((np.arange(100) + shift) % 100 < count)


def trial(number: int, correct: int, mult_adds: int = 10_000_000, **changes) -> Trial:
    given = {"score": correct / 100, "right": right(correct, 5 * (number > 3)), "mult_adds": mult_adds, "state": State.COMPLETE, **changes}
    return Trial(number, {"architecture": "vgg"}, Fidelity(3), "a reason", "search", **given)


def crossed(number: int, correct: int, on_validation: float, **changes) -> Trial:
    return trial(
        number, correct, folds=5, val_score=on_validation, cross_right=right(correct, 5 * (number > 3)), right=right(round(100 * on_validation)), **changes
    )


def test_a_score_has_a_kind_and_images():
    assert (kind(0), over(0), scored_splits(0)) == ("validation", "validation images", ("val",))
    assert (kind(5), over(5), scored_splits(5)) == ("5-fold cross-validation", "training and validation images", ("train", "val"))
    assert is_crossed([trial(0, 90), crossed(1, 90, 0.9)])
    assert not is_crossed([trial(0, 90), dataclasses.replace(crossed(1, 90, 0.9), score=None)])


def test_a_trial_ahead_by_chance_is_named_with_what_it_costs():
    best = trial(3, 90)
    error = "(up to 0.030)"
    assert ahead([best, trial(7, 91, 20_000_000)], best) == (
        f"Trial 7 scores 0.010 more, which is within chance {error}. It costs more: 20.0M mult-adds against 10.0M."
    )
    assert "costs more" not in ahead([best, trial(7, 91, 10_000_400)], best), "both read 10.0M"
    assert ahead([best, trial(7, 91)], best) == f"Trial 7 scores 0.010 more, which is within chance {error}."


def test_nothing_is_claimed_where_it_is_not_true():
    best = trial(3, 90)
    assert ahead([best], best) == ""
    assert ahead([best, trial(7, 90), trial(8, 80)], best) == ""
    assert ahead([best, trial(7, 99)], best) == ""  # that is more than chance
    assert ahead([best, trial(7, 91, right=None)], best) == ""  # it is not known what is chance


def test_scores_of_two_kinds_are_compared_with_the_readouts_luck_taken_off():
    best = crossed(3, 88, 0.9)
    assert ahead([best, trial(7, 91)], best).startswith("Trial 7 scores 0.021 more, as far as the two kinds of score can be compared, which is within chance")
    assert ahead([best, crossed(8, 89, 0.8)], best).startswith("Trial 8 scores 0.010 more, which is within chance")


@pytest.mark.parametrize("refit", [REFIT, dataclasses.replace(REFIT, splits=("train", "val"), kept="no time was left")])
def test_a_stored_refit_keeps_its_sentence(refit):
    stored = json.loads(json.dumps(dataclasses.asdict(refit)))
    assert refit_of(stored).sentence == refit.sentence
    assert refit_of({**stored, "from_a_later_version": 1}).sentence == refit.sentence


def test_without_a_refit_there_is_none():
    assert refit_of(None) is refit_of({}) is None


def test_accuracy_on_images_that_were_learned_from_is_no_score():
    assert not_new(REFIT).startswith("The model was trained on the validation and test images too.")
    assert not_new(dataclasses.replace(REFIT, splits=("train", "val"))).startswith("The model was trained on the validation images too.")
    assert not_new(None) == not_new(dataclasses.replace(REFIT, kept="no time was left")) == ""
