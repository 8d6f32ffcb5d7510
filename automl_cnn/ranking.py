"""The best trial of a study so far. Pure.

A challenger takes the place of the best trial only if its score is higher by more than chance: by more than one standard error of the difference,
on the images that both answered. Taking the highest of many scores on a hundred images would choose the luckiest network and not the best.

A trained network must be ahead of a cross-validated readout by two standard errors. There are few validation images then, and the network's best epoch was
chosen on them, which inflates its score; the readout's score comes from several times as many images and nothing was chosen.

Breiman et al. 1984, Classification and Regression Trees, section 3.4.3 (the one-standard-error rule)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from automl_cnn.paired import gain
from automl_cnn.records import State, Trial

UNLIKE = 2.0  # standard errors by which a trained network must be ahead of a cross-validated readout
LAST = {State.PRUNED: 1, State.FAILED: 2}  # on a leaderboard
TIE = 1e-9  # a score must be higher by more: one image more is exactly one standard error, and rounding is not to decide


def incumbent(trials: Iterable[Trial]) -> Trial | None:
    """The best trial so far, or None. The trials compete in the order of their numbers; pruned ones do not, and any network beats the majority class."""
    best: Trial | None = None
    for trial in sorted((trial for trial in trials if trial.scored), key=lambda trial: trial.number):
        if best is None or replaces(best, trial):
            best = trial
    return best


def replaces(best: Trial, trial: Trial) -> bool:
    """Whether `trial` takes the place of `best`.

    It does if its score is higher by more than chance, or not lower and its network has fewer mult-adds, or higher at all where it is the same network
    trained longer. Between a cross-validated readout and a trained network, the network must be ahead by more than chance, whichever comes first. Where it
    is not known which images the two answered correctly, the higher score wins.
    """
    if best.is_majority or trial.is_majority:
        return best.is_majority and not trial.is_majority
    if best.folds and not trial.folds:
        return _ahead(best, trial)
    if trial.folds and not best.folds:
        return not _ahead(trial, best)
    difference, noise = margin(best, trial)
    if trial.continue_from == best.number:
        noise = 0.0
    return difference > noise + TIE or (difference >= 0 and (trial.mult_adds or 0) < (best.mult_adds or 0))


def _ahead(best: Trial, trial: Trial) -> bool:
    difference, noise = margin(best, trial)
    return difference > noise + TIE


def margin(best: Trial, trial: Trial) -> tuple[float, float]:
    """By how much the score of `trial` is higher, and how much of that may be chance."""
    difference, error = gain(best, trial)
    return difference, error * (UNLIKE if bool(best.folds) != bool(trial.folds) else 1.0)


def ranked(trials: Iterable[Trial], best: Trial | None) -> list[Trial]:
    """Ended trials for a leaderboard: the `best` first, then by score, of equals the one with fewer mult-adds; pruned ones after, failed ones last."""
    ended = [trial for trial in trials if trial.state is not State.RUNNING]
    return sorted(ended, key=lambda trial: (LAST.get(trial.state, 0), trial is not best, -(trial.score or 0.0), trial.mult_adds or 0, trial.number))


def chance(trials: Sequence[Trial], best: Trial) -> tuple[Trial, float, float] | None:
    """The trial whose score is the farthest above that of `best`, by how much, and how much of that may be chance; None where no score is higher."""
    rivals = [(trial, *margin(best, trial)) for trial in trials if trial.scored and trial.number != best.number and not trial.is_majority]
    ahead = [rival for rival in rivals if rival[1] > 0]
    return max(ahead, key=lambda rival: (rival[1], -rival[0].number), default=None)
