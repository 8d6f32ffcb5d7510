import pytest

from automl_cnn.config import DEFAULT_BUDGET, study_config
from automl_cnn.errors import ConfigError
from automl_cnn.quantities import seconds


@pytest.mark.parametrize(("text", "expected"), [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), (45, 45), ("1.5m", 90)])
def test_lengths_of_time(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "ten", "10 parsecs", "0", "-5", "5m5"])
def test_no_length_of_time(text):
    with pytest.raises(ValueError, match=r"expected|above zero"):
        seconds(text)


def test_flags_override_the_file_which_overrides_the_defaults(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text('data = "photos"\nbudget = "5m"\nseed = 3\narchitectures = ["vgg"]\n')
    config = study_config({"seed": 4, "budget": None}, file)
    assert (config.seed, config.budget, config.architectures, config.metric) == (4, 300, ("vgg",), None)


def test_a_limit_is_always_set():
    assert study_config({"data": "x"}).budget == DEFAULT_BUDGET
    assert study_config({"data": "x", "trials": 3}).budget is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "--data"),
        ({"data": "x", "metric": "acuracy"}, "metric"),
        ({"data": "x", "colour": 1}, "Unknown setting 'colour'"),
        ({"data": "x", "trials": 0}, "trials"),
    ],
)
def test_a_bad_setting_is_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        study_config(settings)


def test_a_file_of_weights_needs_the_name_of_what_is_in_it():
    with pytest.raises(ConfigError, match="needs pretrained = NAME"):
        study_config({"data": "images", "weights": "mine.pth"})
    assert study_config({"data": "images", "weights": "mine.pth", "pretrained": "lite0"}).pretrained == "lite0"


def test_help_names_the_metrics_of_each_task():
    from automl_cnn import config
    from automl_cnn.tasks import Multiclass, Multilabel, Regression

    assert Multiclass(2).metrics == config.OF_CLASSES
    assert Multilabel(2).metrics == config.OF_LABELS
    assert Regression(2).metrics == config.OF_NUMBERS
    assert {*config.OF_CLASSES, *config.OF_LABELS, *config.OF_NUMBERS, "quadratic_kappa"} == set(config.METRICS)
