"""study.toml: what it means, and the message where it is wrong."""

import pytest
from comparison_fakes import TABLE, study

from automl_cnn.comparison.table import ImageSet, available, find, load
from automl_cnn.errors import ConfigError


def test_a_table_names_every_network_on_every_set(tmp_path):
    comparison = study(tmp_path / "kernels")
    assert comparison.name == "kernels"
    assert comparison.series == ("small", "large")
    assert comparison.sets == (ImageSet("digits", 200, 100),)
    assert [dict(network.values) for network in comparison.networks] == [
        {"architecture": "simple_cnn", "resolution": 16, "simple_cnn.kernel": kernel} for kernel in ("3x3", "7x7")
    ]
    assert {network.epochs for network in comparison.networks} == {2}
    assert comparison.points == ("",)


def test_a_question_of_ones_own_needs_no_claim(tmp_path):
    assert study(tmp_path, TABLE.replace('claim = "Small ones."\n', "")).claim == ""


def test_what_is_varied_along_multiplies_the_networks_and_the_nearest_setting_wins(tmp_path):
    more = """
[[along]]
name = "few"
at = 100
train = 100
epochs = 9
set = { resolution = 24, "simple_cnn.kernel" = "5x5" }

[[along]]
name = "many"
at = 200

[images.other]
set = { resolution = 32 }
"""
    comparison = study(tmp_path, TABLE + more)
    assert len(comparison.networks) == 8
    first = comparison.networks[0]
    assert (first.series, first.point, first.at, first.epochs, first.images.train) == ("small", "few", 100, 9, 100)
    assert first.values["resolution"] == 24
    assert first.values["simple_cnn.kernel"] == "3x3", "what is compared outranks what it is compared along"
    assert comparison.sets == (ImageSet("digits", 100, 100), ImageSet("digits", 200, 100), ImageSet("other", 100, None), ImageSet("other", None, None))
    assert [network.values["resolution"] for network in comparison.on(ImageSet("other", None, None))] == [32, 32]


def test_a_quick_run_is_small_and_keeps_what_is_compared(tmp_path):
    more = '[quick]\ntrain = 40\nset = { width = 0.25 }\ncompare = ["large"]\n'
    comparison = study(tmp_path, TABLE + more, quick=True)
    assert comparison.quick
    assert comparison.series == ("large",)
    assert comparison.sets == (ImageSet("digits", 40, 60),)
    assert comparison.seeds == (0,)
    assert comparison.networks[0].epochs == 1
    assert comparison.networks[0].values["width"] == 0.25
    assert study(tmp_path, seeds=(5, 6)).seeds == (5, 6)


def test_a_recipe_changes_with_everything_that_decides_the_training(tmp_path):
    before = study(tmp_path).networks[0]
    assert study(tmp_path, TABLE.replace("Which are", "What is")).networks[0].recipe == before.recipe
    for old, new in (("epochs = 2", "epochs = 3"), ("resolution = 16", "resolution = 24"), ("held_out = 100", "held_out = 90"), ('"3x3"', '"5x5"')):
        assert study(tmp_path, TABLE.replace(old, new)).networks[0].recipe != before.recipe, old


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title", "titel", "unknown key 'titel'. Did you mean 'title'?"),
        ("epochs = 2", "epochs = 0", "epochs: received 0"),
        ("seeds = [0, 1, 2]", "seeds = []", "seeds: received"),
        ('reference = "small"', 'reference = "smal"', "reference names 'smal', which is not there. Did you mean 'small'?"),
        ('name = "large"', 'name = "small"', "compare has the name 'small' twice"),
        ('name = "large"', 'name = "large"\nsett = {}', "unknown key 'compare.1.sett'"),
        ('name = "large"', 'name = "large"\nmatch = { to = "tiny" }', "match of 'large' names 'tiny'"),
        ('architecture = "simple_cnn"', "", "'small' names no architecture"),
        ("train = 200", "train = -1", "images.digits.train: received -1"),
        ("[images.digits]", "[images.digits", "is not valid TOML"),
        ('measures = ["accuracy"', 'measures = ["accuraccy"', "measures.0: received 'accuraccy'"),
        ('question = "Which are better?"', "", "'question' is missing"),
    ],
)
def test_a_wrong_table_is_one_sentence(tmp_path, old, new, message):
    assert old in TABLE
    with pytest.raises(ConfigError) as error:
        study(tmp_path, TABLE.replace(old, new))
    assert message in str(error.value)


def test_a_chain_of_matches_is_refused(tmp_path):
    text = TABLE.replace('name = "small"', 'name = "small"\nmatch = { to = "large" }').replace('name = "large"', 'name = "large"\nmatch = { to = "small" }')
    with pytest.raises(ConfigError, match="which matches another one itself"):
        study(tmp_path, text)


def test_a_study_is_found_by_name_folder_and_file(tmp_path, monkeypatch):
    study(tmp_path / "studies" / "kernels")
    monkeypatch.chdir(tmp_path)
    assert available() == ("kernels",)
    assert load("kernels").folder == load(tmp_path / "studies" / "kernels").folder == load("studies/kernels/study.toml").folder
    with pytest.raises(ConfigError, match=r"No study 'colors' was found.*Here are: kernels"):
        find("colors")
    monkeypatch.chdir(tmp_path / "studies" / "kernels")
    with pytest.raises(ConfigError, match="There is no folder studies"):
        find("colors")
