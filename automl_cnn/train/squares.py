"""Images made square in several ways, each read by the same frozen network: how well a regression answers from what it reads.

Every way is judged on the same images and the same folds, so that only the way differs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from automl_cnn.data import Dataset, resize_array
from automl_cnn.data.arrays import in_threads
from automl_cnn.data.decoded import in_each
from automl_cnn.data.fit import FITS
from automl_cnn.errors import PluginError, TrialError
from automl_cnn.models import pretrained
from automl_cnn.models.build import network_of
from automl_cnn.models.choose import pretrained_of
from automl_cnn.records import Progress
from automl_cnn.registry import Registry
from automl_cnn.squares import Candidates, Comparison, Score
from automl_cnn.train.clean import clean
from automl_cnn.train.crossed import CrossValidated, cross_validated
from automl_cnn.train.features import BATCH, Features
from automl_cnn.train.probe import Stopwatch
from automl_cnn.train.spec import Emit, TrialSpec
from automl_cnn.train.trial import is_balanced

LEAST_OF_CLASS = 2  # different photos of a class, without which it cannot be in several folds


def compared(spec: TrialSpec, candidates: Candidates, dataset: Dataset, registry: Registry, emit: Emit) -> Comparison:
    """The readout of `spec` on the images of `candidates`, made square in each way; on as many of them as time allows.

    Raises:
        TrialError: the features are not finite, or no image can be read.
        PluginError: the network cannot be built or read, or its weights cannot be had.
    """
    clock = Stopwatch(candidates.seconds)
    with clean():
        entry = pretrained_of(spec.configuration, registry)
        network = network_of(
            spec.configuration, registry, classes=len(dataset.classes), channels=dataset.channels, seed=spec.seed, activation=dataset.task.activation
        )
        if entry is None or network.reader is None:
            raise PluginError("only a frozen network with pretrained weights can compare ways to make images square")
        pretrained.load(network.body, entry, file=Path(spec.weights) if spec.weights else None)
        views = Views(dataset, candidates, int(spec.configuration["resolution"]), clock, emit)
        read = Features(dataset, network.reader, entry).of(views.blocks())
    rows, by_fit = views.apart(read)
    decoding = views.seconds / max(1, views.decoded)
    scores = {}
    for fit, features in zip(FITS, by_fit, strict=True):
        crossed = _judged(spec, features, rows, dataset)
        if crossed is None:
            return Comparison(len(rows), decoding)
        scores[fit] = Score(crossed.score, crossed.interval, crossed.right)
    return Comparison(len(_enough_of_class(rows, dataset)), decoding, scores)


class Views:
    """The images of `candidates` in all ways, a few images at a time, until the clock is over."""

    def __init__(self, dataset: Dataset, candidates: Candidates, size: int, clock: Stopwatch, emit: Emit) -> None:
        self.dataset, self.candidates, self.size, self.clock, self.emit = dataset, candidates, size, clock, emit
        self.rows: list[list[int]] = []  # of each block
        self.seconds, self.decoded = 0.0, 0  # what was spent on decoding, and how many squares that gave

    def blocks(self) -> Iterator[np.ndarray]:
        """uint8 (ways * images, size, size, channels): some images in the first way, then the same in the next. The first block comes in any case."""
        dataset, every = self.dataset, self.candidates.rows
        read = partial(in_each, side=dataset.side, channels=dataset.channels, levels=dataset.levels, fits=FITS, max_pixels=self.candidates.max_pixels)
        for start in range(0, len(every), BATCH):
            chosen = every[start : start + BATCH]
            began = time.monotonic()
            images = list(in_threads(read, [Path(self.candidates.folder) / dataset.paths[row] for row in chosen]))
            self.seconds += time.monotonic() - began
            kept = [(row, squares) for row, squares in zip(chosen, images, strict=True) if squares is not None]
            self.decoded += len(FITS) * len(kept)
            if kept:
                self.rows.append([row for row, _ in kept])
                block = np.stack([squares[place] for place in range(len(FITS)) for _, squares in kept])
                yield block if self.size == dataset.side else resize_array(block, self.size)
            if not self.emit(Progress(1, 1, start + len(chosen), len(every))) or self.clock.over:
                break
        if not self.rows:
            raise TrialError("not one of the images could be read again")

    def apart(self, read: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """The rows that were read, and their features in each way, from the features of all blocks."""
        parts: list[list[np.ndarray]] = [[] for _ in FITS]
        start = 0
        for rows in self.rows:
            for part in parts:
                part.append(read[start : start + len(rows)])
                start += len(rows)
        return np.concatenate([np.array(rows, int) for rows in self.rows]), [np.concatenate(part) for part in parts]


def _judged(spec: TrialSpec, features: np.ndarray, rows: np.ndarray, dataset: Dataset) -> CrossValidated | None:
    used = _enough_of_class(rows, dataset)
    if not len(used):
        return None
    task, truth = dataset.task.narrowed(dataset.truth(used))
    balanced = is_balanced(spec.class_weights, dataset)
    seen = features[np.isin(rows, used)]
    return cross_validated(task, spec.metric, seen, truth, balanced=balanced, groups=dataset.photos(used))


def _enough_of_class(rows: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The rows of classes of which several photos were read; none where that is one class alone."""
    photos = dataset.photos(rows)
    own = rows if photos is None else photos
    labels = dataset.strata[rows]
    enough = [label for label in np.unique(labels) if len(np.unique(own[labels == label])) >= LEAST_OF_CLASS]
    return rows[np.isin(labels, enough)] if len(enough) > 1 else rows[:0]
