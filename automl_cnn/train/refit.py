"""The recipe of a scored model, trained on more images: those that chose it and, where they need not stay unseen, those that judged it.

A readout is fitted again, with the penalty that was chosen before: it has one solution, so that nothing can go wrong but the images. A trained network goes
on from its checkpoint for a while, on all images, at a reduced rate.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import keras
import numpy as np

from automl_cnn import transfer
from automl_cnn.data import Dataset, pixels
from automl_cnn.registry import Registry
from automl_cnn.tasks import Task
from automl_cnn.train import probe
from automl_cnn.train.clean import clean
from automl_cnn.train.reading import read_out
from automl_cnn.train.spec import Emit, TrialSpec
from automl_cnn.train.trial import Training
from automl_cnn.train.watch import predict


@dataclasses.dataclass(frozen=True)
class Compared:
    """Labels of the images that only the refit was trained on, and the predictions of the scored model and of the refit, (images, classes) each."""

    task: Task
    labels: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def figures(self) -> tuple[int, float, float, float, float]:
        """How many images there are, the shares of right answers after and before, the mean losses after and before."""
        right = [self.task.share_right(self.labels, answers) for answers in (self.after, self.before)]
        losses = [self.task.loss_of(self.labels, answers) if np.isfinite(answers).all() else float("inf") for answers in (self.after, self.before)]
        return len(self.labels), right[0], right[1], losses[0], losses[1]


def refit(
    spec: TrialSpec,
    scored: Any,
    temperature: float,
    dataset: Dataset,
    registry: Registry,
    *,
    strength: float | None,
    emit: Emit,
    seen: np.ndarray | None = None,
) -> Compared:
    """Train on the images of `spec.splits` and write the model to `spec.checkpoint`, its logits divided by `temperature` as those of the `scored` model are.

    `seen` is what a readout's classifier is given of the test images, where that is known.

    Raises:
        TrialError: the training diverged, or was stopped.
    """
    began = time.monotonic()
    with clean():
        keras.utils.set_random_seed(spec.seed)
        training = Training(spec, dataset, registry, emit, began=began)
        rows = np.concatenate([dataset.rows(split) for split in spec.splits if split != "train"])
        labels = dataset.truth(rows)
        if transfer.is_probe(spec.configuration):
            before, after = _regress(training, scored, rows, temperature=temperature, strength=strength, seen=seen)
        else:
            images = pixels(dataset, int(spec.configuration["resolution"]))
            before = predict(scored, images, rows)
            training.run()
            _cooled(training.net.model, temperature)
            after = predict(training.net.model, images, rows)
        training.net.model.save(spec.checkpoint)
        return Compared(dataset.task, labels, before, after)


def _cooled(model: Any, temperature: float) -> None:
    """Divide the logits by the temperature of the scored model, within the classifier."""
    layer = model.get_layer(probe.CLASSIFIER)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])


def _regress(
    training: Training, scored: Any, rows: np.ndarray, *, temperature: float, strength: float | None, seen: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the readout on all images; return the predictions of the scored one and of the new one for `rows`."""
    spec, dataset = training.spec, training.dataset
    training.load_pretrained()
    test = dataset.rows("test") if "test" in spec.splits and seen is not None else np.zeros(0, int)
    unread = np.setdiff1d(training.rows, test)
    reading = read_out(training, unread, len(unread), probe.Stopwatch())
    learned = np.concatenate([reading.rows, test])
    features = reading.features if seen is None or not len(test) else np.concatenate([reading.features, seen])
    labels, photos = dataset.truth(learned), dataset.photos(learned)
    probe.fit(training.task, training.net.model, features, labels, balanced=training.balanced, seed=spec.seed, groups=photos, strength=strength)
    _cooled(training.net.model, temperature)
    place = {int(row): number for number, row in enumerate(learned)}
    compared = features[[place[int(row)] for row in rows]]
    return _answers(training.task, scored, compared), _answers(training.task, training.net.model, compared)


def _answers(task: Task, model: Any, features: np.ndarray) -> np.ndarray:
    """The predictions of a model's classifier for `features` (images, features)."""
    kernel, bias = model.get_layer(probe.CLASSIFIER).get_weights()
    return task.activate(features @ kernel + bias)
