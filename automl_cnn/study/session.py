"""One study from its settings to its result: prepare, loop, finish."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import json
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn import metrics
from automl_cnn import registry as plugins
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, pixels, prepare, scan
from automl_cnn.errors import TrialError
from automl_cnn.export.bundle import read_card, write_card
from automl_cnn.records import Calibration, StudyResult, Trial, incumbent
from automl_cnn.store import Store, StudyFolder
from automl_cnn.study.budget import Budget
from automl_cnn.study.engines import Engine, engine_for, require
from automl_cnn.study.executors.local import LocalExecutor
from automl_cnn.study.executors.protocol import Executor, Setting, TestScore
from automl_cnn.study.identity import name_of, same_study, summary, write_toml
from automl_cnn.study.limits import Limits
from automl_cnn.study.lock import held
from automl_cnn.study.loop import Loop
from automl_cnn.study.observer import NullObserver, Observer
from automl_cnn.study.planner import Planner
from automl_cnn.study.prices import Prices
from automl_cnn.study.record import DATA, RESULT, WEIGHTS, Record
from automl_cnn.study.shelf import Shelf
from automl_cnn.study.stages import Sizing
from automl_cnn.study.union import study_space, worth_enlarging
from automl_cnn.study.weights import Found, choose
from automl_cnn.track import NullTracker, Tracker, Tracking


def run(
    config: StudyConfig, *, observer: Observer | None = None, track: bool = True, started: float | None = None, dataset: Dataset | None = None
) -> StudyResult:
    """Search `config.data` and return the best network found; the same call again goes on with the study.

    `started` is when the clock of the budget began, in seconds since 1970 (default: now). `dataset`
    stands in for the images of `config.data`, already prepared.

    Raises:
        DataError, ConfigError, PluginError, StoreError: each says what to change.
        TrialError: not one trial could be trained.
    """
    started = time.time() if started is None else started
    observer = observer or NullObserver()
    require(config)
    found = plugins.load(config.plugins_dir)
    for source, why in found.broken.items():
        observer.note(f"Plugin left out: {source}: {why}")
    for kind in plugins.KINDS:
        found.only(kind, getattr(config, f"{kind}s"))
    if dataset is None:
        scan(config.data)  # names only: a folder that cannot be used is told before anything is started
    store = Store(config.store)
    name = config.name or name_of(config)
    folder = store.study(name)
    with held(folder.lock, name):
        return _search(config, found, store, folder, observer=observer, track=track, started=started, dataset=dataset)


def _search(
    config: StudyConfig,
    found: plugins.Registry,
    store: Store,
    folder: StudyFolder,
    *,
    observer: Observer,
    track: bool,
    started: float,
    dataset: Dataset | None,
) -> StudyResult:
    name = folder.name
    record = Record(store.journal, name)
    executor = LocalExecutor(folder.log)
    try:
        if dataset is None:
            dataset = prepare(
                config.data,
                store.cache,
                seed=config.seed,
                val_share=config.val_share,
                test_share=config.test_share,
                max_size=config.max_resolution,
            )
        observer.data(dataset)
        same_study(record, config, dataset, name)
        record.keep(DATA, summary(dataset))
        manifest = folder.manifest
        dataset.save(manifest)
        write_toml(folder.toml, config, name)
        executor.configure(
            Setting(
                dataset=str(manifest),
                metric=config.metric,
                class_weights=config.class_weights,
                seed=config.seed,
                plugins_dir=str(config.plugins_dir) if config.plugins_dir else None,
                checkpoints=str(folder.trials),
                weights=str(config.weights.resolve()) if config.weights else None,
            )
        )
        weights = _weights(found, config, record, executor, observer)
        space = study_space(
            found,
            native=dataset.native,
            images=len(dataset.rows("train")),
            max_resolution=config.max_resolution,
            architectures=config.architectures,
            optimizers=config.optimizers,
            regularizers=config.regularizers,
            weights=weights,
        )
        tracker: Tracking = Tracker(store, name) if track else NullTracker()
        tracker.start(json.loads(config.model_dump_json()), summary(dataset))
        study = _Study(config, name, record, executor, tracker, observer, dataset, started, folder)
        engine = engine_for(config, space)
        if engine.note:
            observer.note(engine.note)
        prices = Prices(record, executor)
        limits = Limits(
            params=int(config.max_params) if config.max_params else None,
            mult_adds=int(config.max_mult_adds) if config.max_mult_adds else None,
            bytes=int(config.max_size) if config.max_size else None,
            latency=config.max_latency,
            measure=prices.latency,
        )
        sizing = Sizing(space, prices.cost, len(dataset.rows("train")), worth_enlarging(dataset.native, config.max_resolution), limits, prices.broken)
        return study.search(Planner(sizing, engine, config.max_epochs), engine)
    finally:
        executor.close()


@dataclasses.dataclass
class _Study:
    config: StudyConfig
    name: str
    record: Record
    executor: Executor
    tracker: Tracking
    observer: Observer
    dataset: Dataset
    started: float
    folder: StudyFolder
    used_before: float = 0.0

    @property
    def best(self) -> Path:
        return self.folder.model

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.best, self.folder.trials, self.card)

    def search(self, planner: Planner, engine: Engine) -> StudyResult:
        self.record.bury()
        self.shelf.put(self.record.trials)
        self.used_before = self.record.seconds
        earlier = self.record.trials
        if earlier:
            self.observer.resumed(earlier, self.used_before)
        session = uuid.uuid4().hex[:8]
        loop = Loop(self.record, planner, engine, self.executor, self.tracker, self.observer, self.budget, self.shelf.put, session, self.started)
        with _interruptible(loop):
            stopped_by = loop.run()
        result = self.finish(stopped_by)
        self.record.use(session, time.time() - self.started)
        return result

    def budget(self) -> Budget:
        return Budget(self.config.budget, self.used_before + time.time() - self.started, self.config.trials)

    def card(self, trial: Trial) -> dict[str, Any]:
        return {
            "classes": list(self.dataset.classes),
            "size": int(trial.configuration["resolution"]),
            "stored": self.dataset.side,
            "channels": self.dataset.channels,
            "metric": self.config.metric,
            "study": self.name,
            "trial": trial.number,
            "val_score": trial.score,
            "val_interval": trial.interval,
            "params": trial.params,
            "mult_adds": trial.mult_adds,
            "configuration": dict(trial.configuration),
            "data_fingerprint": self.dataset.fingerprint,
            "versions": {package: importlib.metadata.version(package) for package in ("automl-cnn", "keras")},
        }

    def finish(self, stopped_by: str) -> StudyResult:
        trials = self.record.trials
        best = incumbent(trials)
        if best is None:
            reasons = sorted({trial.failure or "no reason" for trial in trials})
            raise TrialError("No network could be trained.\n" + "\n".join(reasons[:5] or ["No time was left for a single trial: raise --budget."]))
        calibration = self._calibrated()
        self.observer.finishing("scoring the test images once")
        test = self._test()
        result = StudyResult(
            study=self.name,
            metric=self.config.metric,
            configuration=best.configuration,
            params=best.params or 0,
            mult_adds=best.mult_adds or 0,
            val_score=best.score or 0.0,
            val_interval=best.interval or (0.0, 1.0),
            test_score=test.score if test else None,
            test_interval=test.interval if test else None,
            trials=len(trials),
            seconds=self.budget().used,
            model_path=str(self.best),
            trial=best.number,
            stopped_by=stopped_by,
            leaderboard=trials,
            baseline=self._baseline(),
            calibration=calibration,
        )
        write_card(self.best, {**read_card(self.best), "test_score": result.test_score, "test_interval": result.test_interval})
        self.observer.finishing("registering the model in MLflow")
        self.tracker.rebuild(trials)
        rows = self.dataset.rows("test")[:1]
        self.tracker.finish(result, self.best, np.asarray(pixels(self.dataset, int(best.configuration["resolution"]))[rows]))
        result = dataclasses.replace(result, seconds=self.budget().used)
        self.record.keep(RESULT, result.as_dict())
        self.observer.result(result)
        return result

    def _baseline(self) -> float:
        """What answering the most frequent class every time would score on the validation images."""
        labels = self.dataset.labels[self.dataset.rows("val")]
        always = np.zeros((len(labels), len(self.dataset.classes)))
        always[:, int(self.dataset.counts("train").argmax())] = 1.0
        return metrics.score(self.config.metric, labels, always)

    def _calibrated(self) -> Calibration | None:
        """Set the best model's temperature, unless that was done already."""
        if "temperature" in read_card(self.best):
            return None
        self.observer.finishing("calibrating the probabilities on the validation images")
        try:
            return self.executor.calibrate(str(self.best))
        except TrialError as error:
            self.observer.note(f"The probabilities could not be calibrated: {error}")
            return None

    def _test(self) -> TestScore | None:
        try:
            return self.executor.test(str(self.best))
        except TrialError as error:
            self.observer.note(f"The test images could not be scored: {error}")
            return None


def _weights(found: plugins.Registry, config: StudyConfig, record: Record, executor: Executor, observer: Observer) -> Found:
    """The pretrained weights of the study, the same in every session of it, since they shape its space."""
    known = record.settings.get(WEIGHTS)
    if known is None:
        known = choose(
            found,
            found.only("architecture", config.architectures),
            config.pretrained,
            file=str(config.weights) if config.weights else None,
            fetch=executor.fetch,
            note=observer.note,
        )
        record.keep(WEIGHTS, known)
    return {architecture: tuple(names) for architecture, names in known.items()}


@contextlib.contextmanager
def _interruptible(loop: Loop) -> Iterator[None]:
    """Ctrl-C (or SIGTERM) once: end well. Twice: end now."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def answer(signum: int, frame: object) -> None:
        if loop.interrupted:
            raise KeyboardInterrupt
        loop.observer.note("Stopping: the running trial ends at its next step. Press Ctrl-C again to end at once.")
        loop.interrupt()

    before = {number: signal.signal(number, answer) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
