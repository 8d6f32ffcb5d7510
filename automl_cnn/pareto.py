"""Several objectives at once: which trials none other beats, and in what order they deserve more time. Pure.

A point is what a trial is worth, every number the more the better: its score, then its costs with a minus sign.

Deb et al. 2002, A fast and elitist multiobjective genetic algorithm: NSGA-II, https://doi.org/10.1109/4235.996017
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from automl_cnn.config import COSTS
from automl_cnn.ranking import incumbent
from automl_cnn.records import Trial

Point = tuple[float, ...]


def dominates(one: Point, other: Point) -> bool:
    """Whether `one` is nowhere worse than `other`, and somewhere better."""
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def fronts(points: Sequence[Point]) -> list[list[int]]:
    """The places of the points that none dominates, then of those that only these dominate, and so on."""
    left, layers = list(range(len(points))), []
    while left:
        best = [place for place in left if not any(dominates(points[other], points[place]) for other in left)]
        layers.append(best)
        left = [place for place in left if place not in set(best)]
    return layers


def crowding(points: Sequence[Point]) -> list[float]:
    """How alone each point of a front is: its neighbors' distance in every objective, each over its range; infinite at the ends."""
    distances = [0.0] * len(points)
    for axis in range(len(points[0]) if points else 0):
        order = sorted(range(len(points)), key=lambda place: (points[place][axis], place))
        span = points[order[-1]][axis] - points[order[0]][axis]
        distances[order[0]] = distances[order[-1]] = math.inf
        for before, place, after in zip(order, order[1:], order[2:], strict=False):
            distances[place] += (points[after][axis] - points[before][axis]) / span if span else 0.0
    return distances


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The area that points of two objectives dominate above `reference`: the larger, the better the front.

    Zitzler and Thiele 1998, https://doi.org/10.1007/BFb0056872

    Raises:
        ValueError: there are not two objectives.
    """
    if any(len(point) != 2 for point in (*points, reference)):
        raise ValueError(f"the hypervolume is defined here for two objectives; received {[*points, reference]}")
    area, height = 0.0, reference[1]
    for across, up in sorted(points, reverse=True):
        if across > reference[0] and up > height:
            area += (across - reference[0]) * (up - height)
            height = up
    return area


def point(trial: Trial, objectives: Sequence[str]) -> Point | None:
    """What a trial is worth by the objectives, the metric first; None where its score or one of its costs is not known."""
    costs = [getattr(trial, COSTS[name]) for name in objectives[1:]]
    if trial.score is None or any(cost is None for cost in costs):
        return None
    return (trial.score, *(-float(cost) for cost in costs))


def ranked(trials: Sequence[Trial], objectives: Sequence[str]) -> list[Trial]:
    """Scored trials, those first that deserve more time: by score; of several objectives, by front, then those with few like them.

    What is equal goes by score, then by number, so that the same trials always have the same order.
    """
    scored = [trial for trial in trials if trial.scored]
    if not objectives:
        return sorted(scored, key=lambda trial: -(trial.score or 0.0))
    known = {trial.number: worth for trial in scored if (worth := point(trial, objectives)) is not None}
    judged = sorted((trial for trial in scored if trial.number in known), key=lambda trial: trial.number)
    ranking: list[Trial] = []
    for places in fronts([known[trial.number] for trial in judged]):
        members = [judged[place] for place in places]
        alone = dict(zip(places, crowding([known[trial.number] for trial in members]), strict=True))
        order = sorted(places, key=lambda place: (-alone[place], -(judged[place].score or 0.0), judged[place].number))
        ranking += [judged[place] for place in order]
    unknown = [trial for trial in scored if trial.number not in known]
    return ranking + sorted(unknown, key=lambda trial: (-(trial.score or 0.0), trial.number))


def front(trials: Sequence[Trial], objectives: Sequence[str]) -> tuple[Trial, ...]:
    """The Pareto front, the highest score first; of trials that are equal in everything, the earliest. Empty for one objective."""
    if not objectives:
        return ()
    known: dict[Point, Trial] = {}
    for trial in sorted((trial for trial in trials if trial.scored and not trial.is_majority), key=lambda trial: trial.number):
        worth = point(trial, objectives)
        if worth is not None:
            known.setdefault(worth, trial)
    points = list(known)
    best = fronts(points)[0] if points else []
    return tuple(known[points[place]] for place in sorted(best, key=lambda place: points[place], reverse=True))


def winner(trials: Sequence[Trial], objectives: Sequence[str]) -> Trial | None:
    """The trial that a search is for: the incumbent; of several objectives, if it is not on the front, the member with the highest score.

    Not the knee of the front: where that lies depends on the scale of the axes and moves with every new member, while the
    objective named first is the user's own order. Whoever wants a cheaper network finds it on the front, or sets a limit.
    """
    best, leader = front(trials, objectives), incumbent(tuple(trials))
    return next((trial for trial in best if leader is not None and trial.number == leader.number), best[0]) if best else leader
