"""The way of one optimizer over the loss of a network, step by step; for lessons on optimizers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from automl_cnn.data import Dataset, pixels
from automl_cnn.models.build import network as build
from automl_cnn.plugin import Architecture, Optimizer
from automl_cnn.train.clean import clean

MOST = 256  # images that the loss is measured on


@dataclass(frozen=True)
class Walk:
    """The weights after each step, float32 (steps + 1, weights), the losses there, and the loss at any other weights."""

    weights: np.ndarray
    losses: np.ndarray
    loss_at: Callable[[np.ndarray], float]


def walk(
    architecture: Architecture, dataset: Dataset, optimizer: Optimizer, *, steps: int, batch_size: int, size: int, width: float = 1.0, seed: int = 0
) -> Walk:
    """Take `steps` with an optimizer from the weights that `seed` draws. Equal seeds begin at the same weights and see the same batches."""
    with clean():
        keras.utils.set_random_seed(seed)
        model = build(architecture, classes=len(dataset.classes), channels=dataset.channels, size=size, width=width, seed=seed).training
        rule = optimizer.build(steps)
        model.compile(optimizer=rule, loss="sparse_categorical_crossentropy", jit_compile=False)
        images, rows = pixels(dataset, size), dataset.rows("train")
        rng = np.random.default_rng(seed)
        judged = np.sort(rng.permutation(rows)[:MOST])
        fixed = np.asarray(images[judged], "float32"), dataset.labels[judged]
        loss = _loss(model, *fixed)
        visited, losses = [_flat(model)], [loss()]
        for _ in range(steps):
            batch = np.sort(rng.choice(rows, min(batch_size, len(rows)), replace=False))
            model.train_on_batch(np.asarray(images[batch], "float32"), dataset.labels[batch])
            visited.append(_flat(model))
            losses.append(loss())
    return Walk(np.stack(visited), np.array(losses), lambda weights: _at(model, weights, loss))


def _loss(model: Any, images: np.ndarray, labels: np.ndarray) -> Callable[[], float]:
    """The loss on fixed images with batch norms as while training, so that it is that of the path."""

    def measure() -> float:
        kept = [np.asarray(variable) for variable in model.non_trainable_variables]
        answers = np.asarray(model(images, training=True))
        for variable, value in zip(model.non_trainable_variables, kept, strict=True):
            variable.assign(value)
        return float(np.mean(-np.log(np.maximum(answers[np.arange(len(labels)), labels], 1e-7))))

    return measure


def _at(model: Any, weights: np.ndarray, loss: Callable[[], float]) -> float:
    """The loss at other weights."""
    start = 0
    for variable in model.trainable_variables:
        shape = tuple(variable.shape)
        count = int(np.prod(shape))
        variable.assign(weights[start : start + count].reshape(shape))
        start += count
    return loss()


def _flat(model: Any) -> np.ndarray:
    return np.concatenate([np.asarray(variable).ravel() for variable in model.trainable_variables])
