from __future__ import annotations

import json

import pytest
from cli_fakes import RESULT
from imports import heavy

from automl_cnn.scaling import PAPER
from automl_cnn.study.scaling.planner import Plan
from automl_cnn.study.scaling.results import Doubling, Row, ScaleReport


def row(name, phi=1.0, score=0.7, note=""):
    return Row(name, phi, 1.2, 1.1, 36, 1.9, 2.0, 12_345_678, score, None if score is None else (score - 0.02, score + 0.02), 3, note)


REPORT = ScaleReport(
    "resnet",
    12,
    row("baseline", 0.0, 0.61),
    (row("alpha 1.2, beta 1.1, gamma 1.15"), row("alpha 2, beta 1, gamma 1", score=None, note="stopped: hopeless")),
    PAPER,
    "the paper's coefficients have the best score here too",
    (row("phi 1"), row("phi 2", 2.0, 0.75)),
    (Doubling("baseline", "phi 1", 1.0, 0.09, 0.02),),
    (row("depth"), row("compound", 2.0, 0.75)),
    "At 4.0 times the baseline's mult-adds, compound scaling wins.",
    ("Not trained for lack of time: phi 3.",),
)


@pytest.fixture
def scaled(fake_search, monkeypatch):
    """The settings and the plan that the command came to."""
    seen = {}

    def run(config, **options):
        seen.update(config=config, plan=options["course"].asked, track=options["track"])
        options["course"].report = REPORT
        return RESULT

    monkeypatch.setattr("automl_cnn.study.run", run)
    return seen


def test_nothing_heavy_is_imported():
    assert heavy(["scale", "--help"]) == []


def test_flags_become_a_plan_and_settings(cli, scaled, tmp_path):
    values = ("--set", "resnet.variant=20", "--set", "resolution=24", "--set", "width=0.5", "--set", "resnet.shortcut=true", "--set", "optimizer=sgd")
    fixed = ("--alpha", 1.2, "--beta", 1.1, "--gamma", 1.15)
    much = ("--compare", "--seeds", 3, "--epochs", 12, "--budget", "2h", "--max-latency", "20ms", "--seed", 4, "--store", tmp_path / "st", "--no-mlflow")
    done = cli("scale", "--data", tmp_path, "--architecture", "resnet", "--phi", 2.5, *values, *fixed, *much)
    assert done.exit_code == 0, done.output
    given = {"resnet.variant": 20, "resolution": 24, "width": 0.5, "resnet.shortcut": True, "optimizer": "sgd"}
    assert scaled["plan"] == Plan("resnet", 2.5, None, PAPER, given, True, 3, 12)
    config = scaled["config"]
    assert (config.budget, config.max_latency, config.seed, config.store, config.architectures) == (7200, 20, 4, tmp_path / "st", ("resnet",))
    assert (config.pretrained, config.ensemble, config.scaling) == ("none", "off", "off")
    assert scaled["track"] is False


def test_the_same_command_is_the_same_study_and_how_far_does_not_matter(cli, scaled, tmp_path):
    names = []
    for more in (("--phi", 1), ("--to", "4x"), ("--phi", 1, "--epochs", 3)):
        assert cli("scale", "--data", tmp_path, "--architecture", "resnet", *more).exit_code == 0
        names.append(scaled["config"].name)
    assert names[0] == names[1] != names[2]
    assert "resnet-scaled" in names[0]
    cli("scale", "--data", tmp_path, "--architecture", "resnet", "--name", "mine")
    assert scaled["config"].name == "mine"


def test_everything_that_was_found_is_said(cli, scaled, tmp_path):
    shown = cli("scale", "--data", tmp_path, "--architecture", "resnet", "--phi", 2).stdout
    for words in (
        "resnet, 12 epochs each",
        "0.610 ± 0.020",
        "stopped: hopeless",
        "coefficients  alpha 1.2, beta 1.1, gamma 1.15 (the paper's",
        "2.00x",
        "12.3M",
        "baseline to phi 1: 1.0 doublings of the mult-adds, +0.090 ± 0.020",
        "compound scaling wins",
        "Not trained for lack of time",
        "scale.csv",
    ):
        assert words in shown, words


def test_json_is_one_object_on_standard_output(cli, scaled, tmp_path):
    printed = json.loads(cli("scale", "--data", tmp_path, "--architecture", "resnet", "--json").stdout)
    assert printed["coefficients"] == {"alpha": 1.2, "beta": 1.1, "gamma": 1.15}
    assert printed["steps"][1]["score"] == 0.75
    assert printed["study"] == RESULT.study


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--phi", "2", "--to", "4x"), "leave one of them out"),
        (("--phi", "0"), "expected a number above 0"),
        (("--to", "half"), "as in 4x"),
        (("--to", "0.5x"), "above 1"),
        (("--alpha", "1.2", "--beta", "1.1"), "--gamma missing"),
        (("--alpha", "2", "--beta", "2", "--gamma", "2"), "alpha·beta²·gamma² = 32"),
        (("--set", "resolution"), "expected name=value"),
        (("--set", "resolution=tall"), "expected pixels above 0"),
        (("--set", "width=-1"), "expected a multiplier above 0"),
        (("--set", "resnet.variant=19"), "resnet.variant = 19 is out of range"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(cli, scaled, tmp_path, flags, words):
    done = cli("scale", "--data", tmp_path, "--architecture", "resnet", *flags)
    assert done.exit_code == 2
    assert words in done.stderr
    assert not scaled


def test_an_unknown_architecture_is_said_with_the_nearest(cli, scaled, tmp_path):
    done = cli("scale", "--data", tmp_path, "--architecture", "resent")
    assert done.exit_code == 2
    assert "Did you mean 'resnet'?" in done.stderr
