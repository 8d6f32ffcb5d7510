"""MLflow as a view of a study: every trial, its curves, its reason, and the winner as a registered model.

    tracker = Tracker(store, "flowers")
    tracker.start(settings, dataset)             # the study's run, taken up again where there is one
    tracker.trial(trial)                         # a run nested in it
    tracker.finish(result, model_file, example)  # registered as "flowers", alias "champion"

The record of a study is elsewhere; `rebuild` writes what MLflow lacks. MLflow is imported at the
first use (about 5 s), and nowhere else in this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from automl_cnn.records import StudyResult, Trial
from automl_cnn.track.forget import forget
from automl_cnn.track.serve import serve
from automl_cnn.track.target import Unreachable
from automl_cnn.track.tracker import Tracker

__all__ = ["NullTracker", "Tracker", "Tracking", "Unreachable", "forget", "serve"]


class Tracking(Protocol):
    """A view of a search. No method raises anything but `Unreachable`, which asks for the same call later: a search never fails for its view."""

    def start(self, config: Mapping[str, Any], dataset_summary: Mapping[str, Any]) -> None:
        """The study begins, or goes on. Both mappings are JSON-ready."""

    def trial(self, trial: Trial) -> None:
        """A trial ended. A second call for the same trial changes nothing."""

    def finish(self, result: StudyResult, model_file: Path, example: np.ndarray) -> None:
        """The search ended; `example` is one image, (1, height, width, channels), uint8. It may return before that is written."""

    def rebuild(self, trials: Iterable[Trial]) -> None:
        """Every trial so far: write those that are missing."""

    def files(self, paths: Iterable[Path]) -> None:
        """Files about the study as a whole, such as its report: kept as artifacts of its run, in place of earlier ones of the same name."""

    def end(self, status: str) -> None:
        """The search is over, with or without a model: what still runs in the view ends with MLflow's `status`, FAILED or KILLED."""

    def wait(self) -> None:
        """Return when everything is written, or when that takes too long."""


class NullTracker:
    """Does nothing; for `automl-cnn search --no-mlflow`."""

    def start(self, config: Mapping[str, Any], dataset_summary: Mapping[str, Any]) -> None:
        pass

    def trial(self, trial: Trial) -> None:
        pass

    def finish(self, result: StudyResult, model_file: Path, example: np.ndarray) -> None:
        pass

    def rebuild(self, trials: Iterable[Trial]) -> None:
        pass

    def files(self, paths: Iterable[Path]) -> None:
        pass

    def end(self, status: str) -> None:
        pass

    def wait(self) -> None:
        pass
