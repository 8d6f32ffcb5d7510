"""Scores of errors read as errors: in the user's unit, with lower as better, in every sentence; other scores read as they are."""

import dataclasses

import numpy as np
import pytest

from automl_cnn.caveats import behind
from automl_cnn.measure import Measure, ahead_by, amount, apart, better, change_with_margin, named, noun, points, reaching, verb_of, worse
from automl_cnn.paired import packed
from automl_cnn.records import Fidelity, Folds, State, StudyResult, Trial
from automl_cnn.scaling import PAPER, Coefficients, choose
from automl_cnn.scored import ahead, folded
from automl_cnn.squares import Choice, Comparison, Score
from automl_cnn.study.finish.refits import objection
from automl_cnn.study.running.executors.protocol import Refitted
from automl_cnn.tasks import words_for

DATA = {
    "task": "regression",
    "classes": ["age"],
    "targets": [{"name": "age", "unit": "years", "mean": 40.0, "sd": 20.0}],
    "splits": {"train": [70], "val": [20], "test": [20]},
    "images_by_split": {"train": 70, "val": 20, "test": 20},
    "same_answer": {"val": {"rmse": 0.0, "mae": 0.1, "r2": 0.0}, "test": {"rmse": -0.01, "r2": 0.0}},
}
RMSE, R2, ACCURACY = Measure.of("rmse", DATA), Measure.of("r2", DATA), Measure.of("accuracy", {})
SEVERAL = Measure.of("mae", {**DATA, "classes": ["x", "y"], "targets": [{"name": name, "unit": "", "mean": 0, "sd": 3} for name in "xy"]})


def trial(number, score, right=90, **changes):
    of = packed((np.arange(100) + 5 * number) % 100 < right)
    return Trial(number, {"architecture": "vgg"}, Fidelity(3), "why", "search", State.COMPLETE, score, right=of, mult_adds=10_000_000, **changes)


def test_errors_have_a_unit_and_lower_is_better():
    assert (noun(RMSE), better(RMSE), worse(RMSE), reaching(RMSE)) == ("error", "lower", "higher", "ends at")
    assert (amount(RMSE, -0.1), points(RMSE, 0.05), apart(RMSE, 0.1, 0.05)) == ("2.0 years", "1.0 years", "2.0 ± 1.0 years")
    assert ahead_by(RMSE, 0.1, 0.05) == "had an error 2.0 ± 1.0 years lower"
    assert [change_with_margin(RMSE, sign * 0.1, 0.05) for sign in (1, -1)] == ["-2.0 ± 1.0 years", "+2.0 ± 1.0 years"]
    assert verb_of(RMSE) == "has an RMSE of"
    assert amount(SEVERAL, 0.25) == "0.250 standard deviations"


@pytest.mark.parametrize("metric", [R2, ACCURACY, "f1"])
def test_other_scores_read_as_they_are(metric):
    assert (noun(metric), better(metric), worse(metric), reaching(metric), verb_of(metric)) == ("score", "higher", "lower", "begins at", "scores")
    assert (amount(metric, -0.1), points(metric, 0.05), apart(metric, 0.1, 0.05)) == ("0.100", "5 points", "0.100 ± 0.050")
    assert ahead_by(metric, 0.1, 0.05) == "scored 0.100 ± 0.050 more"
    assert [change_with_margin(metric, sign * 0.1, 0.05) for sign in (1, -1)] == ["+0.100 ± 0.050", "-0.100 ± 0.050"]


@pytest.mark.parametrize(
    ("metric", "words"), [("rmse", "an RMSE"), ("mae", "an MAE"), ("r2", "an R²"), ("spearman", "a spearman"), ("accuracy", "an accuracy"), ("f1", "an f1")]
)
def test_a_metric_has_the_article_of_its_name(metric, words):
    assert named(metric) == words


def test_a_trial_ahead_by_chance_has_a_lower_error():
    best = trial(3, 0.90)
    assert ahead([best, trial(4, 0.91)], best, RMSE).startswith("Trial 4 has an error that is 0.2 years lower, which is within chance (up to ")
    assert ahead([best, trial(4, 0.91)], best, R2).startswith("Trial 4 scores 0.010 more")


def test_folds_read_in_the_unit_with_the_lower_end_first():
    folds = Folds(2, (0.9, 0.8), 100, 0.85, (0.8, 0.9))
    assert folded(folds, RMSE) == "3.0 years (2.0 to 4.0) over 100 images in 2 folds: mean 3.0 years, standard deviation 1.4 years, from 2.0 to 4.0"
    assert folded(folds, R2).startswith("0.850 (0.800 to 0.900) over 100 images in 2 folds: mean 0.850")


@pytest.mark.parametrize(
    ("metric", "score", "span", "words"),
    [
        ("rmse", -0.05, (-0.2, 0.1), "is no better than always predicting the mean of the training images: its test RMSE is 21.0 years, that of"),
        ("rmse", 0.05, (-0.1, 0.2), "the 95 % interval of its test RMSE ends at 22.0 years, and the constant prediction has 20.2 years"),
        ("r2", 0.05, (-0.1, 0.2), "the 95 % interval of its test R² begins at -0.100, and the constant prediction has 0.000"),
        ("rmse", 0.5, (0.4, 0.6), ""),
    ],
)
def test_a_model_that_is_no_better_than_the_mean_is_named(metric, score, span, words):
    result = StudyResult("s", metric, {}, 1, 1, score, span, score, span, 1, 1.0, "m", 0, "budget")
    sentences = behind(DATA, result)
    assert words in " ".join(sentences)
    assert bool(sentences) is bool(words)


def test_a_refit_is_refused_in_words_of_numbers():
    words = words_for("regression")
    assert "it is within half a standard deviation on fewer of them (0.700 against 0.800)" in objection(Refitted(100, 0.7, 0.8, 0.1, 0.5), words)
    assert "its mean squared error in standard deviations was higher on them" in objection(Refitted(100, 0.9, 0.8, 0.9, 0.5), words)


def test_the_chosen_coefficients_name_the_error_they_gave_up():
    other = Coefficients(2.0, 1.0, 1.0)
    assert "had an error 0.2 ± 0.4 years lower, which may be chance" in choose({PAPER: 0.9, other: 0.91}, {PAPER: (0.01, 0.01), other: (0, 0)}, RMSE).why


def test_ways_to_make_images_square_are_compared_by_their_errors():
    right = packed(np.ones(9, bool))
    scores = {fit: Score(score, (score - 0.05, score + 0.05), right) for fit, score in (("pad", 0.9), ("squash", 0.8), ("crop", 0.7))}
    choice = Choice("pad", "wide", "rmse", "vgg", 64, Comparison(9, 0.1, scores), scale=RMSE.scale, unit=RMSE.unit, digits=RMSE.digits)
    assert "(RMSE with 95 % intervals): pad 2.0 years (1.0 to 3.0), squash 4.0 years" in choice.sentence
    assert Choice.of(choice.as_dict()) == choice
    assert "pad 0.900 (0.850 to 0.950)" in dataclasses.replace(choice, metric="r2", scale=None, unit="", digits=3).sentence
