"""How probable each explanation of a training is, by logistic regressions learned from trainings whose cause was constructed.

`learned.json` holds two of them: for the curves alone, and for curves and interventions together. benchmarks/diagnosis.py constructs the trainings, learns
the regressions (`--fit`) and measures them on image sets that they were not learned from (`--table`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from automl_cnn.diagnosis import symptoms
from automl_cnn.diagnosis import thresholds as at
from automl_cnn.diagnosis.curves import Curves
from automl_cnn.tasks.words import MULTICLASS

FILE = "learned.json"
CURVES, INTERVENTIONS = "curves", "interventions"


@dataclass(frozen=True)
class Regression:
    """Multinomial logistic regression: symptoms -> the probability of each kind."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]  # of the symptoms, in the order of the columns
    kernel: np.ndarray  # (symptoms, kinds)
    bias: np.ndarray  # (kinds,)

    def probabilities(self, made: Mapping[str, float]) -> dict[str, float]:
        """The probability of each kind, the most probable first."""
        logits = np.array([made[name] for name in self.names]) @ self.kernel + self.bias
        raised = np.exp(logits - logits.max())
        shares = raised / raised.sum()
        return {self.kinds[index]: float(shares[index]) for index in np.argsort(-shares, kind="stable")}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "kinds": list(self.kinds),
            "names": list(self.names),
            "kernel": [[round(float(value), 4) for value in row] for row in self.kernel],
            "bias": [round(float(value), 4) for value in self.bias],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Regression:
        """The inverse of `as_dict`."""
        return cls(tuple(kept["kinds"]), tuple(kept["names"]), np.array(kept["kernel"]), np.array(kept["bias"]))


def probabilities(curves: Curves) -> dict[str, float]:
    """The probability of each kind of main finding, the most probable first; with interventions where the trial has them.

    The regressions know trainings on one class of several for each image. Of other tasks nothing was measured, and the result is empty.
    """
    if curves.context.classes is None or curves.context.words != MULTICLASS:
        return {}
    made = symptoms.of_curves(curves)
    changed = symptoms.of_interventions(curves)
    return possible(regressions()[INTERVENTIONS if changed else CURVES].probabilities({**made, **changed}), curves)


def possible(probabilities: Mapping[str, float], curves: Curves) -> dict[str, float]:
    """The probabilities without the explanations that the curves rule out: a network that fits its training images does not underfit, whatever a sum says."""
    seen, gap = curves.end(curves.accuracy), curves.gap
    ruled_out = {
        "underfitting": seen >= at.DONE,
        "not_converged": seen >= at.DONE,
        "rate_too_low": seen >= at.DONE,
        "overfitting": gap <= 0,
        "label_noise": gap <= 0,
        "good_fit": curves.learned <= at.IDLE,
    }
    kept = {kind: share for kind, share in probabilities.items() if not ruled_out.get(kind, False)}
    whole = sum(kept.values())
    return {kind: share / whole for kind, share in kept.items()} if whole > 0 else dict(probabilities)


@functools.cache
def regressions() -> dict[str, Regression]:
    """What the package ships."""
    kept = json.loads(resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8"))
    return {name: Regression.from_dict(kept[name]) for name in (CURVES, INTERVENTIONS)}
