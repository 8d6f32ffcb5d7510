"""One study from its settings to its result: prepare, loop, finish."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import re
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from automl_cnn import registry as plugins
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, pixels, prepare, scan, told_apart
from automl_cnn.errors import ConfigError, StoreError, TrialError
from automl_cnn.export.bundle import read_card, write_card
from automl_cnn.records import NetCost, StudyResult, Trial, incumbent
from automl_cnn.space import Configuration
from automl_cnn.store import Store, atomic_write_text
from automl_cnn.study.budget import Budget
from automl_cnn.study.engines.optuna import OptunaEngine
from automl_cnn.study.executors.local import LocalExecutor
from automl_cnn.study.executors.protocol import Executor, Setting, TestScore
from automl_cnn.study.loop import Loop
from automl_cnn.study.observer import NullObserver, Observer
from automl_cnn.study.planner import Planner
from automl_cnn.study.record import FINGERPRINT, RESULT, Record
from automl_cnn.study.union import study_space
from automl_cnn.track import NullTracker, Tracker, Tracking

IDENTITY = ("data", "seed", "metric", "architectures", "optimizers", "regularizers", "class_weights", "val_share", "test_share", "max_size")


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
    found = plugins.load(config.plugins_dir)
    for source, why in found.broken.items():
        observer.note(f"Plugin left out: {source}: {why}")
    for kind in plugins.KINDS:
        found.only(kind, getattr(config, f"{kind}s"))
    if dataset is None:
        scan(config.data)  # names only: a folder that cannot be used is told before anything is started
    store = Store(config.store)
    name = config.name or _name(config)
    folder = store.study(name)
    record = Record(store.journal, name)
    executor = LocalExecutor(folder.log)
    try:
        if dataset is None:
            dataset = prepare(config.data, store.cache, seed=config.seed, val_share=config.val_share, test_share=config.test_share, max_size=config.max_size)
        observer.data(dataset)
        _same_study(record, config, dataset, name)
        manifest = folder.folder / "dataset.json"
        dataset.save(manifest)
        _write_toml(folder.toml, config, name)
        executor.configure(
            Setting(
                str(manifest), config.metric, config.class_weights, config.seed, str(config.plugins_dir) if config.plugins_dir else None, str(folder.trials)
            )
        )
        space = study_space(
            found,
            native=dataset.native,
            images=len(dataset.rows("train")),
            max_size=config.max_size,
            architectures=config.architectures,
            optimizers=config.optimizers,
            regularizers=config.regularizers,
        )
        tracker: Tracking = Tracker(store, name) if track else NullTracker()
        tracker.start(json.loads(config.model_dump_json()), summary(dataset))
        study = _Study(config, name, record, executor, tracker, observer, dataset, started, folder.best / "model.keras", folder.trials)
        return study.search(Planner(space, engine := OptunaEngine(space, config.seed), study.cost, len(dataset.rows("train")), config.max_epochs), engine)
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
    best: Path
    checkpoints: Path
    used_before: float = 0.0
    _costs: dict[str, NetCost] = dataclasses.field(default_factory=dict)

    def search(self, planner: Planner, engine: OptunaEngine) -> StudyResult:
        self.record.bury()
        self._recover()
        self.used_before = self.record.seconds
        earlier = self.record.trials
        if earlier:
            self.observer.resumed(earlier, self.used_before)
        self._costs = {key: NetCost(*value) for key, value in self.record.settings.get("costs", {}).items()}
        session = uuid.uuid4().hex[:8]
        loop = Loop(self.record, planner, engine, self.executor, self.tracker, self.observer, self.budget, self.promote, session, self.started)
        with _interruptible(loop):
            stopped_by = loop.run()
        result = self.finish(stopped_by)
        self.record.use(session, time.time() - self.started)
        return result

    def budget(self) -> Budget:
        return Budget(self.config.budget, self.used_before + time.time() - self.started, self.config.trials)

    def cost(self, configuration: Configuration) -> NetCost:
        """Asked of the worker once for each network, and kept in the record."""
        keys = {key: value for key, value in configuration.items() if not key.startswith(("regularizer", "optimizer", "batch_size"))}
        architecture = str(configuration["architecture"])
        kept = {key: value for key, value in keys.items() if key in ("architecture", "resolution", "width", "depth") or key.startswith(f"{architecture}.")}
        key = json.dumps(kept, sort_keys=True)
        if key not in self._costs:
            try:
                self._costs[key] = self.executor.cost(configuration)
            except TrialError:
                self._costs[key] = NetCost(0, 1, 1)  # its trial will say what is wrong with it
            self.record.keep("costs", {known: list(dataclasses.astuple(value)) for known, value in self._costs.items()})
        return self._costs[key]

    def promote(self, trial: Trial, checkpoint: Path) -> None:
        """Make a checkpoint the best model on disk, labels and settings inside, in one step."""
        write_card(checkpoint, self.card(trial))
        self.best.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.replace(self.best)

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
        self.observer.finishing("scoring the test images once")
        test = self._test(best)
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
        )
        write_card(self.best, {**self.card(best), "test_score": result.test_score, "test_interval": result.test_interval})
        self.observer.finishing("registering the model in MLflow")
        self.tracker.rebuild(trials)
        rows = self.dataset.rows("test")[:1]
        self.tracker.finish(result, self.best, np.asarray(pixels(self.dataset, int(best.configuration["resolution"]))[rows]))
        result = dataclasses.replace(result, seconds=self.budget().used)
        self.record.keep(RESULT, result.as_dict())
        self.observer.result(result)
        return result

    def _test(self, best: Trial) -> TestScore | None:
        try:
            return self.executor.test(str(self.best))
        except TrialError as error:
            self.observer.note(f"The test images could not be scored: {error}")
            return None

    def _recover(self) -> None:
        """Put right what a kill between two steps left: an incumbent not yet in its place, checkpoints of losers."""
        best = incumbent(self.record.trials)
        for checkpoint in sorted(self.checkpoints.glob("*.keras")):
            placed = self.best.exists() and best is not None and read_card(self.best).get("trial") == best.number
            if best is not None and checkpoint.stem == f"trial-{best.number:04d}" and not placed:
                self.promote(best, checkpoint)
            else:
                checkpoint.unlink()


def summary(dataset: Dataset) -> dict[str, Any]:
    """A data set in figures, JSON-ready."""
    return {
        "name": dataset.name,
        "folder": dataset.folder,
        "fingerprint": dataset.fingerprint,
        "classes": list(dataset.classes),
        "images": len(dataset.labels),
        "splits": {split: [int(count) for count in dataset.counts(split)] for split in ("train", "val", "test")},
        "skipped": len(dataset.skipped),
        "duplicates": dataset.duplicates,
        "channels": dataset.channels,
        "native": int(dataset.native),
    }


def _name(config: StudyConfig) -> str:
    """The name of a study that was given none: the same settings on the same folder are the same study."""
    identity = json.loads(config.model_dump_json(include=set(IDENTITY)))
    identity["data"] = str(config.data.resolve())
    digest = hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=3).hexdigest()
    plain = re.sub(r"[^\w.-]+", "-", told_apart(config.data)).strip("-.") or "study"
    return f"{plain}-{digest}"


def _same_study(record: Record, config: StudyConfig, dataset: Dataset, name: str) -> None:
    """Refuse to mix two searches under one name."""
    identity = json.loads(config.model_dump_json(include=set(IDENTITY) - {"data"}))
    known = record.settings.get("identity")
    if known is None:
        record.keep("identity", identity)
        record.keep(FINGERPRINT, dataset.fingerprint)
        return
    changed = [f"{key} was {known.get(key)!r}, now {value!r}" for key, value in identity.items() if known.get(key) != value]
    if changed:
        raise ConfigError(f"The study '{name}' exists with other settings: {'; '.join(changed)}. Choose another --name, or the settings it began with.")
    if record.settings.get(FINGERPRINT) != dataset.fingerprint:
        raise StoreError(f"The images changed since the study '{name}' began, so its scores would not compare. Choose another --name for a new study.")


def _write_toml(path: Path, config: StudyConfig, name: str) -> None:
    values = {key: value for key, value in json.loads(config.model_dump_json()).items() if value is not None}
    values["name"] = name
    values["data"] = str(config.data.resolve())
    values["store"] = str(config.store.resolve())
    atomic_write_text(path, tomli_w.dumps(values))


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
