"""Measures and scores as a person reads them."""

from __future__ import annotations

from automl_cnn.comparison.results import Contrast, Score
from automl_cnn.comparison.table import Measure
from automl_cnn.quantities import compact

NAMES: dict[Measure, str] = {
    "accuracy": "accuracy",
    "error": "error",
    "last_accuracy": "accuracy, last epoch",
    "train_accuracy": "training accuracy",
    "train_error": "training error",
    "gap": "training less held-out accuracy",
    "loss": "loss",
    "train_loss": "training loss",
    "params": "parameters",
    "mult_adds": "mult-adds",
    "milliseconds": "ms per image",
    "seconds": "seconds of training",
}


def cell(score: Score | None, measure: Measure) -> str:
    """A mean with half of its interval: `0.912 ± 0.014`; `-` where nothing was measured."""
    if score is None:
        return "-"
    if measure in ("params", "mult_adds"):
        return compact(round(score.mean))
    digits = 1 if measure in ("milliseconds", "seconds") else 3
    return f"{score.mean:.{digits}f}{_margin(score.half, digits)}"


def difference(contrast: Contrast | None, measure: Measure) -> str:
    """A difference with half of its interval: `+0.012 ± 0.009`; in bold Markdown where zero is not within it."""
    if contrast is None:
        return "-"
    digits = 1 if measure in ("milliseconds", "seconds") else 3
    text = f"{contrast.difference:+.{digits}f}{_margin(contrast.half, digits)}"
    return f"**{text}**" if contrast.clear else text


def _margin(half: float | None, digits: int) -> str:
    return f" ± {half:.{digits}f}" if half and round(half, digits) else ""


def duration(seconds: float) -> str:
    """`42 s`, `12 min` or `1.4 h`."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
