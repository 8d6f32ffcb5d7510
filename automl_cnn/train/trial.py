"""Training: the network and its data brought together, the plan of epochs, the best one kept.

A training is planned in epochs and, where the fidelity names seconds, cut to what fits: after a
few steps, and again after every epoch, the pace is known and the number of epochs is planned again. The
learning-rate schedule follows the plan without compiling again, because the trainer sets the rate
itself at every step, read off the optimizer plugin's schedule at the same share of progress.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from automl_cnn import predictions, transfer
from automl_cnn.data import Dataset, pixels
from automl_cnn.data.batches import Batches
from automl_cnn.data.part import thinned
from automl_cnn.errors import TrialError
from automl_cnn.models import pretrained
from automl_cnn.models.build import network_of
from automl_cnn.models.choose import optimizer_of, pretrained_of, regularizers_of
from automl_cnn.models.cost import cost
from automl_cnn.paired import packed
from automl_cnn.plugin import Regularizer
from automl_cnn.records import Epoch, Finished, Progress, Started, State
from automl_cnn.registry import Registry
from automl_cnn.train import probe
from automl_cnn.train.average import Averaging
from automl_cnn.train.backend import compiled
from automl_cnn.train.clean import clean
from automl_cnn.train.crossed import CrossValidated, cross_validated
from automl_cnn.train.feed import feed
from automl_cnn.train.fused import fused_norms, fused_step
from automl_cnn.train.judge import all_right
from automl_cnn.train.losses import loss_for
from automl_cnn.train.rates import NOMINAL_STEPS, factors_of, slower, with_own_rate
from automl_cnn.train.reading import read_out
from automl_cnn.train.regression import ENOUGH
from automl_cnn.train.spec import Emit, TrialSpec
from automl_cnn.train.watch import Watch, predict

KEEPS_NORMS = ("head_first", "gradual")  # a classifier that was probed on the stored statistics would not fit those of a few small batches
FEW = 500  # validation images below which a readout is judged by cross-validation over training and validation images together
ORDER = 0  # seed of the order in which images are read: the same in every trial, so that what one has read serves the next
IMBALANCED = 1.5  # largest class over smallest from which "auto" weights the classes


def train(spec: TrialSpec, dataset: Dataset, registry: Registry, emit: Emit) -> Finished:
    """Train `spec` on the dataset's training split and score it on its validation split.

    Raises:
        TrialError: the training diverged.
        PluginError: the configuration cannot be built, or its pretrained weights not be had.
    """
    began = time.monotonic()
    with clean():
        keras.utils.set_random_seed(spec.seed)
        return Training(spec, dataset, registry, emit, began=began).run()


def is_balanced(class_weights: str, dataset: Dataset) -> bool:
    """Whether the classes are weighted."""
    return class_weights == "on" or (class_weights == "auto" and dataset.imbalance >= IMBALANCED)


class Training:
    """One training, and the network built for it."""

    def __init__(self, spec: TrialSpec, dataset: Dataset, registry: Registry, emit: Emit, *, began: float) -> None:
        self.spec, self.registry, self.emit, self.began = spec, registry, emit, began
        self.task = dataset.task
        self.whole, self.dataset = dataset, thinned(dataset, spec.fidelity.share)
        self.net = network_of(
            spec.configuration, registry, classes=len(dataset.classes), channels=dataset.channels, seed=spec.seed, activation=dataset.task.activation
        )
        fused_norms(self.net.training)
        self.images = pixels(dataset, int(spec.configuration["resolution"]))
        self.rows = np.sort(np.concatenate([self.dataset.rows(split) for split in spec.splits]))
        self.mode = transfer.mode_of(spec.configuration)
        self.balanced = is_balanced(spec.class_weights, dataset)

    def run(self) -> Finished:
        if self.spec.start is not None:
            self.prepare(self.spec.start)
        else:
            self.load_pretrained()
        if self.mode == transfer.PROBE:
            return self._probe()
        return self._fit()

    def load_pretrained(self) -> None:
        """Load the pretrained weights that the configuration names; nothing happens from scratch.

        Raises:
            PluginError: they cannot be had.
        """
        entry = pretrained_of(self.spec.configuration, self.registry)
        if entry is not None:
            pretrained.load(self.net.body, entry, file=Path(self.spec.weights) if self.spec.weights else None)

    def prepare(self, file: str) -> None:
        """Copy the weights of an earlier trial of the same network, from its model file.

        Raises:
            TrialError: the file holds another network.
        """
        earlier = keras.saving.load_model(file, compile=False, safe_mode=True)
        if [weight.shape for weight in earlier.weights] != [weight.shape for weight in self.net.model.weights]:
            raise TrialError(f"the model in {file} has another network, so its training cannot continue")
        self.net.model.set_weights(earlier.get_weights())

    def _probe(self) -> Finished:
        self.emit(Started(cost(self.net.model).summary, 1))
        setup = time.monotonic() - self.began
        clock = probe.Stopwatch(self.spec.fidelity.seconds)
        held, rows = self.dataset.rows("val"), np.random.default_rng(ORDER).permutation(self.rows)
        reading = read_out(self, np.concatenate([held, rows]), len(held), clock)
        seen, every, seconds = reading.features, reading.rows, clock.seconds
        crossed = self._cross_validated(seen, every) if len(held) < FEW else None
        learned, labels = seen[len(held) :], self.dataset.truth(every[len(held) :])
        regression = probe.fit(
            self.task,
            self.net.model,
            learned,
            labels,
            balanced=self.balanced,
            seed=self.spec.seed,
            groups=self.dataset.photos(every[len(held) :]),
            strength=crossed.strength if crossed else None,
        )
        truth, probabilities = self.dataset.truth(held), regression.answers(seen[: len(held)])
        score, loss = self.task.score(self.spec.metric, truth, probabilities), self.task.loss_of(truth, probabilities)
        own = regression.answers(learned)
        loss_seen, right_seen = self.task.loss_of(labels, own), self.task.share_right(labels, own)
        self.emit(
            Epoch(
                number=1,
                epochs=1,
                seconds=time.monotonic() - self.began,
                loss=loss_seen,
                accuracy=right_seen,
                val_loss=loss,
                val_accuracy=self.task.share_right(truth, probabilities),
                score=crossed.score if crossed else score,
                learning_rate=0.0,
                clean_loss=loss_seen,
                clean_accuracy=right_seen,
            )
        )
        state = State.STOPPED if reading.stopped else State.COMPLETE
        speed = reading.computed / max(1e-3, seconds) if reading.computed else None
        saved = self._saved(state, score, 1, truth, probabilities, setup=setup, images_per_second=speed, steps_seconds=clock.seconds)
        saved = dataclasses.replace(saved, strength=regression.strength)
        if crossed is None:
            return saved
        return dataclasses.replace(saved, score=crossed.score, interval=crossed.interval, folds=crossed.folds, val_score=score, cross_right=crossed.right)

    def _cross_validated(self, seen: np.ndarray, every: np.ndarray) -> CrossValidated | None:
        """The readout judged on all training and validation images `every`, by regressions that did not learn from them; None where that is not possible."""
        order = np.random.default_rng(ORDER).permutation(len(every))[:ENOUGH]
        order = order[np.argsort(every[order])]
        rows, groups = every[order], self.dataset.photos(every[order])
        return cross_validated(self.task, self.spec.metric, seen[order], self.dataset.truth(rows), balanced=self.balanced, groups=groups)

    def compile(self) -> tuple[tuple[Regularizer, ...], np.ndarray]:
        """Prepare the network for training; returns the regularizers and the rate at every nominal step."""
        configuration = self.spec.configuration
        regularizers = regularizers_of(configuration, self.registry, self.task.name)
        optimizer, rates = with_own_rate(optimizer_of(configuration, self.registry).build(NOMINAL_STEPS))
        optimizer = fused_step(optimizer)
        if self.mode is not None:
            optimizer = slower(optimizer, self.net.training, self._factors())
        for regularizer in regularizers:
            optimizer = regularizer.optimizer(optimizer)
        accuracy, loss = [all_right(self.task)], loss_for(self.task, self.spec.loss)
        outputs = self.outputs
        self.net.training.compile(
            optimizer=optimizer,
            loss=[loss] * outputs if outputs > 1 else loss,
            loss_weights=list(self.net.loss_weights) if outputs > 1 else None,
            weighted_metrics=[accuracy, *([] for _ in range(outputs - 1))] if outputs > 1 else accuracy,
            jit_compile=compiled(),
        )
        optimizer.build(self.net.training.trainable_variables)  # within the first step, TensorFlow would build them with graphs that it never lets go of
        return regularizers, rates

    @property
    def outputs(self) -> int:
        """How many outputs are trained on: the classifier's, and one for each auxiliary classifier."""
        return len(self.net.loss_weights)

    def freeze_norms(self) -> list[Any]:
        """Let the batch norms of a network that begins with a fitted classifier go by their stored statistics; returns those that were changed."""
        norms = [layer for layer in self.net.training.layers if isinstance(layer, keras.layers.BatchNormalization)] if self.mode in KEEPS_NORMS else []
        for norm in norms:
            norm.trainable = False  # in Keras this also makes it go by its stored statistics
        return norms

    def _fit(self) -> Finished:
        self.emit(Started(cost(self.net.model).summary, self.spec.fidelity.epochs))
        norms = self.freeze_norms()
        regularizers, rates = self.compile()
        batches = self.batches(self.rows, regularizers)
        clock = probe.Stopwatch(self.spec.fidelity.seconds)
        if self.mode in ("head_first", "gradual") and self.spec.start is None:
            seen, labels, stopped = self._read_features(clock)
            if stopped:
                raise TrialError("it was stopped before its training began")
            probe.fit(self.task, self.net.model, seen, labels, balanced=self.balanced, seed=self.spec.seed)
        watch = Watch(
            spec=self.spec,
            model=self.net.model,
            rates=rates if self.spec.start is None else rates * self.spec.restart,
            images=self.images,
            dataset=self.dataset,
            steps=len(batches),
            began=self.began,
            before=clock.seconds,
            emit=self.emit,
            stop=lambda epochs: any(regularizer.stop(epochs) for regularizer in regularizers),
        )
        averaging = Averaging(watch)
        callbacks = [callback for regularizer in regularizers for callback in regularizer.callbacks()]
        self.net.training.fit(**feed(batches), epochs=self.spec.fidelity.epochs, callbacks=[*callbacks, watch, averaging], verbose=0, shuffle=False)
        if watch.best is None:
            raise TrialError("it was stopped before its first epoch was scored")
        for norm in norms:
            norm.trainable = True
        refit = self.spec.splits != ("train",)
        best = averaging.last(watch.best) if refit else averaging.better() or watch.best
        self.net.model.set_weights(best.weights)
        speed = watch.timed_steps * int(self.spec.configuration["batch_size"]) / watch.fit_seconds if watch.fit_seconds else None
        state = State.STOPPED if watch.asked_to_stop else State.COMPLETE
        score, truth, probabilities, seconds = self._score(best.score, watch.labels, best.probabilities)
        seconds += watch.before + watch.fit_seconds + watch.scoring_seconds + watch.clean_seconds
        saved = self._saved(state, score, best.epoch, truth, probabilities, setup=watch.setup, images_per_second=speed, steps_seconds=seconds)
        return dataclasses.replace(saved, averaged=best.averaged)

    def _score(self, score: float, truth: np.ndarray, probabilities: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, float]:
        """The best epoch's score on all validation images, where its epochs were scored on fewer; and the seconds that takes."""
        held = self.whole.rows("val")
        if len(held) == len(truth):
            return score, truth, probabilities, 0.0
        began = time.monotonic()
        truth, probabilities = self.whole.truth(held), predict(self.net.model, self.images, held)
        return self.task.score(self.spec.metric, truth, probabilities), truth, probabilities, time.monotonic() - began

    def _factors(self) -> dict[str, float]:
        """Each layer's share of the optimizer's rate, from the pretrained weights' lowest layer up."""
        names = [layer.name for layer in self.net.training.layers if layer.trainable_variables and layer.name != probe.CLASSIFIER]
        return factors_of(names, probe.CLASSIFIER, mode=str(self.mode), rate=transfer.rate_of(self.spec.configuration), lowest=transfer.LOWEST)

    def _read_features(self, clock: probe.Stopwatch) -> tuple[np.ndarray, np.ndarray, bool]:
        """The features of as many training images as time allows, in random order, their labels, and whether reading was stopped early.

        Raises:
            TrialError: it was stopped before there were enough to learn from.
        """
        rows = np.random.default_rng(self.spec.seed).permutation(self.rows)
        stopped = False

        def watching(done: int, of: int) -> bool:
            nonlocal stopped
            stopped = stopped or not self.emit(Progress(1, 1, done, of))
            return not stopped and not clock.over

        seen = probe.features(self.net.model, self.images, rows, watching)
        labels = self.dataset.truth(rows[: len(seen)])
        if stopped and (not self.task.enough(labels) or len(labels) < self.task.outputs):
            raise TrialError(f"no time was left after {len(seen)} of {len(rows)} images were read, too few to learn from: raise --budget")
        return seen, labels, stopped

    def batches(self, rows: np.ndarray, regularizers: tuple[Regularizer, ...]) -> Batches:
        """The images `rows` in batches, as the regularizers have them."""
        augmenting = [regularizer for regularizer in regularizers if type(regularizer).augment is not Regularizer.augment]
        softening = [regularizer for regularizer in regularizers if type(regularizer).targets is not Regularizer.targets]

        def augment(batch: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            for regularizer in augmenting:
                batch, labels = regularizer.augment(batch, labels, rng)
            return batch, labels

        def soften(labels: np.ndarray) -> np.ndarray:
            for regularizer in softening:
                labels = regularizer.targets(labels, self.task.name)
            return labels

        return Batches(
            self.images,
            rows,
            self.dataset.truth,
            self.task,
            int(self.spec.configuration["batch_size"]),
            seed=self.spec.seed,
            shuffle=True,
            augment=augment if augmenting else None,
            soften=soften if softening else None,
            weights=self.task.weights(self.dataset.truth(self.rows)) if self.balanced else None,
            outputs=self.outputs,
        )

    def _saved(
        self,
        state: State,
        score: float,
        epoch: int,
        truth: np.ndarray,
        probabilities: np.ndarray,
        *,
        setup: float | None,
        images_per_second: float | None,
        steps_seconds: float | None,
    ) -> Finished:
        Path(self.spec.checkpoint).parent.mkdir(parents=True, exist_ok=True)
        self.net.model.save(self.spec.checkpoint)
        predictions.keep(Path(self.spec.checkpoint), probabilities)
        return Finished(
            state=state,
            score=score,
            interval=self.task.interval(self.spec.metric, truth, probabilities, groups=self.whole.groups_of("val")),
            best_epoch=epoch,
            seconds=time.monotonic() - self.began,
            setup=setup,
            images_per_second=images_per_second,
            steps_seconds=steps_seconds,
            checkpoint=self.spec.checkpoint,
            right=packed(self.task.right(truth, probabilities)),
        )
