"""Intervals that hold what is left to chance, and rows that survive a file."""

import dataclasses

import numpy as np
import pytest
from comparison_fakes import TABLE, results_of, row, study

from automl_cnn.comparison.readme import BEGIN, END, markdown, update
from automl_cnn.comparison.results import Results, merged, read
from automl_cnn.comparison.words import cell, duration
from automl_cnn.errors import ConfigError

IMAGES = 100


def answers(rng, hardness, seeds=3):
    """Correct answers of trainings to images of known hardness, bool (seeds, images)."""
    return rng.random((seeds, len(hardness))) > hardness


def test_a_score_is_the_mean_over_the_seeds(tmp_path):
    comparison = study(tmp_path)
    results = results_of(comparison, [np.arange(IMAGES) < np.array([[80], [82], [84]]), np.arange(IMAGES) < np.array([[90], [90], [90]])])
    digits = "digits"
    score = results.score(digits, "small")
    assert score.mean == pytest.approx(0.82)
    assert score.seeds == 3
    change = results.contrast(digits, "large", "small")
    assert change.difference == pytest.approx(0.08)
    assert change.half < score.half, "most images are the same for both"
    assert change.clear
    assert results.contrast(digits, "small", "large").difference == pytest.approx(-0.08)


def test_intervals_cover_the_truth_as_often_as_they_claim(tmp_path):
    comparison, rng = study(tmp_path), np.random.default_rng(0)
    digits, covered, paired = "digits", 0, 0
    repeats, population = 300, 0.3
    for _ in range(repeats):
        hardness = np.clip(rng.normal(population, 0.25, IMAGES), 0, 1)
        shifts = rng.normal(0, 0.02, 6)
        trained = [np.array([rng.random(IMAGES) > np.clip(hardness + shift, 0, 1) for shift in part]) for part in (shifts[:3], shifts[3:])]
        results = results_of(comparison, trained)
        score, change = results.score(digits, "small"), results.contrast(digits, "large", "small")
        truth = 1 - float(np.mean(np.clip(rng.normal(population, 0.25, 20_000), 0, 1)))
        covered += abs(score.mean - truth) <= score.half
        paired += abs(change.difference) <= change.half
    assert 0.92 <= covered / repeats <= 1.0
    assert 0.92 <= paired / repeats <= 1.0


def test_with_one_seed_the_interval_is_of_the_images_alone(tmp_path):
    comparison = study(tmp_path, seeds=(0,))
    results = results_of(comparison, [[np.arange(IMAGES) < 80], [np.arange(IMAGES) < 90]])
    score = results.score("digits", "small")
    assert score.seeds == 1
    assert score.half == pytest.approx(1.96 * np.sqrt(0.16 / IMAGES), rel=0.02)
    assert results.spread(results.rows[0], "accuracy")[1] == 0


def test_a_measure_without_images_has_an_interval_by_its_seeds(tmp_path):
    comparison = study(tmp_path)
    small, large = comparison.networks
    rows = [row(small, seed, np.ones(4, bool), train_accuracy=value) for seed, value in enumerate((0.9, 0.92, 0.94))]
    rows += [row(large, seed, np.ones(4, bool), train_accuracy=0.97) for seed in range(3)]
    results = Results(comparison, tuple(rows))
    score = results.score("digits", "small", measure="train_error")
    assert score.mean == pytest.approx(0.08)
    spread, freedom = results.spread(results.rows[0], "train_error")
    assert freedom == 4
    step = 0.02**2 / 12  # equal shares are known to a step
    assert spread == pytest.approx(np.sqrt((0.0008 + 2 * step) / 4))
    assert score.half == pytest.approx(2.776 * spread / np.sqrt(3), rel=0.01)
    assert results.score("digits", "small", measure="params").half == 0.0
    assert results.score("digits", "small", measure="milliseconds") is None


def test_rows_survive_a_file_and_those_of_another_table_do_not(tmp_path):
    comparison = study(tmp_path)
    results = results_of(comparison, [np.ones((3, 4), bool), np.ones((3, 4), bool)], train_accuracy=0.5)
    failed = dataclasses.replace(results.rows[0], failure="out of memory, it says", accuracy=None, right="")
    results = dataclasses.replace(results, rows=merged(results.rows, [failed]))
    assert len(results.rows) == 6
    results.write(tmp_path / "results.csv")
    again = read(comparison, tmp_path / "results.csv")
    assert set(again.rows) == set(results.rows)
    assert (again.stale, again.missing) == (0, 0)
    fewer = read(study(tmp_path, seeds=(0, 7)), tmp_path / "results.csv")
    assert len(fewer.rows) == 6, "other seeds lose nothing"
    assert fewer.missing == 2
    assert len(again.of("digits", "small")) == 2, "a failure does not count as a score"
    changed = read(study(tmp_path, TABLE.replace('"7x7"', '"5x5"')), tmp_path / "results.csv")
    assert (changed.stale, changed.missing) == (3, 3)
    assert {row.series for row in changed.rows} == {"small"}
    (tmp_path / "results.csv").write_text("set,train\ndigits,x\n")
    with pytest.raises(ConfigError, match="is not a table of results"):
        read(comparison, tmp_path / "results.csv")
    assert read(comparison, tmp_path / "none.csv").rows == ()


def test_the_readme_gets_a_table_between_its_marks_and_keeps_the_rest(tmp_path):
    comparison = study(tmp_path)
    results = results_of(comparison, [np.arange(IMAGES) < np.array([[80], [82], [84]]), np.arange(IMAGES) < np.array([[97], [98], [99]])], train_accuracy=0.99)
    file = tmp_path / "README.md"
    assert not update(results, file), "there is none"
    file.write_text("# Kernels\n")
    assert not update(results, file), "it has no marks"
    file.write_text(f"# Kernels\n\n{BEGIN}\nthe table before\n{END}\n\nThe end.\n")
    assert update(results, file)
    once = file.read_text()
    assert once.startswith("# Kernels\n")
    assert once.endswith("The end.\n")
    assert "the table before" not in once
    assert "| small | 0.820 ±" in once
    assert "| **+0.160 ±" in once
    assert "“small”" in once
    update(results, file)
    assert file.read_text() == once
    assert markdown(results) in once


def test_numbers_are_as_short_as_they_are_known(tmp_path):
    comparison = study(tmp_path)
    results = results_of(comparison, [np.ones((3, 4), bool), np.ones((3, 4), bool)], params=1_234_567, milliseconds=3.14159)
    digits = "digits"
    assert cell(results.score(digits, "small", measure="params"), "params") == "1.2M"
    assert cell(results.score(digits, "small", measure="milliseconds"), "milliseconds") == "3.1"
    assert cell(None, "accuracy") == "-"
    assert [duration(seconds) for seconds in (42, 720, 7200)] == ["42 s", "12 min", "2.0 h"]


def test_the_table_is_json_ready(tmp_path):
    comparison = study(tmp_path)
    results = results_of(comparison, [np.arange(IMAGES) < np.array([[80], [82], [84]]), np.arange(IMAGES) < np.array([[97], [98], [99]])])
    first, second = results.as_dict()["results"]
    assert (first["series"], first["difference"], first["seeds"]) == ("small", None, 3)
    assert second["difference"] == pytest.approx(0.16)
    assert second["clear"] is True
