"""How well each of several labels is predicted, instead of a confusion matrix: an image may have any of them, so that no label is mistaken for another."""

from __future__ import annotations

import math
from collections.abc import Sequence

from automl_cnn.dataset_summary import task_of
from automl_cnn.facts import Facts
from automl_cnn.judged import calibration_of, cuts
from automl_cnn.report.images import counted, names_of, recalled, shown
from automl_cnn.report.parts import LabelRow, PerLabel
from automl_cnn.tasks import Tally

SHOWN = 30  # labels that are shown at once; the others behind a fold


def per_label(facts: Facts) -> PerLabel | None:
    """Each label in figures, the lowest F1 first; None of classes, or where nothing was counted."""
    task = task_of(facts.data)
    if task.exclusive or not task.probable:
        return None
    tallies, split = _tallies(facts)
    if not tallies:
        return None
    calibration = calibration_of((facts.result or {}).get("calibration"))
    thresholds = calibration.thresholds if calibration is not None else ()
    names = names_of(facts, len(tallies))
    order = sorted(range(len(tallies)), key=lambda number: (_or(tallies[number].f1, math.inf), number))
    rows = tuple(_row(names[number], tallies[number], thresholds[number] if len(thresholds) == len(names) else None) for number in order)
    words = cuts(calibration)
    return PerLabel(split, _sentence(tallies), rows[:SHOWN], rows[SHOWN:], f"Thresholds: {words}." if words else "")


def _tallies(facts: Facts) -> tuple[list[Tally], str]:
    """The counts on the images of a split: the test images if they were scored. The result has their counts where mistakes were not examined."""
    matrix, split = counted(facts)
    best, result = facts.winner, facts.result or {}
    kept = result.get("per_label") or {} if best is not None and result.get("trial") == best.number else {}
    if kept and split != "test" and (not matrix or result.get("test_score") is not None):
        return [Tally(*(int(one[name]) for name in ("images", "answered", "right"))) for one in kept.values()], (
            "validation" if result.get("test_score") is None else "test"
        )
    return task_of(facts.data).tallies(matrix), split


def _row(name: str, tally: Tally, threshold: float | None) -> LabelRow:
    recall, margin = recalled(tally)
    return LabelRow(
        label=name,
        images=tally.images,
        recall=recall,
        margin=margin,
        precision=shown(tally.precision),
        f1="-" if tally.f1 is None else f"{tally.f1:.3f}",
        bar=_or(tally.f1, 0.0),
        threshold="-" if threshold is None else f"{threshold:.2f}",
    )


def _sentence(tallies: Sequence[Tally]) -> str:
    """All labels together."""
    images, answered, right = (sum(getattr(tally, name) for tally in tallies) for name in ("images", "answered", "right"))
    wrong = answered - right
    return f"Of the {images:,} labels on these images, {right:,} were predicted and {images - right:,} missed; {wrong:,} predictions were false positives."


def _or(number: float | None, other: float) -> float:
    return other if number is None else number
