"""Which networks of a study answer better together than the best of them alone. Pure.

Caruana et al. 2004, Ensemble selection from libraries of models, https://doi.org/10.1145/1015330.1015432: begin with
the best, and again and again add the one (the same again, if need be) with which the mean of their probabilities does best.

Taking the best of many sums is bound to find one that looks better on a few hundred images. So the sum must beat
the best network alone by more than chance: drawn again with replacement, in pairs, the validation images may show
it no better in at most `DOUBT` of the draws, divided by the number of rivals it was chosen from (Bonferroni; the sums of
later picks are too much alike to count as tries of their own). That takes three images set right and none spoiled
where there is one rival, five where there are four. Four rivals that knew nothing got in in 5 of 100 simulated
studies of 120 validation images at worst, as wanted; in 18 without the division, in 2 had every sum counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.config import Metric
from automl_cnn.tasks import Task
from automl_cnn.tasks.draws import draws

DISTINCT = 3  # networks at most: each costs its whole time at every prediction
ROUNDS = 5  # picks at most, so that weights are fifths, quarters, thirds, halves
DOUBT = 0.05
DRAWS = 4000
ROUNDING = 1e-12


@dataclass(frozen=True)
class Combination:
    """Trials and how often each was picked; the first is the best alone."""

    picks: Mapping[int, int]
    score: float
    loss: float

    @property
    def weights(self) -> dict[int, float]:
        """Each trial's share in the mean."""
        total = sum(self.picks.values())
        return {number: count / total for number, count in self.picks.items()}


def combine(
    task: Task,
    metric: Metric,
    labels: np.ndarray,
    probabilities: Mapping[int, np.ndarray],
    best: int,
    *,
    allowed: Callable[[Sequence[int]], bool] = lambda numbers: True,
) -> Combination | None:
    """The networks that are better together than `best` alone by more than chance; None where there are none.

    `probabilities` holds those of the validation images (images, classes) by trial, `best` among them; `allowed`
    says whether the given trials together keep the user's limits.
    """
    if len(probabilities) < 2 or best not in probabilities:
        return None
    combination = _picked(task, metric, labels, probabilities, best, allowed=allowed)
    if combination is None or not better(task, metric, labels, mean(probabilities, combination.picks), probabilities[best], tries=attempts(len(probabilities))):
        return None
    return combination


def attempts(networks: int) -> int:
    """How many tries the choice among `networks` networks counts as."""
    return networks - 1


def mean(probabilities: Mapping[int, np.ndarray], picks: Mapping[int, int]) -> np.ndarray:
    """The mean of the picked trials' probabilities."""
    return np.asarray(sum(count * probabilities[number].astype(np.float64) for number, count in picks.items()) / sum(picks.values()))


def better(task: Task, metric: Metric, labels: np.ndarray, together: np.ndarray, alone: np.ndarray, *, tries: int, seed: int = 0) -> bool:
    """Whether probabilities `together` beat those `alone` on the same images by more than chance, as the best of `tries` tries."""
    if task.score(metric, labels, together) <= task.score(metric, labels, alone):
        return False
    return _drawn_no_better(task, metric, labels, together, alone, seed=seed) <= DOUBT / max(1, tries) * DRAWS


def _drawn_no_better(task: Task, metric: Metric, labels: np.ndarray, together: np.ndarray, alone: np.ndarray, *, seed: int) -> int:
    """In how many draws `together` does not beat `alone`."""
    if metric in ("accuracy", "subset_accuracy"):  # an image is won, lost or neither, so that the numbers of each can be drawn at once
        right, before = (task.right(labels, given) for given in (together, alone))
        won, lost = np.mean(right & ~before), np.mean(before & ~right)
        drawn = np.random.default_rng(seed).multinomial(len(labels), (won, lost, 1 - won - lost), size=DRAWS)
        return int(np.sum(drawn[:, 0] <= drawn[:, 1]))
    ahead, behind = task.draws(metric, labels, together), task.draws(metric, labels, alone)
    return sum(int(np.sum(ahead(block) <= behind(block) + ROUNDING)) for block in draws(len(labels), DRAWS, seed))


def _picked(
    task: Task, metric: Metric, labels: np.ndarray, probabilities: Mapping[int, np.ndarray], best: int, *, allowed: Callable[[Sequence[int]], bool]
) -> Combination | None:
    """The picks with the highest score, of equals the lowest loss; None where that is the best alone."""
    picks, total = {best: 1}, probabilities[best].astype(np.float64)
    standing = _worth(task, metric, labels, total)
    combination: Combination | None = None
    for count in range(1, ROUNDS):
        options = [number for number in probabilities if number in picks or (len(picks) < DISTINCT and allowed([*picks, number]))]
        worth = {number: _worth(task, metric, labels, (total + probabilities[number]) / (count + 1)) for number in sorted(options)}
        chosen = max(worth, key=worth.__getitem__)
        picks = {**picks, chosen: picks.get(chosen, 0) + 1}
        total = total + probabilities[chosen]
        if len(picks) > 1 and worth[chosen] > standing:
            standing = worth[chosen]
            combination = Combination(picks, standing[0], -standing[1])
    return combination


def _worth(task: Task, metric: Metric, labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
    return task.score(metric, labels, probabilities), -task.loss_of(labels, probabilities)
