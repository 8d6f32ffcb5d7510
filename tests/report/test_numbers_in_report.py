"""The report where images have numbers: errors in their unit, truths against answers, the largest errors, and no word of classes or confidence."""

import dataclasses
import re

import pytest
from report_fakes import AGES, CALIBRATION, ERRORS, POINTS, checked, numbered, problem, result, seen, study, trial, two_numbers

from automl_cnn.diagnosis import title
from automl_cnn.facts import Effect
from automl_cnn.measure import Measure
from automl_cnn.records import Folds
from automl_cnn.report import charts, page, view
from automl_cnn.report.training import differences
from automl_cnn.tasks import words_for


def large_print(facts):
    return {tile.label: (tile.value, tile.note) for tile in view(facts).tiles}


def test_the_verdict_is_an_error_in_its_unit_with_the_lower_end_first():
    verdict = view(numbered()).verdict
    assert "reached an RMSE of 3.2 years (95 % interval 2.2 to 4.4) on the 20 test images, which it had never seen" in verdict
    assert "always predicting the mean of the training images would give 20.0 years." in verdict


def test_large_print_has_the_errors_and_that_of_answering_the_mean():
    tiles = large_print(numbered())
    assert tiles["RMSE, test"] == ("3.2 years", "2.2 to 4.4")
    assert tiles["RMSE, validation"] == ("3.6 years", "2.8 to 4.6")
    assert tiles["MAE, test"] == ("2.5 years", "")
    assert tiles["R², test"] == ("0.974", "")
    assert tiles["RMSE, always predicting the mean"] == ("20.0 years", "")
    by_r2 = large_print(numbered(metric=Measure.of("r2", AGES)))
    assert (by_r2["R², test"][0], by_r2["RMSE, test"][0], by_r2["MAE, test"][0]) == ("0.840", "3.2 years", "2.5 years")


def test_several_numbers_count_in_standard_deviations_and_have_their_own_errors():
    tiles = large_print(two_numbers())
    assert tiles["RMSE, test"] == ("0.150", "standard deviations, 0.100 to 0.210")
    assert tiles["x: RMSE, test"] == ("0.50 mm", "MAE 2.50 mm, R² 0.974")
    assert tiles["y: RMSE, test"][0] == "0.012"
    shown = view(two_numbers()).numbers
    assert [row[0] for row in shown.rows] == [one.title for one in shown.each] == ["x (mm)", "y"]


def test_each_number_has_a_row():
    shown = view(numbered()).numbers
    assert (shown.heading, shown.split) == ("Number by number", "test")
    assert shown.rows == (("age (years)", "3.2", "2.5", "0.974", "0.981", "± 5.1", "90.0 %"),)
    assert len(shown.head) == len(shown.rows[0])


def test_without_a_result_the_figures_are_those_of_the_images_that_were_looked_at():
    widths = {**CALIBRATION, "thresholds": [], "widths": [1.0]}
    for other in ({**result(trial(0, 0.7)), "per_label": ERRORS}, {**result(trial(1, 0.82), None), "calibration": widths}):
        shown = view(numbered(None, result=other)).numbers
        assert (shown.split, shown.drawn) == ("validation", "validation")
        assert shown.rows[0][1] == f"{(4 * 13 / 20) ** 0.5:.1f}"
    assert shown.rows[0][5:] == ("± 1.0", "35.0 %")
    assert "35.0\xa0% lie within ± 1.0 years of the prediction" in shown.each[0].sentence
    assert view(numbered(evidence=None, result=None)).numbers is None


def test_truths_and_answers_are_those_of_the_test_images_where_there_are_some():
    assert view(numbered()).numbers.drawn == "test"
    (one,) = view(numbered()).numbers.each
    assert one.sentence == "Of these true values, 100.0\xa0% lie within ± 5.1 years of the prediction; 90\xa0% were expected. The largest error is 2.0 years."
    for chart in (one.agreement, one.errors):
        assert chart.count("<circle") == 20
        assert 'class="band"' in chart
        assert "true 5.0, predicted 5.0, off by +0.0" in chart
    high = tuple((truth, answer + 3) for truth, answer in POINTS)
    assert "Predictions are too high by 2.9 years on average." in view(numbered(evidence=seen((high,)))).numbers.each[0].sentence


def test_without_an_interval_there_is_no_band():
    facts = numbered(result={**result(trial(1, 0.8)), "per_label": {"age": {**ERRORS["age"], "half_width": None, "covered": None}}})
    shown = view(facts).numbers
    assert shown.rows[0][5:] == ("-", "-")
    assert 'class="band"' not in shown.each[0].agreement + shown.each[0].errors
    assert "90 % interval</span>" not in page(facts)


def test_of_many_images_only_the_farthest_have_a_mark_of_their_own():
    many = tuple((float(number), number + (100.0 if number == 7 else 0.1)) for number in range(400))
    chart = charts.agreement("many", many, ("truth", "answer"), None, 1)
    assert (chart.count("<circle"), chart.count("h0")) == (charts.FAR, 400)
    assert "off by +100.0" in chart
    facts = numbered(evidence=seen(test=(many,)), data={**AGES, "images_by_split": {"train": 60, "val": 20, "test": 5000}})
    assert view(facts).numbers.each[0].sentence.startswith("400 of the 5,000 test images, drawn at random.")


@pytest.mark.parametrize("pairs", [((3.0, 3.0),), ((1.0, 1e9), (-1e9, 2.0)), tuple((1.0, 2.0) for _ in range(30))])
def test_odd_numbers_can_be_drawn(pairs):
    for chart in (charts.agreement("odd", pairs, ("truth", "answer"), 1e12, 2), charts.errors("odd", pairs, ("truth", "off"), 0.0, 2)):
        assert chart.startswith("<svg")
        assert "nan" not in chart
    assert charts.agreement("none", (), ("truth", "answer"), None, 2) == charts.errors("none", (), ("truth", "off"), None, 2) == ""


def test_the_largest_errors_say_what_is_wrong():
    high, low = view(numbered()).mistakes
    assert (high.error, high.has, high.answered) == ("too high by 4.5 years", "30.0 years", "34.5 years")
    assert low.error == "too low by 4.0 years"
    (one,) = view(two_numbers()).mistakes
    assert (one.error, one.has, one.answered) == ("y is too high by 0.200", "x 1.00 mm, y 5.000", "x 1.50 mm, y 5.200")
    text = page(numbered())
    assert "Its largest errors on the validation images" in text
    assert "truth: 30.0 years<br>predicted: 34.5 years" in text
    assert "what raised the number in question" in text


def test_the_leaderboard_and_the_charts_of_costs_show_errors():
    shown = view(numbered())
    assert shown.metric == "RMSE (years)"
    assert [(row.score, row.margin) for row in shown.board] == [("3.6", "2.8 to 4.6"), ("6.0", "5.2 to 7.0")]
    assert shown.scoring.startswith("Errors come from the validation images. The winner comes first. Another trial replaces it only if its error is lower by")
    assert "trial 1, resnet, width 0.5: 3.6 years at" in shown.costs[0].chart
    assert ">RMSE (years)<" in shown.costs[0].chart
    assert shown.cost_title == "Error and cost"
    assert "and lower is better" in page(numbered())


def test_what_helped_lowers_the_error():
    facts = numbered(effects=(Effect("dropout", 3, 0.02, (0.005, 0.035)),))
    assert view(facts).effects == (("dropout", 3, "-0.4", "-0.7 to -0.1"),)
    assert "how that changed the RMSE (years): lower is better" in page(facts)
    assert view(facts).families == (("resnet", 1, "3.6", "3.6"), ("vgg", 1, "6.0", "6.0"))
    trials = tuple(trial(number, 0.8 + 0.1 * (number > 2) + number / 1000, configuration={"regularizer.l2": number > 2}) for number in range(6))
    (row,) = differences(trials, facts.metric)
    assert row.difference == "-2.1"
    assert row.interval.startswith("-2.1 to ")


def test_folds_over_every_image_are_in_the_unit():
    folds = dataclasses.asdict(Folds(3, (0.8, 0.82, 0.84), 100, 0.82, (0.8, 0.84)))
    facts = numbered(result={**result(trial(1, 0.82)), "per_label": ERRORS, "cross_validation": folds})
    assert large_print(facts)["RMSE, 3 folds over every image"] == ("3.6 years", "3.2 to 4.0; folds ± 0.4")


def test_curves_are_of_answers_near_the_truth_and_of_squared_errors():
    text = page(numbered())
    assert 'aria-label="Share within half a standard deviation of trial 1' in text
    assert 'aria-label="Mean squared error in standard deviations of trial 1' in text
    assert ">mean squared error in<" in text  # the title of the axis, in two lines


def test_the_images_have_a_range_and_no_count_of_each():
    shown = view(numbered()).images
    assert shown.counts == ()
    assert [one.line for one in shown.ranges] == ["age (years): from 1 to 90, median 38, mean 40, standard deviation 20 (training images)"]
    assert "1 to 23.25: 10" in shown.ranges[0].chart
    assert "imbalance" not in dict(shown.facts)
    older = view(numbered(data={name: value for name, value in AGES.items() if name != "ranges"})).images
    assert older.counts == older.ranges == ()


def test_findings_have_no_labels():
    assert (title("label_noise", words_for("regression")), title("label_noise")) == ("noisy numbers", "label noise")


@pytest.mark.parametrize("word", ["class", "classes", "label", "labels", "confidence", "probability", "accuracy", "confusion", "score", "scores", "scored"])
@pytest.mark.parametrize("facts", [numbered(), two_numbers(), numbered(checked=dataclasses.replace(checked(problem("blank", "error")), unchecked=()))])
def test_nothing_on_the_page_speaks_of_classes(word, facts):
    body = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>|automl-cnn [^<]*", " ", page(facts), flags=re.DOTALL)
    assert not re.search(rf"\b{word}\b", body, re.IGNORECASE)


def test_classes_have_none_of_it():
    shown = view(study())
    assert shown.numbers is None
    assert shown.images.ranges == ()
    assert "lower is better" not in page(study())
