"""The model card where images have numbers: errors in their unit, the interval around an answer, the range that was learned."""

import pytest
from test_card import BEST

from automl_cnn.evidence import Evidence
from automl_cnn.export.card import beside, model_card
from automl_cnn.facts import Facts
from automl_cnn.measure import Measure

DATA = {
    "task": "regression",
    "classes": ["age", "x|y"],
    "targets": [{"name": "age", "unit": "years", "mean": 40.0, "sd": 20.0}, {"name": "x|y", "unit": "", "mean": 0.0, "sd": 2.0}],
    "ranges": [
        {"low": 1.0, "median": 38.0, "high": 90.0, "mean": 40.0, "sd": 20.0, "counts": []},
        {"low": -4.0, "median": 0.0, "high": 4.5, "mean": 0.0, "sd": 2.0, "counts": []},
    ],
    "images": 100,
    "splits": {"train": [60, 60], "val": [20, 20], "test": [20, 20]},
    "images_by_split": {"train": 60, "val": 20, "test": 20},
    "channels": 3,
}
ONE = {**DATA, "classes": ["age"], "targets": DATA["targets"][:1], "ranges": DATA["ranges"][:1]}
ERRORS = {"rmse": 3.25, "mae": 2.5, "r2": 0.974, "spearman": 0.98, "half_width": 5.1, "covered": 0.875}
RESULT = {"trial": 3, "test_score": 0.8, "test_interval": [0.7, 0.85], "baseline": 0.0, "per_label": {"age": ERRORS, "x|y": ERRORS}}


def card(data=ONE, **changes):
    known = {"metric": Measure.of("rmse", data), "trials": (BEST,), "result": RESULT, "evidence": Evidence(3, None, ()), "toml": 'data = "x"\n', **changes}
    return model_card(Facts("faces", data=data, **known))


def test_scores_are_errors_in_the_unit():
    text = card()
    assert "| images | how many | RMSE | 95 % interval |" in text
    assert "| test, scored once at the end | 20 | 4.0 years | 3.0 to 6.0 |" in text
    assert "| validation, used to choose it | 20 | 2.0 years | 1.0 to 4.0 |" in text
    assert "| always predicting the mean of the training images, validation | 20 | 20.0 years |  |" in text
    assert "### Number by number, test images" in text
    assert "| age (years) | 3.2 | 2.5 | 0.974 | 0.980 | ± 5.1 | 87.5 % |" in text


def test_an_answer_has_an_interval_and_a_range():
    text = card(DATA)
    assert "It estimates from an image: age (years), x\\|y." in text
    assert "one number for each name, in its unit" in text
    assert "- age (years): ± 5.1 years; of the test images, 87.5 % lie within." in text
    assert "- It was trained on age (years) from 1 to 90: do not rely on it" in text
    assert "- It was trained on x\\|y from -4 to 4.5: do not rely on it" in text
    assert "age (years): from 1 to 90, median 38, mean 40, standard deviation 20 (training images)" in text


@pytest.mark.parametrize("word", ["class", "probabilit", "confidence is", "calibrat", "label"])
def test_it_speaks_of_no_classes(word):
    assert word not in card().lower().replace("classifies", "")


def test_without_an_interval_it_says_why():
    text = card(result={**RESULT, "per_label": {"age": {**ERRORS, "half_width": None, "covered": None}}})
    assert "Unknown: there were too few validation images" in text
    assert "| age (years) | 3.2 | 2.5 | 0.974 | 0.980 | - | - |" in text


def test_without_a_result_the_errors_are_those_that_were_looked_at():
    looked = Evidence(3, None, (), points=(((1.0, 2.0), (5.0, 4.0), (9.0, 9.0)),))
    text = card(result=None, evidence=looked)
    assert "### Number by number, validation images" in text
    assert "| age (years) | 0.8 |" in text
    assert "### Number" not in card(result=None, evidence=None)


def test_an_ensemble_is_the_mean_of_answers():
    members = {**RESULT, "members": {"3": 0.5, "1": 0.5}, "val_interval": [0.8, 0.95], "val_score": 0.9, "params": 5, "mult_adds": 6}
    assert "the mean of the predictions of trial 3" in card(result=members)


def test_a_model_file_alone_states_its_errors(tmp_path):
    metadata = {"study": "faces", "trial": 3, "metric": "rmse", "val_score": 0.9, "val_interval": [0.8, 0.95], "test_score": None, "test_interval": None}
    text = beside(tmp_path / "model.keras", {**ONE, **metadata, "configuration": {"architecture": "vgg"}})
    assert "| val error | 2.0 years |" in text
    assert "| val interval | 1.0 to 4.0 |" in text
    assert "test" not in text
