"""What the summary says of the winner and its scores."""

import dataclasses
import re
from pathlib import Path

import numpy as np
from cli_fakes import ENDED
from rich.console import Console

from automl_cnn.cli.summary import print_summary
from automl_cnn.paired import packed
from automl_cnn.records import MAJORITY_CLASS, Refit, StudyResult


def test_the_majority_class_is_no_winner():
    configuration = {"architecture": MAJORITY_CLASS, "resolution": 16}
    result = StudyResult("s", "accuracy", configuration, 6, 4, 0.5, (0.4, 0.6), 0.5, (0.4, 0.6), 1, 20.0, "model.keras", 0, "budget", baseline=0.5)
    screen = Console(record=True, width=200)
    print_summary(screen, result, Path("store"))
    text = screen.export_text()
    assert "winner      none: no network could be trained in time. The model answers the most frequent class for every image: raise --budget" in text
    assert "trial 0 of 1" not in text


def summary(result: StudyResult, width: int = 200) -> str:
    screen = Console(record=True, width=width)
    print_summary(screen, result, Path("store"))
    return screen.export_text()


def readout(**changes) -> StudyResult:
    """A result whose winner is a cross-validated readout, with a network that is ahead by chance."""
    correct = {number: packed((np.arange(100) + 5 * number) % 100 < count) for number, count in ((0, 90), (1, 91))}
    trials = (
        dataclasses.replace(ENDED[0], number=0, score=0.87, interval=(0.84, 0.9), folds=5, val_score=0.9, right=correct[0], mult_adds=5_000_000),
        dataclasses.replace(ENDED[1], number=1, score=0.91, interval=(0.85, 0.97), right=correct[1], mult_adds=123_000_000),
    )
    given = {"folds": 5, "refit": Refit(1551, 1091), "leaderboard": trials, **changes}
    return StudyResult("s", "accuracy", trials[0].configuration, 6, 4, 0.87, (0.84, 0.9), 0.86, (0.8, 0.9), 2, 20.0, "model.keras", 0, "budget", **given)


def test_a_cross_validated_score_a_rival_and_a_refit_are_explained():
    text = summary(readout())
    assert "validation  accuracy 0.870 (95 % interval 0.84 to 0.90), by 5-fold cross-validation over training and validation images" in text
    assert "chance      Trial 1 scores 0.010 more, as far as the two kinds of score can be compared, which is within chance (up to 0.060)." in text
    assert "It costs more: 123M mult-adds against 5.0M." in text
    assert f"refit       {Refit(1551, 1091).sentence}" in text


def test_a_plain_score_needs_no_words():
    text = summary(readout(folds=0, refit=None))
    assert "0.870 (95 % interval 0.84 to 0.90)\n" in re.sub(" +\n", "\n", text)
    assert "\nrefit " not in text


def test_an_ensemble_is_not_compared_with_single_networks():
    assert "\nchance " not in summary(readout(members={"0": 0.5, "1": 0.5}))
