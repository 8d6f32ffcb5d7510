"""Findings where images have numbers: answers count as right within half a standard deviation, and scores read as errors in their unit."""

import dataclasses

import numpy as np
import pytest
from diagnosis_fakes import falling, on_a_share, overfitted, rising, trial

from automl_cnn.diagnosis import Context, diagnose
from automl_cnn.diagnosis.curves import Curves
from automl_cnn.diagnosis.payoff import data_limited

DATA = {
    "task": "regression",
    "classes": ["age"],
    "targets": [{"name": "age", "unit": "years", "mean": 40.0, "sd": 20.0}],
    "splits": {"train": [700], "val": [200], "test": [100]},
    "images_by_split": {"train": 700, "val": 200, "test": 100},
    "same_answer": {"val": {"rmse": 0.0, "r2": -0.01, "right": 0.38}, "test": {}},
}
KNOWN = Context.of(DATA, "rmse")


def made(loss=0.1, share=0.95, held=0.93, **given):
    return trial(falling(20, loss, start=1.0), falling(20, loss * 1.2, start=1.0), rising(20, share), rising(20, held), **given)


def sentences(one, known=KNOWN):
    return {finding.kind: finding.sentence for finding in diagnose(one, known)}


def test_knowing_nothing_is_answering_the_mean():
    assert (KNOWN.blind_loss, KNOWN.majority, KNOWN.baseline) == (1.0, 0.38, 0.0)
    text = sentences(made(0.99, 0.4, 0.4, score=-0.02, interval=(-0.1, 0.05)))["worse_than_baseline"]
    assert text == "It has an RMSE of 20.4 years; always predicting the mean has an RMSE of 20.0 years."
    assert "scores -0.020" in sentences(made(0.99, 0.4, 0.4, score=-0.02, interval=(-0.1, 0.05)), Context.of(DATA, "r2"))["worse_than_baseline"]


def test_a_score_that_few_images_show_has_its_margin_in_the_unit():
    text = sentences(made(score=0.5, interval=(0.4, 0.6)))["noisy_validation"]
    assert text.startswith("200 different validation images measure the error only to ± 2.0 years")


def test_more_images_take_away_from_the_error():
    whole = made(score=0.8, interval=(0.79, 0.81))
    half, quarter = on_a_share(whole, 0.5, 0.7, number=1), on_a_share(whole, 0.25, 0.55, number=2)
    finding = data_limited(Curves.of(whole, KNOWN.among([quarter, half, whole])))
    assert finding.sentence.startswith("From 175 to 700 images its error fell from 9.0 years to 4.0 years; twice as many would take away about 1.")
    assert "years (" in finding.sentence
    noisy = dataclasses.replace(whole, interval=(0.4, 1.0))
    assert data_limited(Curves.of(noisy, KNOWN.among([quarter, half, noisy]))) is None


def test_numbers_learned_by_heart_are_named_numbers():
    text = sentences(made(0.05, 0.99, 0.3, score=0.1, interval=(0.08, 0.12)))["label_noise"]
    assert "the numbers have little to do with the images" in text
    assert "as often as always predicting the mean" in text


@pytest.mark.parametrize("one", [overfitted(score=0.8), made(0.3, 0.6, 0.59, score=0.5), made(score=0.9), made(np.float64(0.02), score=0.95)])
def test_no_finding_speaks_of_classes_or_scores(one):
    text = " ".join(sentences(one).values()).replace("percentage points", "")
    assert "standard deviation" in text
    assert not [word for word in ("label", "class", "score") if word in text]
