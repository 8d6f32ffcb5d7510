"""Was it trained long enough, or too long?"""

from __future__ import annotations

import numpy as np

from automl_cnn.diagnosis import thresholds as at
from automl_cnn.diagnosis.curves import Curves
from automl_cnn.diagnosis.grades import grade
from automl_cnn.records import Finding


def not_converged(curves: Curves) -> Finding | None:
    """Cut off while it was learning: much of what it learned came in the second half, on validation images too."""
    if curves.late < at.LATE or curves.end(curves.accuracy) >= at.DONE or curves.rise >= at.RISE:
        return None
    halves = f"{curves.late:.0%} of all it learned came in the second half of its {len(curves)} epochs"
    return Finding(
        "not_converged",
        grade(curves.late, at.LATE_MEDIUM, at.LATE_HIGH),
        f"It was still learning when it ended: {halves if len(curves) > 1 else 'it had only one epoch'}.",
        {"late": curves.late, "epochs": float(len(curves)), "training_accuracy": curves.end(curves.accuracy), "learned": curves.learned},
        curves.numbers[-1],
    )


def plateau(curves: Curves) -> Finding | None:
    """Nothing was won by the second half of the training."""
    if len(curves) < at.PLATEAU_EPOCHS or curves.learned <= at.IDLE or curves.end(curves.accuracy) >= at.DONE:
        return None
    middle = len(curves) // 2
    fell = float(curves.loss[middle] - curves.loss[-1]) / curves.nothing
    best = int(np.argmax([epoch.score for epoch in curves.trial.epochs]))
    if fell > at.STILL or best > at.PLATEAU_FROM * len(curves):
        return None
    return Finding(
        "plateau",
        "low",
        f"Nothing was gained after epoch {curves.numbers[best]} of {len(curves)}: in the second half, the training loss fell by {fell:.1%} of that of a "
        "constant prediction.",
        {"best_epoch": float(curves.numbers[best]), "fell": fell},
        curves.numbers[best],
    )
