"""The evidence in a training's curves and interventions as numbers of about -1 to 1, which probabilities are learned from.

Nothing here depends on how long a training was or on how many images there were: a probability learned from them would say how the trainings were made that
it was learned from. Accuracies are counted from that of the majority class (0) to 1, losses are shares of the loss of a constant prediction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from automl_cnn.diagnosis.curves import Curves, error
from automl_cnn.diagnosis.rate import halfway, roughness

STEPS = {  # where a symptom begins to matter, and how gradually: a regression is linear, and what is beyond such a point says no more than what is just past it
    "fitted": (0.9, 0.04),
    "held": (0.15, 0.05),
    "gap": (0.05, 0.02),
    "learned": (0.05, 0.03),
    "rise": (0.15, 0.05),
    "late": (0.3, 0.07),
    "wild": (0.2, 0.05),
    "fast": (0.0, 0.15),
}
STEPS_OF_INTERVENTIONS = {"go on": (0.1, 0.03), "faster": (0.2, 0.07), "slower": (0.05, 0.02), "fits a few": (0.9, 0.05)}
OF_CURVES = (
    "fitted",
    "held",
    "gap",
    "sure gap",
    "above",
    "learned",
    "learned held",
    "rise",
    "late",
    "late held",
    "wild",
    "rough",
    "shaken",
    "fast",
    "even",
    "copies",
    "fall",
    "beats chance",
    *(f"{name} passed" for name in STEPS),
)
OF_INTERVENTIONS = (
    "go on",
    "go on held",
    "faster",
    "faster held",
    "slower",
    "slower held",
    "fits a few",
    *(f"{name} passed" for name in STEPS_OF_INTERVENTIONS),
)


def of_curves(curves: Curves) -> dict[str, float]:
    """What every training has, by the names of `OF_CURVES`."""
    chance = _chance(curves)
    accuracy, held = curves.end(curves.accuracy), smoothed(curves.val_accuracy)
    best, raw, nothing = float(np.max(held)), curves.raw_loss, curves.nothing
    half = len(curves) // 2
    steps = max(1, curves.steps or 1)
    fallen = max(0.0, 1 - float(raw[-1]) / nothing) * 100 / steps
    drop = float(raw[0] - raw[-1])
    lowest = max(float(np.min(curves.val_loss)), 1e-3)
    made = {
        "fitted": _from(chance, accuracy),
        "held": _from(chance, best),
        "gap": _bound(curves.gap / (1 - chance)),
        "sure gap": math.tanh(curves.gap / curves.gap_error / 5),
        "above": math.tanh(max(0.0, -curves.gap) / curves.gap_error / 2),
        "learned": _bound(curves.learned),
        "learned held": _bound(1 - lowest / nothing),
        "rise": math.tanh(math.log(max(curves.end(curves.val_loss), 1e-3) / lowest)),
        "late": _bound(curves.late),
        "late held": _late_held(curves, lowest),
        "wild": _bound(math.log2(max(float(np.max(raw)), 1e-3) / curves.untrained) / 3),
        "rough": 2 * roughness(raw[1:]),
        "shaken": _bound(10 * float(np.mean(np.maximum(np.diff(raw[half:]), 0))) / nothing) if len(raw) > half + 1 else 0.0,  # on its ways up alone
        "fast": _bound((math.log10(fallen + 1e-3) + 1.5) / 1.5),
        "even": _bound((halfway(curves) - float(raw[-1])) / drop) if drop > 0 else float(len(curves) < 2),
        "copies": min(1.0, 5 * (curves.context.copies or 0.0)),
        "fall": _bound(5 * (best - float(held[-1]))),
        "beats chance": math.tanh((best - chance) / error(chance, curves.images) / 6),
    }
    return made | _passed(made, STEPS)


def of_interventions(curves: Curves) -> dict[str, float]:
    """What the interventions show, by the names of `OF_INTERVENTIONS`; empty where there were none."""
    made, nothing = curves.trial.interventions, curves.nothing
    if made is None:
        return {}
    gains = {
        "go on": made.loss - made.same,
        "go on held": made.val_loss - made.val_same,
        "faster": made.same - made.up,
        "faster held": made.val_same - made.val_up,
        "slower": made.same - made.down,
        "slower held": made.val_same - made.val_down,
    }
    known = {**{name: math.tanh(2 * gain / nothing) for name, gain in gains.items()}, "fits a few": _from(_chance(curves), made.fitted)}
    return known | _passed(known, STEPS_OF_INTERVENTIONS)


def smoothed(values: np.ndarray) -> np.ndarray:
    """Means of three epochs, so that one lucky epoch is not a peak."""
    if len(values) < 3:
        return values
    return np.convolve(np.pad(values, 1, mode="edge"), np.ones(3) / 3, mode="valid")


def _passed(made: Mapping[str, float], steps: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """How far each symptom is past its point, 0 to 1."""
    return {f"{name} passed": 0.5 + 0.5 * math.tanh((made[name] - at) / width / 2) for name, (at, width) in steps.items()}


def _chance(curves: Curves) -> float:
    """The accuracy of always predicting the most frequent class."""
    context = curves.context
    guess = context.majority if context.majority is not None else 1 / context.classes if context.classes else math.exp(-curves.nothing)
    return min(guess, 0.99)


def _late_held(curves: Curves, lowest: float) -> float:
    """The share of all that was learned about validation images that was learned in the second half."""
    whole = curves.nothing - lowest
    if whole <= 0.02 * curves.nothing:
        return 0.0
    if len(curves) < 2:
        return _bound(curves.late)
    middle = min(float(np.min(curves.val_loss[: (len(curves) + 1) // 2])), curves.nothing)
    return _bound((middle - lowest) / whole)


def _from(chance: float, share: float) -> float:
    return _bound((share - chance) / (1 - chance))


def _bound(value: float) -> float:
    return float(min(1.0, max(-1.0, value)))
