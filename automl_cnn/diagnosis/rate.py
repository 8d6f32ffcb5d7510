"""Is the learning rate at fault?"""

from __future__ import annotations

import numpy as np

from automl_cnn.diagnosis import thresholds as at
from automl_cnn.diagnosis.context import Context
from automl_cnn.diagnosis.curves import Curves
from automl_cnn.errors import Cause
from automl_cnn.records import Finding, Trial


def diverged(trial: Trial, context: Context) -> Finding | None:
    """The loss became infinite: the trial failed."""
    if trial.cause is not Cause.DIVERGED:
        return None
    return Finding(
        "rate_too_high",
        "high",
        f"It diverged: {trial.failure}.",
        {"epochs": float(len(trial.epochs))},
        len(trial.epochs) + 1,
    )


def rate_too_high(curves: Curves) -> Finding | None:
    """The loss rose above that of a constant prediction and little was learned after that, or it rose nearly as often as it fell."""
    highest, rough = float(np.max(curves.raw_loss)) / curves.untrained, roughness(curves.raw_loss[1:])  # the first epoch's mean begins before any step
    late = float(np.mean(np.abs(np.diff(curves.raw_loss[len(curves) // 2 :])))) / curves.nothing if len(curves) >= 4 else 0.0
    stuck = curves.learned <= at.IDLE
    thrown = highest >= at.WILD and curves.learned < at.RECOVERED
    shaken = len(curves) >= 5 and rough >= at.ROUGH and late >= at.SHAKEN and curves.learned < at.FULL
    if not thrown and not shaken:
        return None
    symptom = (
        f"The training loss rose to {highest:.1f} times that of an untrained network, and {'nothing' if stuck else 'little'} was learned after that"
        if thrown
        else "The training loss rose about as much as it fell"
    )
    return Finding(
        "rate_too_high",
        "high" if stuck or thrown else "medium",
        f"{symptom}: the learning rate is too high.",
        {"highest_loss": highest * curves.untrained, "nothing": curves.nothing, "learned": curves.learned, "roughness": rough},
        curves.numbers[int(np.argmax(curves.raw_loss))],
    )


def rate_too_low(curves: Curves) -> Finding | None:
    """The loss still falls evenly after many steps, each of which took away almost nothing."""
    steps, loss = curves.steps, curves.raw_loss
    drop = float(loss[0] - loss[-1])
    if steps is None or steps < at.SLOW_STEPS or len(curves) < 3 or drop <= 0 or float(np.max(loss)) >= at.WILD * curves.untrained:
        return None
    fallen = max(0.0, 1 - float(loss[-1]) / curves.nothing)
    speed = fallen / steps * 100
    late = (halfway(curves) - float(loss[-1])) / drop
    if fallen >= at.LITTLE or speed >= at.SLOW or late < at.EVEN or roughness(loss) >= at.SMOOTH:
        return None
    return Finding(
        "rate_too_low",
        "high" if speed < at.SLOW / 2 else "medium",
        f"Its training loss falls evenly and is still at {float(loss[-1]):.2f} after {steps:,} steps ({curves.nothing:.2f} for a constant prediction): "
        "the learning rate is too low.",
        {"steps": float(steps), "fell_in_100_steps": speed, "late": late, "loss": float(loss[-1]), "nothing": curves.nothing},
    )


def halfway(curves: Curves) -> float:
    """The training loss when half of all rates were spent: with a falling rate that is long before half of the epochs."""
    spent = np.cumsum([max(epoch.learning_rate, 0.0) for epoch in curves.trial.epochs])
    if not spent[-1] > 0:
        spent = np.arange(1.0, len(curves) + 1)
    return float(np.interp((spent[0] + spent[-1]) / 2, spent, curves.raw_loss))


def roughness(loss: np.ndarray) -> float:
    """The share of all the loss's ways from epoch to epoch that led up."""
    ways = np.diff(loss)
    whole = float(np.sum(np.abs(ways)))
    return float(np.sum(np.maximum(ways, 0))) / whole if whole > 0 else 0.0
