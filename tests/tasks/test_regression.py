"""Numbers: scores, strata, the ridge regression, intervals, and what a card keeps."""

import numpy as np
import pytest

from automl_cnn.records import Calibration
from automl_cnn.tasks import Regression, Target, of_card
from automl_cnn.tasks.conformal import Widths, widths_of
from automl_cnn.tasks.regression import STRATUM, quantiles
from automl_cnn.tasks.task import Judged, Units

AGE, SIZE = Target("age", "years", 40.0, 10.0), Target("size", "", 0.5, 0.1)
RNG = np.random.default_rng(0)
TRUTH = np.stack([RNG.normal(40, 10, 400), RNG.normal(0.5, 0.1, 400)], axis=1)
ANSWERS = TRUTH + RNG.normal(0, (2.0, 0.03), TRUTH.shape)
BOTH = Regression(2, (AGE, SIZE))


def test_errors_count_in_standard_deviations_and_their_mean_is_the_score():
    off = (ANSWERS - TRUTH) / (10.0, 0.1)
    assert BOTH.score("rmse", TRUTH, ANSWERS) == pytest.approx(1 - np.mean(np.sqrt(np.mean(off**2, axis=0))))
    assert BOTH.score("mae", TRUTH, ANSWERS) == pytest.approx(1 - np.mean(np.abs(off)))
    assert BOTH.loss_of(TRUTH, ANSWERS) == pytest.approx(np.mean(off**2))


def test_r2_and_spearman_are_those_of_other_libraries():
    from scipy.stats import spearmanr
    from sklearn.metrics import r2_score

    assert BOTH.score("r2", TRUTH, ANSWERS) == pytest.approx(r2_score(TRUTH, ANSWERS))
    ranked = [spearmanr(TRUTH[:, one], ANSWERS[:, one]).statistic for one in range(2)]
    assert BOTH.score("spearman", TRUTH, ANSWERS) == pytest.approx(np.mean(ranked))


@pytest.mark.parametrize("metric", BOTH.metrics)
def test_perfect_answers_score_1_and_the_mean_about_0(metric):
    assert BOTH.score(metric, TRUTH, TRUTH) == pytest.approx(1.0)
    assert BOTH.baseline(metric, TRUTH, TRUTH) < 0.3
    low, high = BOTH.interval(metric, TRUTH, ANSWERS)
    assert low < BOTH.score(metric, TRUTH, ANSWERS) < high


def test_an_interval_is_wider_where_images_are_versions_of_few_photos():
    alone = np.diff(BOTH.interval("rmse", TRUTH, ANSWERS))
    together = np.diff(BOTH.interval("rmse", TRUTH, ANSWERS, groups=np.arange(400) // 20))
    assert together > 0
    assert BOTH.interval("rmse", TRUTH, ANSWERS, groups=np.arange(400)) == BOTH.interval("rmse", TRUTH, ANSWERS)
    assert alone != together


def test_near_answers_count_as_right():
    one = Regression(1, (AGE,))
    assert one.right(np.array([[40.0], [40.0]]), np.array([[44.9], [45.1]])).tolist() == [True, False]


@pytest.mark.parametrize(("images", "parts"), [(10, 1), (STRATUM * 3, 3), (1000, 10)])
def test_strata_go_from_low_to_high_numbers_with_equal_shares(images, parts):
    truth = RNG.normal(size=(images, 1))
    strata = quantiles(truth)
    assert sorted(set(strata.tolist())) == list(range(parts))
    assert np.ptp(np.bincount(strata)) <= 1
    lowest, highest = truth[strata == 0, 0], truth[strata == parts - 1, 0]
    assert parts == 1 or lowest.max() < highest.min()


def test_equal_numbers_are_in_one_stratum():
    assert len(set(quantiles(np.array([[0.0]] * 150 + [[1.0]] * 150)).tolist())) == 2


def test_a_ridge_regression_finds_a_linear_law_in_the_users_units():
    features = RNG.normal(size=(300, 5)).astype(np.float32)
    truth = 40 + features @ np.array([[3.0], [0.0], [-2.0], [0.0], [1.0]])
    task = Regression(1, (Target("age", "years", float(truth.mean()), float(truth.std())),))
    fitted = task.linear(features, truth, 1.0, balanced=False, seed=0)
    assert np.abs(task.activate(fitted.logits(features)) - truth).max() < 0.2
    assert task.logits(task.activate(fitted.logits(features))) == pytest.approx(fitted.logits(features), abs=1e-5)


def test_intervals_cover_what_they_promise_on_new_images():
    covered = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        known, new = rng.standard_t(3, (400, 1)), rng.standard_t(3, (1000, 1))
        widths = widths_of(known, np.zeros_like(known))
        covered += widths.covered(new, np.zeros_like(new))
    assert 0.89 < np.mean(covered) < 0.915


def test_too_few_images_give_no_interval():
    assert widths_of(np.zeros((8, 1)), np.ones((8, 1))) is None
    assert widths_of(np.zeros((9, 1)), np.ones((9, 1))) == Widths((1.0,))


def test_a_card_gives_the_same_task_back():
    calibration = BOTH.decided(Calibration(1.0, 0.0, 0.0, 0.0, 0.0), TRUTH, ANSWERS)
    card = {"classes": ["age", "size"], **BOTH.stated(), **BOTH.decisions(calibration)}
    again = of_card(card)
    assert again == BOTH.deciding(card)
    assert again.activation == Units((10.0, 0.1), (40.0, 0.5))
    figures = again.of_each(["age", "size"], Judged(truth=TRUTH, answers=ANSWERS))
    assert figures["age"]["rmse"] == pytest.approx(np.sqrt(np.mean((ANSWERS - TRUTH)[:, 0] ** 2)))
    assert figures["age"]["covered"] == pytest.approx(0.9, abs=0.005)
    assert figures["size"]["half_width"] == pytest.approx(calibration.widths[1])


@pytest.mark.parametrize(("labels", "known"), [(("12.5", "3"), [[12.5, 3.0]]), (("12.5",), None), (("many", "3"), None), (("inf", "3"), None)])
def test_a_tables_cells_as_truth(labels, known):
    truth = BOTH.truth_of(labels, ["age", "size"])
    assert (truth is None) if known is None else truth.tolist() == known


def test_values_are_written_with_the_digits_that_matter():
    assert AGE.shown(41.234) == "41.2 years"
    assert Target("price", "$", 1.0, 12345.0).shown(1234567.8) == "1,234,568 $"
    assert Target("share", "", 0.5, 0.001).rounded(0.123456789) == "0.12346"


def test_the_largest_error_in_standard_deviations_is_the_worst_case():
    truth, answers = np.array([[40.0, 0.5], [40.0, 0.5]]), np.array([[48.0, 0.5], [40.0, 0.6]])
    worst = BOTH.mistakes(truth, answers)[0]
    assert (worst.row, worst.output, worst.wanted, worst.given) == (1, 1, (40.0, 0.5), (40.0, 0.6))
