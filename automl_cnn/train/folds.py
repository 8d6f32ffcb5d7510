"""A recipe trained again without one fold of the images, which it then answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from automl_cnn import transfer
from automl_cnn.data import Dataset
from automl_cnn.data.folds import dealt, with_fold
from automl_cnn.registry import Registry
from automl_cnn.train import probe
from automl_cnn.train.clean import clean
from automl_cnn.train.reading import read_out
from automl_cnn.train.spec import Emit, TrialSpec
from automl_cnn.train.trial import Training
from automl_cnn.train.watch import predict

MARGIN = 0.2  # by which share a fold may take longer than the slowest one before it


@dataclass(frozen=True)
class Some:
    """Some `numbers` of `folds`, counted from 0; `strength` is the penalty of a readout."""

    numbers: Sequence[int]
    folds: int
    strength: float | None = None


Answers = tuple[np.ndarray, np.ndarray]  # the rows of a fold's images, and the probabilities (images, classes) of a network that has not seen them


def answered(spec: TrialSpec, dataset: Dataset, some: Some, registry: Registry, emit: Emit, *, now: Callable[[], float] = time.monotonic) -> list[Answers]:
    """The answers for the images of each of these folds, by a network that was trained from the beginning without them.

    The images of the next fold choose its epoch, so that those of this one choose nothing. Which image is in which fold follows from the images. The frozen
    network of a readout is built once for all folds, and reads no image twice. Where the seconds of the fidelity do not suffice for all of its folds, the last
    ones are left out.

    Raises:
        TrialError: the training diverged, or was stopped.
    """
    of_image = dealt(dataset, some.folds, 0)
    if transfer.is_probe(spec.configuration):
        return _regressed(spec, dataset, some, of_image, registry=registry, emit=emit, now=now)
    return [_trained(spec, with_fold(dataset, of_image, number), registry, emit) for number in some.numbers]


def _trained(spec: TrialSpec, dataset: Dataset, registry: Registry, emit: Emit) -> Answers:
    began, held = time.monotonic(), dataset.rows("test")
    with clean():
        keras.utils.set_random_seed(spec.seed)
        training = Training(spec, dataset, registry, emit, began=began)
        try:
            training.run()
        finally:
            Path(spec.checkpoint).unlink(missing_ok=True)
        return held, predict(training.net.model, training.images, held)


def _regressed(
    spec: TrialSpec, dataset: Dataset, some: Some, of_image: np.ndarray, *, registry: Registry, emit: Emit, now: Callable[[], float]
) -> list[Answers]:
    """The predictions for each fold by a readout fitted on all others, while there is time for as long as the slowest fold took."""
    answers: list[Answers] = []
    began, slowest, limit = now(), 0.0, spec.fidelity.seconds
    with clean():
        keras.utils.set_random_seed(spec.seed)
        training = Training(spec, dataset, registry, emit, began=time.monotonic())
        training.load_pretrained()
        rows = np.flatnonzero(of_image >= 0)
        features = read_out(training, rows, len(rows), probe.Stopwatch()).features
        for number in some.numbers:
            started = now()
            if answers and limit is not None and started - began + (1 + MARGIN) * slowest > limit:
                break
            held = of_image[rows] == number
            labels, photos = dataset.truth(rows[~held]), dataset.photos(rows[~held])
            regression = probe.fit(
                training.task, training.net.model, features[~held], labels, balanced=training.balanced, seed=spec.seed, groups=photos, strength=some.strength
            )
            answers.append((rows[held], regression.answers(features[held])))
            slowest = max(slowest, now() - started)
    return answers
