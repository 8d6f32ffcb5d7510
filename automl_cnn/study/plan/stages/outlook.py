"""What may be expected of networks that were trained for a while, against the best trial. Pure."""

from __future__ import annotations

import math

from automl_cnn.records import Trial
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.transfer import is_probe

FLATTEST, STEEPEST = 0.3, 1.5  # exponents by which an error falls with time; that of hand signs was seen to fall by 1.4 from half a minute to three


def within_reach(trial: Trial, best: Trial | None, seconds: float) -> bool:
    """Whether a network is expected to come within the best trial's interval, after `seconds` more of training."""
    return best is None or best.interval is None or expected(trial, seconds) <= 1 - best.interval[0]


def hopeful(now: Situation) -> Trial | None:
    """The trained network that is expected to overtake the best trial in the time that is left, if any: the one with the lowest expected error."""
    best = now.best
    if best is None:
        return None
    trained = [trial for trial in now.done if trial.scored and trial.epochs and not trial.is_majority and not is_probe(trial.configuration)]
    errors = {trial.number: expected(trial, now.budget.left) for trial in trained}
    chosen = min(trained, key=lambda trial: errors[trial.number], default=None)
    return chosen if chosen is not None and within_reach(chosen, best, now.budget.left) else None


def expected(trial: Trial, seconds: float) -> float:
    """The error that a network should have after `seconds` more of training: a power law of its time, as steep as its curve was in its second half.

    Errors fall by a power of the training's length over a wide range (Hestness et al. 2017, https://arxiv.org/abs/1712.00409).
    """
    error, spent = 1 - (trial.score or 0.0), max(1.0, trial.seconds - (trial.setup or 0.0))
    half = [epoch for epoch in trial.epochs if epoch.number <= max(1, len(trial.epochs) / 2)]
    before = max(1 - half[-1].score, 1e-6) if half else error
    slope = math.log(before / max(error, 1e-6)) / math.log(2) if before > error else 0.0
    return float(error * (spent / (spent + seconds)) ** min(STEEPEST, max(FLATTEST, slope)))
