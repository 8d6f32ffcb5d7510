"""Figures that pages repeat are those of benchmarks/results."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from statistics import mean

import pytest
from docs_pages import DOCS, ROOT

TOOLS = {  # how a row of the table begins -> the tool
    "automl-cnn": "automl-cnn",
    "automl-cnn `--pretrained none`": "automl-cnn-scratch",
    "AutoKeras": "autokeras",
    "KerasTuner": "keras-tuner",
    "random search": "random",
}
SENTENCES = {"autokeras": "it reached {}, {} and {}", "automl-cnn": "automl-cnn reached {}, {} and {}", "keras-tuner": "net reached {}, {} and {}"}
SETS = ("flowers5", "sign_digits", "cifar10_20k")


def means() -> dict[tuple[str, str], float]:
    """The mean test accuracy over the seeds, by tool and image set."""
    scores = defaultdict(list)
    with (ROOT / "benchmarks" / "results" / "race.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            scores[row["tool"], row["set"]].append(float(row["test_accuracy"]))
    return {key: mean(values) for key, values in scores.items()}


@pytest.mark.parametrize("page", ["docs/index.md"])
def test_the_race_is_that_of_the_results(page):
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    known = means()
    for start, tool in TOOLS.items():
        row = next(row for row in rows if re.match(rf"{re.escape(start)}(?![-\w ]*`)", row[0]))
        assert [cell.strip("*") for cell in row[1:]] == [f"{known[tool, name]:.3f}" for name in SETS], tool


def test_what_is_written_of_other_tools_is_that_of_the_results():
    text, known = " ".join((DOCS / "other-tools.md").read_text(encoding="utf-8").split()), means()
    for tool, words in SENTENCES.items():
        assert words.format(*(f"{known[tool, name]:.3f}" for name in SETS)) in text, tool
