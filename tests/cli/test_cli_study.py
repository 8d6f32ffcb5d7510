"""`automl-cnn study`: what is printed, and the message for a wrong word."""

import json

import numpy as np
import pytest

from automl_cnn.comparison.results import Results, Row
from automl_cnn.paired import packed

TABLE = """
title = "Small or large kernels"
question = "Which are better?"
claim = "Small ones."
measures = ["accuracy", "params"]
seeds = [0, 1]

[set]
architecture = "simple_cnn"

[[compare]]
name = "small"

[[compare]]
name = "large"

[images.digits]
[images.elsewhere]
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "studies" / "kernels"
    folder.mkdir(parents=True)
    (folder / "study.toml").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ran(monkeypatch):
    """Stands in for the trainings; keeps what it was asked for."""
    asked = []

    def run(comparison, **given):
        asked.append((comparison, given))
        rows = [
            Row("digits", None, series, "", seed, "", accuracy=count / 100, params=1000, seconds=30.0, right=packed(np.arange(100) < count))
            for series, counts in (("small", (80, 82)), ("large", (97, 98)))
            for seed, count in enumerate(counts)
        ]
        return Results(comparison, tuple(rows[:-1]), {"elsewhere": "The images of 'elsewhere' are not on this machine."})

    monkeypatch.setattr("automl_cnn.comparison.run", run)
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: name == "jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return asked


def test_without_a_name_the_studies_here_are_listed(cli, home):
    done = cli("study")
    assert done.exit_code == 0
    assert done.stdout.split() == ["kernels", "Which", "are", "better?"]
    assert json.loads(cli("study", "--json").stdout) == {"studies": [{"name": "kernels", "question": "Which are better?"}]}


def test_where_there_are_none_a_sentence_says_what_to_pass(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("study")
    assert done.exit_code == 2
    assert "automl-cnn study FOLDER" in done.stderr


def test_means_differences_what_is_missing_and_where_it_lies_are_printed(cli, home, ran):
    done = cli("study", "kernels", "--images", "elsewhere=photos", "--budget", "5m", "--no-mlflow")
    assert done.exit_code == 0, done.output
    words = " ".join(done.stdout.split())
    assert "Small or large kernels Which are better?" in words
    assert "4 networks, 2 seeds: 8 trainings, each compared with “small”" in words
    assert "small all 0.810 ±" in words
    assert "+0.170 ±" in words
    assert "3 trainings took 90 s." in words
    assert "The images of 'elsewhere' are not on this machine." in words
    assert "1 training is still to be done: run the same command again." in words
    assert "results.csv" in words
    (comparison, given), *_ = ran
    assert comparison.name == "kernels"
    assert str(given["images"]["elsewhere"]) == "photos"
    assert (given["budget"], given["track"]) == ("5m", False)


def test_a_quick_run_says_nothing_of_files(cli, home, ran):
    done = cli("study", "kernels", "--quick")
    assert done.exit_code == 0, done.output
    assert ran[0][0].quick
    assert "results.csv" not in done.stdout


def test_json_has_the_table(cli, home, ran):
    answer = json.loads(cli("study", "kernels", "--json").stdout)
    assert [row["series"] for row in answer["results"]] == ["small", "large"]
    assert answer["missing"] == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["colors"], "No study 'colors' was found"),
        (["kernels", "--seeds", "0,one"], "--seeds 0,one: expected whole numbers"),
        (["kernels", "--seeds", "-1"], "--seeds -1: expected numbers from 0"),
        (["kernels", "--images", "photos"], "--images photos: expected NAME=FOLDER"),
    ],
)
def test_a_wrong_word_is_one_sentence(cli, home, words, expected):
    done = cli("study", *words)
    assert done.exit_code == 2
    assert expected in " ".join(done.stderr.split())
    assert "Traceback" not in done.output
