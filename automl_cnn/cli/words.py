"""Describe a data set, a configuration or a trial in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from automl_cnn.cli.console import plural, value
from automl_cnn.judged import metric_name
from automl_cnn.measure import with_margin
from automl_cnn.quantities import clock, compact
from automl_cnn.records import State, Trial
from automl_cnn.space import Scalar
from automl_cnn.text import inline
from automl_cnn.transfer import name_of, sizes_in_name

if TYPE_CHECKING:
    from automl_cnn.data import Dataset

SHOWN_SKIPPED = 5
STATES = {State.COMPLETE: "done", State.PRUNED: "pruned", State.STOPPED: "stopped", State.FAILED: "failed", State.RUNNING: "running"}
SPLITS: dict[Literal["train", "val", "test"], str] = {"train": "training", "val": "validation", "test": "test"}


def dataset_lines(dataset: Dataset) -> list[str]:
    """Lines on the images: their number, classes and splits, and the files left out with the reasons."""
    sizes = ", ".join(f"{len(dataset.rows(split)):,} {word}" for split, word in SPLITS.items())
    color = "gray" if dataset.channels == 1 else "color"
    each = dataset.labels_each
    mean = f"; {sum(number * count for number, count in enumerate(each)) / len(dataset):.1f} labels an image on average" if each else ""
    images = dataset.task.summed_up(f"{plural(len(dataset), 'image')} ({color})", dataset.classes, dataset.truth(np.arange(len(dataset))))
    lines = [f"{dataset.name}: {images}: {sizes}{mean}"]
    if dataset.duplicates:
        are = "is a copy of another" if dataset.duplicates == 1 else "are copies of others"
        lines.append(f"{plural(dataset.duplicates, 'image')} {are}: copies stay in one split")
    lines += [f"left out {inline(item.path)}: {item.reason}" for item in dataset.skipped[:SHOWN_SKIPPED]]
    if len(dataset.skipped) > SHOWN_SKIPPED:
        lines.append(f"left out {plural(len(dataset.skipped) - SHOWN_SKIPPED, 'more file')}")
    return [*lines, *dataset.notes]


def short(configuration: Mapping[str, Scalar]) -> str:
    """`vgg, 64 px, width 0.5`: the network of a configuration."""
    parts = [name_of(configuration)]
    if "resolution" in configuration and not sizes_in_name(configuration):
        parts.append(f"{configuration['resolution']} px")
    parts += [f"{key} {value(configuration[key])}" for key in ("width", "depth") if configuration.get(key, 1.0) != 1.0]
    return ", ".join(parts)


def judged_score(trial: Trial, metric: str) -> str:
    """`0.926 ± 0.034`, or `0.926 ± 0.012 (5-fold)` for a cross-validated score."""
    return f"{with_margin(metric, trial.score, trial.interval)}{f' ({trial.judged})' if trial.folds else ''}"


def outcome(trial: Trial, metric: str) -> str:
    """The outcome of a trial, in a line."""
    if trial.state is State.FAILED:
        return f"failed after {clock(trial.seconds)}: {trial.failure or 'no reason given'}"
    facts = [
        f"{metric_name(metric)} {judged_score(trial, metric)}",
        plural(len(trial.epochs), "epoch"),
        f"{compact(trial.params)} parameters",
        f"{compact(trial.mult_adds)} mult-adds",
        clock(trial.seconds),
    ]
    return f"{STATES[trial.state]}: {', '.join(facts)}"
