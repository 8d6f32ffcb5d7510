"""The prediction errors of a study's winner, where images have numbers: from its result, else from its evidence. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from automl_cnn.dataset_summary import targets_of, task_of
from automl_cnn.evidence import Points
from automl_cnn.facts import Facts
from automl_cnn.judged import calibration_of
from automl_cnn.tasks.task import Judged

Figures = Mapping[str, Mapping[str, float | None]]


def figures_of(facts: Facts) -> tuple[Figures, str]:
    """The errors of each number as `Regression.of_each` gives them, and the split of their images: from the result, else from the evidence."""
    best, result, task = facts.winner, facts.result or {}, task_of(facts.data)
    if task.probable:
        return {}, ""
    kept = result.get("per_label") or {} if best is not None and result.get("trial") == best.number else {}
    if kept:
        return kept, "validation" if result.get("test_score") is None else "test"
    points, split = points_of(facts)
    if not points:
        return {}, ""
    pairs = np.array(points, float)
    calibration = calibration_of(result.get("calibration"))
    decided = task if calibration is None else task.deciding(task.decisions(calibration))
    names = [target.name for target in targets_of(facts.data)]
    return decided.of_each(names, Judged(truth=pairs[:, :, 0].T, answers=pairs[:, :, 1].T)), split


def points_of(facts: Facts) -> tuple[Points, str]:
    """True and predicted values by number, and their split: the test images if they were kept."""
    if facts.evidence is None:
        return (), ""
    return (facts.evidence.test_points, "test") if facts.evidence.test_points else (facts.evidence.points, "validation")
