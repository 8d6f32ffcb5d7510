"""Does it fit: too little capacity, too much, or right?"""

from __future__ import annotations

import numpy as np

from automl_cnn.diagnosis import thresholds as at
from automl_cnn.diagnosis.curves import Curves
from automl_cnn.diagnosis.grades import grade, graver
from automl_cnn.records import Finding


def overfitting(curves: Curves) -> Finding | None:
    """Right on training images far more often than on others. The onset is where the validation loss was lowest, or where the gap opened."""
    gap, margin = curves.gap, 1.96 * curves.gap_error
    if gap < at.GAP or gap < at.Z * curves.gap_error:
        return None
    severity = grade(gap - margin, at.GAP_MEDIUM, at.GAP_HIGH)
    if curves.rise >= at.RISE and len(curves) > 2:
        severity = graver(severity)
    onset = _onset(curves)
    past = f"; its validation loss has been rising since epoch {onset}" if curves.rise >= at.RISE else ""
    unaugmented = "unaugmented" if curves.measured else "as trained"
    return Finding(
        "overfitting",
        severity,
        f"It {curves.words.right} on {curves.end(curves.accuracy):.0%} of the training images ({unaugmented}) but on "
        f"{curves.end(curves.val_accuracy):.0%} of the validation images: a gap of {100 * gap:.0f} ± {100 * margin:.0f} points{past}.",
        {
            "training_accuracy": curves.end(curves.accuracy),
            "validation_accuracy": curves.end(curves.val_accuracy),
            "gap": gap,
            "gap_low": gap - margin,
            "gap_high": gap + margin,
            "validation_loss_rise": curves.rise,
        },
        onset,
    )


def underfitting(curves: Curves) -> Finding | None:
    """Often wrong even on the images it was trained on, and no longer learning."""
    fitted, gap = curves.end(curves.accuracy), max(0.0, curves.gap)
    if fitted >= at.FITTED or 1 - fitted < at.BIAS * gap or curves.learned <= at.IDLE:
        return None
    better = f"at most {100 * gap:.0f} points better there" if gap >= 0.005 else "no better there"
    return Finding(
        "underfitting",
        grade(-fitted, -at.FITTED_MEDIUM, -at.FITTED_HIGH),
        f"It {curves.words.right} on only {fitted:.0%} of the images it was trained on, and {better} than on others: it lacks capacity, or is "
        "over-regularized.",
        {"training_accuracy": fitted, "validation_accuracy": curves.end(curves.val_accuracy), "gap": curves.gap},
    )


def good_fit(curves: Curves) -> Finding:
    """Nothing is wrong with it: what is left to win lies in trying other networks."""
    gap, seen = curves.gap, curves.end(curves.accuracy)
    hard = "" if seen >= at.FITTED else " It leaves room on both: a larger network or a longer training may gain, unless the images allow no more."
    return Finding(
        "good_fit",
        "low",
        f"It fits: {curves.words.rightly} on {seen:.0%} of the training images and on {curves.end(curves.val_accuracy):.0%} of the validation images.{hard}",
        {"training_accuracy": seen, "validation_accuracy": curves.end(curves.val_accuracy), "gap": gap},
    )


def _onset(curves: Curves) -> int:
    """The epoch after which only the training images are learned."""
    lowest = int(np.argmin(curves.val_loss))
    if curves.rise >= at.RISE:
        return curves.numbers[lowest]
    open_ = curves.accuracy - curves.val_accuracy >= curves.gap / 2
    closed = np.flatnonzero(~open_)
    return curves.numbers[min(int(closed[-1]) + 1, len(curves) - 1) if len(closed) else 0]
