"""Read the figures of a data set that a study's record holds (see `study.identity.summary`): its task, its images, its labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl_cnn.tasks import Target, Task, Words, of_card
from automl_cnn.tasks.regression import TARGETS

RIGHT = "right"  # in the scores of the same answer: the share of images that it answers correctly
TASK, IMAGES, SAME_ANSWER, LABELS_EACH = (
    "task",
    "images_by_split",
    "same_answer",
    "labels_per_image",
)  # absent where images have one class each
RANGES = "ranges"  # of numbers: where those of the training images lie


def task_of(data: Mapping[str, Any]) -> Task:
    """The task of a data set in figures: one class for each image, unless it says otherwise."""
    return of_card({**data, "classes": names_of(data)})


def words_of(data: Mapping[str, Any]) -> Words:
    """The words for the task of a data set in figures."""
    return task_of(data).words


def names_of(data: Mapping[str, Any]) -> list[str]:
    """The names of the classes or labels."""
    return [str(name) for name in data.get("classes") or ()]


def counts_of(data: Mapping[str, Any], split: str) -> list[int]:
    """How many images of a split have each class or label; empty where that is not recorded."""
    return [int(count) for count in (data.get("splits") or {}).get(split) or ()]


def images_in(data: Mapping[str, Any], split: str) -> int:
    """How many images a split has: where they have several labels, that is less than all labels together."""
    known = (data.get(IMAGES) or {}).get(split)
    return sum(counts_of(data, split)) if known is None else int(known)


def targets_of(data: Mapping[str, Any]) -> list[Target]:
    """The numbers that images have; empty where they have classes or labels."""
    return [Target(str(one["name"]), str(one.get("unit", "")), float(one["mean"]), float(one["sd"])) for one in data.get(TARGETS) or ()]


def ranges_of(data: Mapping[str, Any]) -> list[tuple[Target, Mapping[str, Any]]]:
    """The numbers that images have, each with its range in the training images, as `Task.extent` gives it; empty where that is not recorded."""
    known, targets = data.get(RANGES) or (), targets_of(data)
    return list(zip(targets, known, strict=True)) if len(known) == len(targets) else []


def ranges_in_words(data: Mapping[str, Any]) -> list[str]:
    """The same, a line for each number: `age (years): from 1 to 90, median 34, mean 36.2, standard deviation 21`."""
    return [
        f"{target.title}: from {target.brief(known['low'])} to {target.brief(known['high'])}, median {target.brief(known['median'])}, "
        f"mean {target.brief(known['mean'])}, standard deviation {target.brief(known['sd'])}"
        for target, known in ranges_of(data)
    ]


def labels_each(data: Mapping[str, Any]) -> tuple[float, str]:
    """How many labels an image has on average, and how many images have each number of them, in words; empty where images have one class each."""
    counts = [int(count) for count in data.get(LABELS_EACH) or ()]
    if not sum(counts):
        return 0.0, ""
    mean = sum(number * count for number, count in enumerate(counts)) / sum(counts)
    return mean, ", ".join(f"{number or 'none'} on {count:,}" for number, count in enumerate(counts) if count)
