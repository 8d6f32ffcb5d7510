"""What a session that is not a search changes: the configurations that it asks for. Images, record, worker and budget stay the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from automl_cnn.store import StudyFolder
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.record.record import Record

COMPARISON = "comparison"  # in the record: that the study compares networks and searches none


class Course(Protocol):
    """What is trained in place of what a search would try: `automl-cnn scale` and `automl-cnn study` have one each."""

    timed: bool  # whether the milliseconds for one image are measured before each trial

    @property
    def settings(self) -> Mapping[str, Any]:
        """What is asked for beside a study's settings, JSON-ready; the tracker keeps it."""

    def plan(self, sizing: Sizing, record: Record, note: Callable[[str], None]) -> Planner:
        """Who wishes for trials.

        Raises:
            ConfigError: the study was begun with other settings.
        """

    def conclude(self, record: Record, folder: StudyFolder) -> Sequence[Path]:
        """Write what was found; the files that the tracker should keep."""
