"""The worker process: imports Keras once, then trains the jobs it receives until it is closed.

Started as `python -m automl_cnn.study.running.executors.worker`, with the address and the key of a
connection as two lines on standard input. It ends when the connection does, so that it never outlives the search.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import gc
import os
import queue
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_cnn import allocator, foreign
from automl_cnn.errors import AutomlCnnError, Cause, ImagesGone, TrialError
from automl_cnn.evidence import Evidence
from automl_cnn.growth import Sizes
from automl_cnn.interventions import Interventions
from automl_cnn.places import checkpoint
from automl_cnn.records import Calibration, Event, Fidelity, Finished, Job, NetCost
from automl_cnn.space import Configuration
from automl_cnn.squares import Candidates, Comparison
from automl_cnn.study.record.disk import chain, is_full
from automl_cnn.study.running.executors.protocol import FOLD, FoldJob, GrowthJob, InterventionJob, Joint, Recipe, RefitJob, Refitted, Setting, TestScore

if TYPE_CHECKING:
    import numpy as np

    from automl_cnn.train import TrialSpec

SEEDS = 2**32


def main() -> None:
    """Serve one connection."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the main process answers them; this one ends with its connection
    faulthandler.enable()
    allocator.keep_freed_memory()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    address, key = (sys.stdin.readline().strip() for _ in range(2))
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  # for good: a plugin that asks for input gets none, instead of waiting for ever
    Worker(Client(address, authkey=bytes.fromhex(key))).serve()
    foreign.end(0)  # nothing is left to do, and TensorFlow takes seconds to take itself apart


class Worker:
    """Answers `configure`, `train`, `cost` and `test`; hears `stop` at any time."""

    def __init__(self, connection: Any) -> None:
        self._connection: Connection = connection
        self._inbox: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._stop = threading.Event()
        self._setting: Setting | None = None
        self._scored: tuple[str, Any] | None = None  # the file that was scored last, and its network
        self._known: np.ndarray | None = None  # what that network says of the validation images
        self._seen: np.ndarray | None = None  # what its classifier is given of the test images
        threading.Thread(target=self._listen, daemon=True).start()

    def serve(self) -> None:
        from automl_cnn import keras_settings
        from automl_cnn.train.backend import build_soon  # with it come the 12 seconds of the start

        keras_settings.settle()
        build_soon()
        gc.freeze()  # the libraries stay: looking through them at every collection would double what planning a network takes
        self._connection.send(("ready", None))
        while True:
            word, payload = self._inbox.get()
            if word == "close":
                return
            if word not in {"test", "examine", "refit"}:
                self._scored = self._known = self._seen = None  # the file may be another's by then
            try:
                answer = getattr(self, f"_{word}")(payload)
                self._connection.send(("done", answer))
            except BaseException as error:  # a plugin or a backend may raise anything, SystemExit included
                if not isinstance(error, AutomlCnnError):
                    with contextlib.suppress(OSError):  # the log's disk may be full
                        traceback.print_exc()
                self._connection.send(("failed", failure_of(error)))

    def _listen(self) -> None:
        while True:
            try:
                word, payload = self._connection.recv()
            except (EOFError, OSError):
                foreign.end(1)  # the search is gone
            if word == "stop":
                self._stop.set()
            else:
                self._stop.clear()
                self._inbox.put((word, payload))

    def _configure(self, setting: Setting) -> None:
        from automl_cnn import registry
        from automl_cnn.data import Dataset

        known, self._setting = self._setting, setting
        if known is None or (known.plugins_dir, known.broken) != (setting.plugins_dir, setting.broken):
            self._registry = registry.load(Path(setting.plugins_dir) if setting.plugins_dir else None, without=setting.broken)
        self._dataset = Dataset.load(Path(setting.dataset))

    @property
    def _shape(self) -> dict[str, Any]:
        """What the images ask of every network."""
        data = self._dataset
        return {"classes": len(data.classes), "channels": data.channels, "activation": data.task.activation}

    def _train(self, payload: tuple[Job, int]) -> Finished:
        from automl_cnn.train import TrialSpec, train

        job, number = payload
        setting = self._ready()
        start = None if job.continue_from is None else self._checkpoint(job.continue_from)
        spec = TrialSpec(
            number=number,
            configuration=job.configuration,
            fidelity=job.fidelity,
            metric=setting.metric,
            class_weights=setting.class_weights,
            loss=setting.loss,
            seed=seed_of(setting.seed, job.seed if job.seed is not None else number if job.guide is None else job.guide.seed),
            checkpoint=str(self._checkpoint(number)),
            start=str(start) if start is not None and start.exists() else None,
            weights=setting.weights,
        )
        written = Path(spec.checkpoint)
        try:
            outcome = train(spec, self._dataset, self._registry, self._emit)
            with written.open("rb") as file:
                os.fsync(file.fileno())  # before it is recorded: a power cut must not leave a record of a model that is none
        except BaseException:
            written.unlink(missing_ok=True)  # half of it may fill the disk
            raise
        return outcome

    def _cost(self, configuration: Configuration) -> NetCost:
        from automl_cnn.models.estimate import estimate

        paid = estimate(configuration, self._registry, **self._shape)
        return paid.summary

    def _latency(self, configuration: Configuration) -> float:
        from automl_cnn.models.latency import latency

        return latency(configuration, self._registry, **self._shape)

    def _calibrate(self, model: str) -> Calibration:
        from automl_cnn import predictions
        from automl_cnn.data import pixels
        from automl_cnn.modelfile.file import read_card, unseal, write_card
        from automl_cnn.train.calibrate import calibrate, logits_of

        file, rows = Path(model), self._dataset.rows("val")
        card, network = read_card(file), self._network(model)
        task = self._dataset.task
        logits = logits_of(task, network, pixels(self._dataset, int(card["size"])), rows, predictions.recall(file))
        truth, groups = self._dataset.truth(rows), self._dataset.groups_of("val")
        calibration = calibrate(task, network, logits, truth, groups)
        self._scored = None  # until it is in the file, it is not the file's
        part = file.with_name(f".calibrated-{os.getpid()}.keras")
        try:
            network.save(part)
            answers = task.activate(logits, calibration.temperature)
            calibration = task.decided(calibration, truth, answers, groups)
            predictions.keep(part, answers)
            write_card(part, {**card, "temperature": calibration.temperature, **task.decisions(calibration)})
            unseal(file)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        self._scored, self._known = (model, network), answers
        return calibration

    def _fetch(self, payload: tuple[str, str]) -> None:
        from automl_cnn.models import pretrained
        from automl_cnn.models.choose import pretrained_of
        from automl_cnn.transfer import PRETRAINED

        architecture, name = payload
        entry = pretrained_of({"architecture": architecture, f"{PRETRAINED}{architecture}": name}, self._registry)
        if entry is not None:
            pretrained.download(entry)

    def _squares(self, candidates: Candidates) -> Comparison:
        from automl_cnn.records import Fidelity
        from automl_cnn.train import TrialSpec
        from automl_cnn.train.squares import compared

        setting = self._ready()
        spec = TrialSpec(
            number=0,
            configuration=candidates.configuration,
            fidelity=Fidelity(1, candidates.seconds),
            metric=setting.metric,
            class_weights=setting.class_weights,
            loss=setting.loss,
            seed=setting.seed,
            checkpoint="",  # nothing is kept
            weights=setting.weights,
        )
        return compared(spec, candidates, self._dataset, self._registry, self._emit)

    def _test(self, model: str) -> TestScore:
        from automl_cnn.data import pixels
        from automl_cnn.modelfile.file import read_card
        from automl_cnn.train import predict
        from automl_cnn.train.probe import is_readout, with_features
        from automl_cnn.train.watch import predict_several

        rows, setting = self._dataset.rows("test"), self._ready()
        network, card = self._network(model), read_card(Path(model))
        images = pixels(self._dataset, int(card["size"]))
        if is_readout(network):
            self._seen, probabilities = predict_several(with_features(network), images, rows)
        else:
            probabilities = predict(network, images, rows)
        truth, task = self._dataset.truth(rows), self._dataset.task.deciding(card)
        score = task.score(setting.metric, truth, probabilities)
        span = task.interval(setting.metric, truth, probabilities, groups=self._dataset.groups_of("test"))
        return TestScore(score, span, task.confusion(truth, probabilities), **({} if task.probable else {"truth": truth, "answers": probabilities}))

    def _examine(self, model: str) -> Evidence:
        from automl_cnn import predictions
        from automl_cnn.data import pixels
        from automl_cnn.modelfile.file import read_card
        from automl_cnn.study.running.doubts import with_doubts
        from automl_cnn.train import predict
        from automl_cnn.train.examine import examine

        network, card = self._network(model), read_card(Path(model))  # with another file, nothing is known of it yet
        rows, known = self._dataset.rows("val"), self._known
        if known is None:
            kept = predictions.recall(Path(model))
            fits = (len(rows), len(self._dataset.classes))
            known = kept if kept is not None and kept.shape == fits else predict(network, pixels(self._dataset, int(card["size"])), rows)
        self._known = known
        return with_doubts(examine(network, card, self._dataset, known), self._dataset, known)

    def _network(self, model: str) -> Any:
        """The model of a file, loaded once for all that is asked of it in a row."""
        from automl_cnn.modelfile.file import load_model

        if self._scored is None or self._scored[0] != model:
            self._scored, self._known, self._seen = (model, load_model(Path(model))), None, None
        return self._scored[1]

    def _ensemble(self, recipe: Recipe) -> Joint:
        from automl_cnn.data import pixels
        from automl_cnn.modelfile.file import load_model
        from automl_cnn.models.cost import cost
        from automl_cnn.models.ensemble import ensemble, size_of
        from automl_cnn.train import predict

        members = [load_model(Path(file)) for file in recipe.files.values()]
        made = ensemble(
            members,
            [recipe.shares[number] for number in recipe.files],
            [f"trial_{number}" for number in recipe.files],
            stored=self._dataset.side,
            activation=self._dataset.task.activation,
        )
        made.save(recipe.out)
        return Joint(size_of(made), cost(made).summary, predict(made, pixels(self._dataset, size_of(made)), self._dataset.rows("val")))

    def _refit(self, job: RefitJob) -> Refitted:
        from automl_cnn.modelfile.file import read_card
        from automl_cnn.train.refit import refit

        spec = dataclasses.replace(self._again(job, job.out), start=job.checkpoint, restart=job.restart, splits=job.splits)
        card = read_card(Path(job.model))
        temperature = float(card.get("temperature", 1.0))
        compared = refit(spec, self._network(job.model), temperature, self._dataset, self._registry, strength=job.strength, emit=self._emit, seen=self._seen)
        return Refitted(*dataclasses.replace(compared, task=compared.task.deciding(card)).figures())

    def _intervene(self, job: InterventionJob) -> Interventions:
        from automl_cnn.train.intervene import intervene

        start = self._checkpoint(job.number)
        spec = dataclasses.replace(self._again(job, str(start)), start=str(start) if start.exists() else None)
        return intervene(spec, self._dataset, self._registry, self._emit)

    def _fold(self, job: FoldJob) -> list[tuple[np.ndarray, np.ndarray]]:
        from automl_cnn.train.folds import Some, answered

        spec = self._again(job, str(Path(self._ready().checkpoints) / f"{FOLD}{job.some[0]}.keras"))
        return answered(spec, self._dataset, Some(job.some, job.folds, job.strength), self._registry, self._emit)

    def _growth(self, job: GrowthJob) -> Sizes | None:
        from automl_cnn.train.growth import grown

        return grown(self._again(job, ""), self._dataset, job.strength, self._registry, self._emit)  # nothing is kept

    def _checkpoint(self, trial: int) -> Path:
        """A trial's model file."""
        return checkpoint(self._ready().checkpoints, trial)

    def _again(self, job: RefitJob | FoldJob | GrowthJob | InterventionJob, checkpoint: str) -> TrialSpec:
        """A trial's recipe, to be trained once more."""
        from automl_cnn.train import TrialSpec

        setting = self._ready()
        return TrialSpec(
            number=job.number,
            configuration=job.configuration,
            fidelity=job.fidelity if isinstance(job, InterventionJob) else Fidelity(job.epochs, job.seconds),
            metric=setting.metric,
            class_weights=setting.class_weights,
            loss=setting.loss,
            seed=seed_of(setting.seed, job.number),
            checkpoint=checkpoint,
            weights=setting.weights,
        )

    def _emit(self, event: Event) -> bool:
        self._connection.send(("event", event))
        return not self._stop.is_set()

    def _ready(self) -> Setting:
        if self._setting is None:
            raise RuntimeError("the worker was not configured")
        return self._setting


def seed_of(study: int, trial: int) -> int:
    """The seed of a training, within what Keras and NumPy take."""
    return (1000 * study + trial) % SEEDS


def failure_of(error: BaseException) -> tuple[str, Cause]:
    """What went wrong, in a sentence, and its kind."""
    if is_full(error):
        return f"the disk is full: {' '.join(str(error).split())[:300]}", Cause.DISK
    if any(isinstance(one, MemoryError) or type(one).__name__ == "ResourceExhaustedError" for one in chain(error)):
        return "out of memory: a smaller batch, resolution or width may help", Cause.MEMORY
    if any(isinstance(one, ImagesGone) for one in chain(error)):
        return f"the decoded images are gone: {error}", Cause.IMAGES
    if isinstance(error, AutomlCnnError):
        return str(error), error.cause if isinstance(error, TrialError) else Cause.OTHER
    return foreign.sentence(error), Cause.OTHER


if __name__ == "__main__":
    main()
