"""The benchmark of the diagnosis: its image sets, its rule for impossible causes, and that the package ships what its rows lead to."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from causes import judge  # noqa: E402
from causes.images import DRAWN, MOST, OTHERWISE, SIZE, split  # noqa: E402
from causes.training import CASES, REFERENCE, Case, constructed, varied  # noqa: E402
from rows import read  # noqa: E402

sys.path.remove(str(ROOT / "benchmarks"))  # its scripts have names that other modules have too

from automl_cnn.diagnosis import learned  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "diagnosis.csv"


@pytest.fixture(scope="module")
def rows():
    return read(RESULTS)


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_set_is_the_same_each_time_and_has_every_class(name):
    size = SIZE.get(name, OTHERWISE)
    first, again = (DRAWN[name](np.random.default_rng(0), size, 60) for _ in range(2))
    assert (first.pixels == again.pixels).all()
    assert set(first.labels) == set(range(len(first.classes)))
    assert first.pixels.dtype == np.uint8
    assert first.pixels.shape[1:3] == (size, size)


@pytest.mark.parametrize("count", [200, 5000])
def test_splits_do_not_overlap_and_have_every_class_in_proportion(count):
    labels = np.arange(count) % 4
    rows = split(labels, 0)
    together = np.concatenate(list(rows.values()))
    assert len(set(together)) == len(together)
    assert all(len(chosen) <= MOST[name] for name, chosen in rows.items())
    for chosen in rows.values():
        counts = np.bincount(labels[chosen], minlength=4)
        assert counts.max() - counts.min() <= 2


@pytest.mark.parametrize("truth", CASES)
def test_varied_seeds_construct_the_same_cause_differently(truth):
    cases = [varied(truth, seed) for seed in range(2, 12)]
    assert all(case.right == CASES[truth].right and case.epochs >= 1 for case in cases)
    assert len({(case.epochs, case.amount, str(case.changed)) for case in cases}) > 5
    assert varied(truth, 2) == varied(truth, 2)


def test_what_is_done_to_the_images_reaches_as_many_as_it_should(tmp_path):
    images = DRAWN["shapes"](np.random.default_rng(0), 16, 400)
    plain = constructed(images, Case({}, 1, ""), 0, tmp_path)
    wrong = constructed(images, Case({}, 1, "", "random", 0.5), 0, tmp_path)
    few = constructed(images, Case({}, 1, "", "few", 0.5), 0, tmp_path)
    assert 0.2 < np.mean(np.asarray(plain.labels) != np.asarray(wrong.labels)) < 0.5
    assert len(few.rows("train")) == 50
    assert list(few.rows("val")) == list(plain.rows("val"))


def row(truth, test, train=1.0, classes=4, majority=0.25):
    return {
        "set": "s",
        "seed": "0",
        "truth": truth,
        "tested": json.dumps({"train": train, "test": test}),
        "context": json.dumps({"majority": majority, "classes": classes}),
    }


@pytest.mark.parametrize(
    ("made", "impossible"),
    [
        (row("tiny network", 0.8), False),
        (row("tiny network", 0.88), True),
        (row("too few epochs", 0.95), True),
        (row("good settings", 0.9, train=0.93), False),
        (row("good settings", 0.9, train=0.99), True),
        (row("good settings", 0.8, train=0.82), True),
        (row("good settings", 0.8, train=0.82, classes=2), False),
        (row("leaked validation", 0.9), False),
        (row("random labels", 0.25), False),
    ],
)
def test_a_cause_is_impossible_where_it_does_no_harm(made, impossible):
    plain = {"s 0": {"train": 1.0, "test": 0.9, "majority": 0.25, "classes": 4}}
    assert judge.impossible(made, plain) is impossible
    assert judge.impossible(row("random labels", 0.25), {"s 0": {**plain["s 0"], "test": 0.33}})


def test_the_package_ships_the_regressions_that_the_rows_lead_to(rows):
    known = [one for one in judge.examples(rows)[0] if one.symptoms]
    kept = json.loads(judge.LEARNED.read_text(encoding="utf-8"))
    assert kept["trainings"] == len(known)
    shipped = learned.regressions()
    for name, changed in (("curves", False), ("interventions", True)):
        again = judge.regression(known, changed, kept["penalties"][name])
        assert again.kinds == shipped[name].kinds
        for one in known:
            made = {**one.symptoms, **one.changed}
            before, after = shipped[name].probabilities(made), again.probabilities(made)
            assert max(abs(before[kind] - after[kind]) for kind in before) < 0.02


def test_every_cause_was_constructed_on_ten_sets_with_two_seeds_and_more(rows):
    cells = {(one["set"], one["truth"], one["seed"]) for one in rows}
    sets = {one["set"] for one in rows}
    assert len(sets) == 10
    assert {(name, truth, seed) for name in sets for truth in (REFERENCE, *CASES) for seed in ("0", "1")} <= cells


def test_the_table_judges_each_set_by_what_was_learned_from_the_others(rows, capsys):
    some = [one for one in rows if one["set"] in ("digits", "signs", "letters") and int(one["seed"]) < 2]
    judge.show(some)
    printed = capsys.readouterr().out
    assert "trainings on 3 sets" in printed
    assert "reliability" in printed
