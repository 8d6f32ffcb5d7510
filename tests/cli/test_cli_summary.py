"""What the summary says where no network could be trained."""

from pathlib import Path

from rich.console import Console

from automl_cnn.cli.summary import print_summary
from automl_cnn.records import MAJORITY_CLASS, StudyResult


def test_the_majority_class_is_no_winner():
    configuration = {"architecture": MAJORITY_CLASS, "resolution": 16}
    result = StudyResult("s", "accuracy", configuration, 6, 4, 0.5, (0.4, 0.6), 0.5, (0.4, 0.6), 1, 20.0, "model.keras", 0, "budget", baseline=0.5)
    screen = Console(record=True, width=200)
    print_summary(screen, result, Path("store"))
    text = screen.export_text()
    assert "winner      none: no network could be trained in time. The model answers the most frequent class for every image: raise --budget" in text
    assert "trial 0 of 1" not in text
