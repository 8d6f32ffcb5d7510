"""Studies side by side: whether their scores compare, whether a difference is more than chance, what differs. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from automl_cnn.dataset_summary import images_in
from automl_cnn.judged import kind, metric_name, scored_splits
from automl_cnn.metrics import wilson
from automl_cnn.space import Scalar
from automl_cnn.study.stored.overview import Interval, Overview

SPLIT = ("seed", "val_share", "test_share")  # with the images, what decides which of them are test images
COUNTED = ("accuracy", "subset_accuracy")  # metrics that are shares of images
COUNTS = (
    "Method: the 95 % interval of the difference between two shares of right answers (Newcombe 1998, method 10), from the counts on the same "
    "{images:,} {split} images, taken as if they were drawn apart, which is cautious; more than chance where it leaves out 0."
)
OVERLAP = "Method: more than chance where the 95 % intervals of the two {split} scores do not overlap, which is cautious."
UNLIKE = "The scores were measured differently: by {kinds}."
CHOSEN = "No test scores of all of them are known; these scores are what the winners were chosen by, so they flatter."


@dataclass(frozen=True)
class Difference:
    """How far `better` is ahead of `other`, and whether by more than chance; `interval` (95 %) where there are counts."""

    better: str
    other: str
    difference: float
    interval: Interval | None
    more_than_chance: bool


@dataclass(frozen=True)
class Comparison:
    """What a comparison of studies shows. Without warnings their scores compare; `split` says which: test or val."""

    warnings: tuple[str, ...]
    split: str
    method: str
    differences: tuple[Difference, ...]
    configuration: Mapping[str, tuple[Scalar | None, ...]]  # what differs between the best trials, a value for each study

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "configuration": {key: list(values) for key, values in self.configuration.items()}}


def compare(studies: Sequence[Overview]) -> Comparison:
    """The best study against each of the others, where their scores compare."""
    split = "test" if all(study.test for study in studies) else "val"
    warnings = _warnings(studies, split)
    scored = [(study.name, *score) for study in studies if (score := _score(study, split))]
    images = _images(studies[0], split)
    counted = studies[0].metric in COUNTED and images > 0
    method = ""
    differences: list[Difference] = []
    if not warnings and len(scored) > 1:
        word = "test" if split == "test" else "training and validation" if _folds(studies[0]) else "validation"
        method = (COUNTS.format(images=images, split=word) if counted else OVERLAP.format(split=word)) + ("" if split == "test" else f" {CHOSEN}")
        best = max(scored, key=lambda entry: entry[1])
        differences = [_difference(best, other, images if counted else 0) for other in scored if other is not best]
    return Comparison(tuple(warnings), split, method, tuple(differences), _configuration(studies))


def newcombe(right: int, other: int, total: int) -> Interval:
    """The 95 % interval of `right / total - other / total`, sound for few images and near 0 and 1 (Newcombe 1998, method 10)."""
    first, second = right / total, other / total
    (low1, high1), (low2, high2) = wilson(right, total), wilson(other, total)
    ahead = first - second
    return ahead - math.hypot(first - low1, high2 - second), ahead + math.hypot(high1 - first, second - low2)


def _difference(best: tuple[str, float, Interval | None], other: tuple[str, float, Interval | None], images: int) -> Difference:
    ahead = best[1] - other[1]
    if images:
        span = newcombe(round(best[1] * images), round(other[1] * images), images)
        return Difference(best[0], other[0], ahead, span, span[0] > 0)
    return Difference(best[0], other[0], ahead, None, best[2] is not None and other[2] is not None and best[2][0] > other[2][1])


def _score(study: Overview, split: str) -> tuple[float, Interval | None] | None:
    if split == "test":
        return study.test
    best = study.best
    return None if best is None or best.score is None else (best.score, best.interval)


def _images(study: Overview, split: str) -> int:
    splits = ("test",) if split == "test" else scored_splits(_folds(study))
    return sum(images_in(study.data, one) for one in splits)


def _folds(study: Overview) -> int:
    return study.best.folds if study.best else 0


def _warnings(studies: Sequence[Overview], split: str) -> list[str]:
    """Why the scores do not compare, a sentence each."""
    sentences = []
    prints = [study.data.get("fingerprint") for study in studies]
    if None in prints:
        unknown = ", ".join(study.name for study, given in zip(studies, prints, strict=True) if given is None)
        sentences.append(f"It is not known on which images these studies worked: {unknown}.")
    if len(set(prints) - {None}) > 1:
        sentences.append("The images differ.")
    for key in SPLIT:
        values = [study.settings.get(key) for study in studies]
        if len(set(values)) > 1:
            sentences.append(f"The images were split differently: {key} is {_each(values)}.")
    metrics = [study.metric for study in studies]
    if len(set(metrics)) > 1:
        sentences.append(f"The metrics differ: {_each(list(map(metric_name, metrics)))}.")
    kinds = list(dict.fromkeys(kind(_folds(study)) for study in studies if study.best))
    if split == "val" and len(kinds) > 1:
        sentences.append(UNLIKE.format(kinds=" and by ".join(kinds)))
    return sentences


def _each(values: Sequence[object]) -> str:
    return " against ".join(str(given) for given in dict.fromkeys(values))


def _configuration(studies: Sequence[Overview]) -> dict[str, tuple[Scalar | None, ...]]:
    chosen = [dict(study.best.configuration) if study.best else {} for study in studies]
    rows = {key: tuple(configuration.get(key) for configuration in chosen) for configuration in chosen for key in configuration}
    return {key: values for key, values in rows.items() if len({repr(given) for given in values}) > 1}
