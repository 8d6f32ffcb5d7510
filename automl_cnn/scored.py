"""Sentences with scores in them, which read as the metric does: the same in terminal, report and model card. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from automl_cnn.measure import amount, span, spelled
from automl_cnn.quantities import compact
from automl_cnn.ranking import chance
from automl_cnn.records import Folds, Trial

TINY = 1e-9
SMALLEST = 0.0005  # a difference that three digits can show


def ahead(trials: Sequence[Trial], best: Trial, metric: str = "") -> str:
    """That a trial is ahead of the best one by chance only, and whether it costs more; empty where none is."""
    rival = chance(trials, best)
    if rival is None or rival[1] > rival[2]:
        return ""
    trial, difference, noise = rival
    scale = getattr(metric, "scale", None)
    unlike = "" if abs(difference - ((trial.score or 0.0) - (best.score or 0.0))) < TINY else ", as far as the two kinds of score can be compared"
    if scale is None:
        more = f"scores {f'{difference:.3f}' if difference >= SMALLEST else 'less than 0.001'} more"
    else:
        more = f"has an error that is {amount(metric, difference)} lower"
    sentence = f"Trial {trial.number} {more}{unlike}, which is within chance (up to {amount(metric, noise)})."
    if (trial.mult_adds or 0) > (best.mult_adds or 0) > 0 and compact(trial.mult_adds) != compact(best.mult_adds):
        sentence += f" It costs more: {compact(trial.mult_adds)} mult-adds against {compact(best.mult_adds)}."
    return sentence


def folded(folds: Folds, metric: str) -> str:
    """The scores of a recipe's folds, and what is to be known of them."""
    done = len(folds.scores)
    if folds.score is None or folds.interval is None:
        return f"not cross-validated: {folds.note}"
    count = f"{done} fold{'s' if done != 1 else ''}" if done == folds.wanted else f"{done} of {folds.wanted} folds"
    low, high = span(metric, (min(folds.scores), max(folds.scores)))
    each = f"mean {spelled(metric, statistics.mean(folds.scores))}, standard deviation {amount(metric, folds.spread)}, from {low} to {high}"
    why = f"; {folds.note}" if folds.note else ""
    return f"{spelled(metric, folds.score)} ({' to '.join(span(metric, folds.interval))}) over {folds.images:,} images in {count}: {each}{why}"
