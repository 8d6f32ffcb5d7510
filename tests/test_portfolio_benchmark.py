"""The scripts that find the portfolio and measure the budget: what they compute, not what they train."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from automl_cnn.records import Fidelity, Trial
from automl_cnn.space import Choice, Parameter, Space

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
NAMES = ("greedy", "portfolio", "budget")


@pytest.fixture(scope="module", autouse=True)
def importable():
    """The scripts as modules, for these tests only."""
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))
    for name in [name for name in sys.modules if name in NAMES or name == "race" or name.startswith("race.")]:
        del sys.modules[name]


def module(name):
    return importlib.import_module(name)


SCORES = {
    "specialist": {"a": 0.8, "b": 0.1, "c": 0.2},
    "complement": {"a": 0.1, "b": 0.8, "c": 0.5},
    "average": {"a": 0.6, "b": 0.5, "c": 0.5},
    "worst": {"a": 0.1, "b": 0.1, "c": 0.1},
}


def test_the_portfolio_takes_the_best_on_the_mean_and_then_what_adds_most():
    greedy = module("greedy")
    matrix = greedy.normalized(SCORES)
    assert greedy.greedy(matrix, 1) == ["average"]
    assert greedy.greedy(matrix, 3) == ["average", "complement", "specialist"]
    assert "worst" not in greedy.greedy(matrix, 4)


def test_what_is_better_by_chance_does_not_displace_what_is_named_first():
    assert module("greedy").greedy({"default": {"a": 0.99, "b": 1.0}, "sample": {"a": 1.0, "b": 0.995}, "poor": {"a": 0.0, "b": 0.0}}, 3) == ["default"]


def test_scores_are_brought_to_one_scale_by_set():
    matrix = module("greedy").normalized({"x": {"easy": 0.99, "hard": 0.3}, "y": {"easy": 0.98, "hard": 0.2}, "z": {"easy": 0.98, "hard": 0.25}})
    assert matrix["x"] == {"easy": 1.0, "hard": 1.0}
    assert matrix["z"] == {"easy": 0.0, "hard": pytest.approx(0.5)}
    assert module("greedy").normalized({"x": {"a": 0.5}, "y": {"a": 0.5}})["x"] == {"a": 1.0}


def test_candidates_without_a_score_on_every_set_take_no_part():
    assert set(module("greedy").complete({**SCORES, "half": {"a": 1.0}}, ["a", "b", "c"])) == set(SCORES)


def test_a_set_that_is_left_out_is_not_looked_at():
    greedy = module("greedy")
    matrix = greedy.normalized(SCORES)
    values = greedy.left_out(matrix, 1)
    assert set(values) == {"a", "b", "c"}
    chosen = greedy.greedy({name: {key: row[key] for key in "bc"} for name, row in matrix.items()}, 1)
    assert chosen == ["complement"]
    assert values["a"][0] == 0.0  # which is of no use there
    assert values["a"][1] == pytest.approx((1 + 0 + 5 / 7 + 0) / 4)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_expected_best_of_some_at_random_is_exact(size):
    import itertools
    import statistics

    values = [0.1, 0.4, 0.35, 0.9]
    wanted = statistics.mean(max(some) for some in itertools.combinations(values, size))
    assert module("greedy").best_of(values, size) == pytest.approx(wanted)


SPACE = Space(
    (
        Parameter("architecture", Choice("one", "two")),
        Parameter("resolution", Choice(32, 64)),
        Parameter("width", Choice(0.5, 1.0)),
        Parameter("batch_size", Choice(16, 32)),
        Parameter("regularizer.on", Choice(True, False)),
        Parameter("regularizer.off", Choice(False, True)),
    )
)


def test_candidates_are_the_defaults_and_variations_each_once_and_by_seed():
    portfolio = module("portfolio")
    every = list(portfolio.candidates(SPACE, (), 6, 0))
    assert [one.source for one in every[:2]] == ["default of one", "default of two"]
    assert len({one.key for one in every}) == len(every) > 2
    assert all("resolution" not in one.configuration for one in every)
    assert [one.key for one in portfolio.candidates(SPACE, (), 6, 0)] == [one.key for one in every]


def test_what_is_stored_leaves_out_sizes_and_what_is_off_by_default():
    stored = module("portfolio").essential({"architecture": "one", "resolution": 32, "width": 1.0, "regularizer.on": False, "regularizer.off": False}, SPACE)
    assert stored == {"architecture": "one", "regularizer.on": False}


def row(candidate, name, score):
    given = '{"architecture": "one", "batch_size": 16, "regularizer.on": true, "regularizer.off": false}'
    return {"candidate": candidate, "set": name, "score": str(score), "source": f"default {candidate}", "configuration": given, "date": "2030-01-01"}


def test_the_file_says_what_was_found_and_how():
    rows = [row("x", "a", 0.9), row("x", "b", 0.2), row("y", "a", 0.1), row("y", "b", 0.9), row("half", "a", 1.0)]
    built = module("portfolio").build(rows, ["a", "b"], SPACE, limit=20.0, seed=0, note="first")
    assert {entry["source"] for entry in built["entries"]} == {"default x", "default y"}
    assert built["entries"][0]["scores"].keys() == {"a", "b"}
    assert built["provenance"]["sets"] == ["a", "b"]
    assert built["provenance"]["seconds"] == 20.0
    assert set(built["provenance"]["value"]["scratch"]["left_out"]) == {"a", "b"}


def test_without_a_candidate_on_every_set_it_says_so():
    with pytest.raises(ValueError, match="No candidate was tried on all of a, b"):
        module("portfolio").build([row("x", "a", 0.9)], ["a", "b"], SPACE, limit=20.0, seed=0, note="")


def test_rows_are_kept_and_finished_cells_known(tmp_path):
    portfolio = module("portfolio")
    path = tmp_path / "results" / "portfolio.csv"
    for name in ("a", "b"):
        portfolio.append(path, {**dict.fromkeys(portfolio.COLUMNS, ""), "candidate": "x", "set": name, "seconds": "20", "seed": 0}, portfolio.COLUMNS)
    assert [(one["candidate"], one["set"]) for one in portfolio.of_kind(portfolio.read(path), 20.0, 0)] == [("x", "a"), ("x", "b")]
    assert portfolio.of_kind(portfolio.read(path), 40.0, 0) == []


def test_the_parts_of_the_time_add_up_to_the_whole():
    def trial(number, started_at, setup, steps):
        return Trial(number, {}, Fidelity(1), "", "search", setup=setup, steps_seconds=steps, started_at=started_at)

    spent = {"start": 8.0, "planning": 5.0, "trials": 80.0, "keeping": 0.5, "finish": 4.0}
    durations = module("budget").parts(
        [trial(0, 1011.0, 5.0, 30.0), trial(1, 1060.0, 2.0, 40.0), trial(2, 1100.0, None, None)], spent, SimpleNamespace(seconds=100.0), 1000.0
    )
    assert durations["start"] == 11
    assert durations["planning"] == 2
    assert (durations["building"], durations["steps"], durations["saving"]) == (7, 70, 3)
    assert sum(durations.values()) == pytest.approx(100)
    assert durations["exit"] == pytest.approx(100 - 11 - 2 - 80 - 0.5 - 4)
