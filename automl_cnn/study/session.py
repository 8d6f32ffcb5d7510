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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn import metrics
from automl_cnn import registry as plugins
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, arrays, pixels, prepare, scan
from automl_cnn.diagnosis import Context
from automl_cnn.diagnosis.copies import COPIES, share_of_copies
from automl_cnn.errors import ConfigError, StoreError, TrialError
from automl_cnn.export.bundle import read_card, seal, write_card
from automl_cnn.records import Calibration, Job, StudyResult, Trial, incumbent
from automl_cnn.space import Configuration, Space
from automl_cnn.store import Store, StudyFolder
from automl_cnn.study import ensembles, reporting
from automl_cnn.study.budget import FINISH, Budget, finishing
from automl_cnn.study.course import Course
from automl_cnn.study.disk import STOPPED, Disk, Reserve, go_on, is_full
from automl_cnn.study.engines import Engine, engine_for, require
from automl_cnn.study.engines.within import ByPhi, Within
from automl_cnn.study.executors.local import LocalExecutor
from automl_cnn.study.executors.protocol import Executor, Setting, TestScore
from automl_cnn.study.identity import name_of, same_study, summary, write_toml
from automl_cnn.study.limits import Limits, size
from automl_cnn.study.lock import held
from automl_cnn.study.loop import Loop
from automl_cnn.study.observer import NullObserver, Observer
from automl_cnn.study.overview import overview
from automl_cnn.study.pareto import front, winner
from automl_cnn.study.planner import Planner
from automl_cnn.study.prices import Prices
from automl_cnn.study.record import DATA, RESULT, WEIGHTS, Record
from automl_cnn.study.scale import KEY as SCALE
from automl_cnn.study.scale import coefficients
from automl_cnn.study.shelf import Shelf
from automl_cnn.study.stages import Sizing
from automl_cnn.study.times import KEY as TIMES
from automl_cnn.study.times import READY, Times
from automl_cnn.study.union import by_phi, study_space, worth_enlarging
from automl_cnn.study.weights import Found, choose
from automl_cnn.track import NullTracker, Tracker, Tracking
from automl_cnn.track.later import Later

LOOKED_THROUGH = 10**9  # bytes of images that are compared for copies, in about a second
ENSEMBLE_SHARE = 0.05  # of the budget, at most, for making one model of several networks
LOOK = 4.0  # seconds for a few heat maps and the page, beside scoring the validation images


def run(
    config: StudyConfig,
    *,
    observer: Observer | None = None,
    track: bool = True,
    started: float | None = None,
    dataset: Dataset | None = None,
    course: Course | None = None,
) -> StudyResult:
    """Search `config.data` and return the best network found; the same call again goes on with the study.

    `started` is when the clock of the budget began, in seconds since 1970 (default: now). `dataset`
    stands in for the images of `config.data`, already prepared, `course` for what a search would try.

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
        try:
            return _search(config, found, store, folder, observer=observer, track=track, started=started, dataset=dataset, course=course)
        except OSError as error:
            if not is_full(error):
                raise
            raise StoreError(f"The disk is full ({error}). {go_on('Free some space')}") from None


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
    course: Course | None,
) -> StudyResult:
    name = folder.name
    record = Record(store.journal, name)
    executor = LocalExecutor(folder.log)
    tracker = Later(Tracker(store, name) if track else NullTracker())
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
        record.keep(DATA, {**summary(dataset), COPIES: record.settings.get(DATA, {}).get(COPIES)})
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
        _look_for_copies(record, dataset)
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
        tracker.start({**json.loads(config.model_dump_json()), **(course.settings if course else {})}, summary(dataset))
        disk = Disk.of(store, folder, Path(dataset.array), config.max_disk)
        short = disk.lacks(0, 0)
        if short and not folder.model.exists():
            raise StoreError(short)
        study = _Study(config, name, record, executor, tracker, observer, dataset, started, folder, disk)
        top = worth_enlarging(dataset.native, config.max_resolution)
        engine = _engine(config, space, top)
        if engine.note:
            observer.note(engine.note)
        prices = Prices(record, executor)
        limits = Limits(
            params=int(config.max_params) if config.max_params else None,
            mult_adds=int(config.max_mult_adds) if config.max_mult_adds else None,
            bytes=min((int(most) for most in (config.max_size, disk.largest_model) if most is not None), default=None),
            latency=config.max_latency,
            measure=prices.latency,
        )
        sizing = Sizing(space, prices.cost, len(dataset.rows("train")), top, limits, prices.broken)
        study.sizing = sizing if course is None else None  # scaling compares single networks
        timed = "latency" in (config.objectives or ()) or config.max_latency is not None
        known = Context.of(record.settings[DATA]) if config.guided == "on" else None
        if course is None and SCALE in record.settings:
            raise ConfigError(f"The study '{name}' is one of scaling, not a search: go on with it by `automl-cnn scale`, or choose another --name.")
        if course is not None:
            planner, engine = course.plan(sizing, record, observer.note)
        else:
            scales = {} if config.scaling == "off" else coefficients(store.journal, dataset.fingerprint)
            planner = Planner(sizing, engine, config.max_epochs, config.objectives or (), known, config.scaling, scales)
        result = study.search(planner, engine, prices.measured if timed else None)
        if course is not None:
            tracker.files(course.conclude(record, folder))
        return result
    finally:
        executor.close()
        tracker.close()
        Reserve(folder.reserve).free()


def _engine(config: StudyConfig, space: Space, top: int) -> Engine:
    """The engine of the settings, which explores phi where the settings say so."""
    if config.scaling == "compound":
        inner = by_phi(space)
        return ByPhi(engine_for(config, inner), inner, space, top)
    return engine_for(config, space) if config.scaling == "off" else Within(engine_for(config, space), space)


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
    disk: Disk
    used_before: float = 0.0
    times: Times = dataclasses.field(default_factory=Times)
    finish_seconds: float = FINISH  # that the finish is expected to take
    sizing: Sizing | None = None  # knows the limits and the costs
    ensemble_seconds: float = 0.0  # of those, for making one model of several

    @property
    def best(self) -> Path:
        return self.folder.model

    @property
    def reserve(self) -> Reserve:
        return Reserve(self.folder.reserve)

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.best, self.folder.trials, self.card, self.config.objectives or ())

    def search(self, planner: Planner, engine: Engine, latency: Callable[[Configuration], float | None] | None = None) -> StudyResult:
        self.record.bury()
        self.shelf.put(self.record.trials)
        self.reserve.lay()
        self.used_before = self.record.seconds
        earlier = self.record.trials
        if earlier:
            self.observer.resumed(earlier, self.used_before)
        session = uuid.uuid4().hex[:8]
        loop = Loop(self.record, planner, engine, self.executor, self.tracker, self.observer, self.budget, self.put, session, self.started)
        loop.times, loop.latency, loop.lacks = self.times, latency, self.lacks
        loop.times.add("start", time.time() - self.started)
        with _interruptible(loop):
            stopped_by = loop.run()
        if stopped_by == STOPPED:
            self._clear_up(loop.full)
        with loop.times.within("finish"):
            result = self.finish(stopped_by)
        with self._as_room_allows():
            self.record.keep(TIMES, {**self.record.settings.get(TIMES, {}), session: loop.times.spent})
            self.record.use(session, time.time() - self.started)
        return result

    def lacks(self, job: Job) -> str | None:
        """Why there is no room on the disk for a trial."""
        side, dataset = int(job.configuration["resolution"]), self.dataset
        there = self.sizing is None or side == dataset.side or arrays.of_size(Path(dataset.array), side).exists()
        images = 0 if there else len(dataset) * side**2 * dataset.channels
        return self.disk.lacks(0 if self.sizing is None else size(self.sizing.cost(job.configuration)), images)

    def _clear_up(self, why: str) -> None:
        """Say what was lacking, write off the trial that was under way, and put the best model in its place, if the reserve suffices for that."""
        self.observer.note(why)
        with self._as_room_allows():
            self.reserve.spend(self.record.bury)
            self.reserve.spend(lambda: self.shelf.put(self.record.trials))
        if self.shelf.standing() is None:
            raise StoreError(f"{why} There is no model yet.")

    @contextlib.contextmanager
    def _as_room_allows(self) -> Iterator[None]:
        """What is written within is given up where the disk is full: a search does not fail for its ending."""
        try:
            yield
        except (OSError, StoreError) as error:
            if not is_full(error):
                raise
            self.observer.note(f"The disk is full, so that something was left out: {error}")

    def _standing(self, best: Trial, trials: Sequence[Trial]) -> Trial:
        """The trial whose model is in the best one's place, which is not the best where there was no room to put it there."""
        number = self.shelf.standing()
        if number is None or number == best.number or not 0 <= number < len(trials):
            return best
        self.observer.note(f"Trial {best.number} is better, but there was no room to put its model in place: the same command does it.")
        return trials[number]

    def put(self, trials: Sequence[Trial]) -> None:
        """Bring the shelf in line, and the time set aside for scoring the best model."""
        images = len(self.dataset.rows("val")) + len(self.dataset.rows("test"))
        self.finish_seconds = finishing(incumbent(tuple(trials)), images, self.times.spent.get(READY))
        self.shelf.put(trials)
        self.ensemble_seconds = self._foreseen(trials)
        self.finish_seconds += self.ensemble_seconds

    def budget(self) -> Budget:
        return Budget(self.config.budget, self.used_before + time.time() - self.started, self.config.trials, self.finish_seconds)

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
        objectives = self.config.objectives or ()
        best = winner(trials, objectives)
        if best is None:
            reasons = sorted({trial.failure or "no reason" for trial in trials})
            none = "No time was left for a single trial, or no network keeps the limits: raise --budget, or what --max-... allows."
            raise TrialError("No network could be trained.\n" + "\n".join(reasons[:5] or [none]))
        if stopped_by == STOPPED:
            best = self._standing(best, trials)
        self._ensemble(trials, stopped_by)
        calibration = self._calibrated()
        self.observer.finishing("scoring the test images once")
        began = time.time()
        test = self._test()
        scoring = time.time() - began
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
            objectives=objectives,
            front=tuple(trial.number for trial in front(trials, objectives)),
        )
        with self._as_room_allows():
            for number in result.front:
                if self.shelf.checkpoint(number).exists():
                    seal(self.shelf.checkpoint(number))
        result = dataclasses.replace(result, **ensembles.standing(self.best))
        with self._as_room_allows():
            write_card(self.best, {**read_card(self.best), "test_score": result.test_score, "test_interval": result.test_interval})
            seal(self.best)
        if stopped_by != STOPPED:
            self.observer.finishing("registering the model in MLflow")
            self.tracker.rebuild(trials)
            rows = self.dataset.rows("test")[:1]
            self.tracker.finish(result, self.best, np.asarray(pixels(self.dataset, int(best.configuration["resolution"]))[rows]))
        result = dataclasses.replace(result, seconds=self.budget().used)
        with self._as_room_allows():
            self.reserve.spend(lambda: self.record.keep(RESULT, result.as_dict()))
        self._report(test, scoring)
        self.observer.result(result)
        return result

    def _report(self, test: TestScore | None, scoring: float) -> None:
        """Report and model card; the look at the winner's mistakes only where there is time, `scoring` being what a split takes. No search fails for them."""
        self.observer.finishing("writing the report")
        evidence, without, budget = None, "", self.budget()
        left = float("inf") if budget.total is None else budget.total - budget.used
        try:
            if left < scoring + LOOK:
                raise TrialError(f"no time was left; `automl-cnn report {self.name}` does it")
            found = self.executor.examine(str(self.best), lambda: left)
            evidence = dataclasses.replace(found, test_confusion=test.confusion if test else ())
        except TrialError as error:
            without = f"The winner's mistakes were not looked at: {error}."
            self.observer.note(without)
        try:
            store = Store(self.config.store)
            self.tracker.files(reporting.conclude(overview(store, self.name), store, evidence, without))
        except Exception as error:  # whatever is in a record or a plugin's names; the model is safe
            self.observer.note(f"The report could not be written: {type(error).__name__}: {error}")

    def _ensemble(self, trials: Sequence[Trial], stopped_by: str) -> None:
        """One model of several networks, where they are better together; not while somebody waits, nor where costs are an objective."""
        if self.sizing is None or stopped_by in ("user", STOPPED) or self.config.objectives is not None:
            return
        makes, budget = self._ensembles(self.sizing), self.budget()
        alone = self.finish_seconds - self.ensemble_seconds
        try:
            if self.config.ensemble == "off":
                makes.take_apart(trials)
            else:
                makes.put(trials, float("inf") if budget.total is None else budget.total - budget.used - alone)
        except StoreError as error:
            self.observer.note(f"No ensemble was made: {error}")

    def _foreseen(self, trials: Sequence[Trial]) -> float:
        """Seconds to set aside for an ensemble: a small share of the time, and only while one would be better."""
        if self.sizing is None or self.config.ensemble == "off" or self.config.budget is None or self.config.objectives is not None:
            return 0.0
        return min(ENSEMBLE_SHARE * self.config.budget, self._ensembles(self.sizing).foreseen(trials))

    def _ensembles(self, sizing: Sizing) -> ensembles.Ensembles:
        labels = self.dataset.labels[self.dataset.rows("val")]
        return ensembles.Ensembles(self.config.metric, labels, len(self.dataset.classes), self.shelf, sizing.limits, sizing.cost, self.executor, self.observer)

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


def _look_for_copies(record: Record, dataset: Dataset) -> None:
    """Keep the share of the validation images that are copies of training images, once, while the worker starts; of large sets it is not known."""
    known = record.settings[DATA]
    if known.get(COPIES) is None and len(dataset) * dataset.side**2 * dataset.channels <= LOOKED_THROUGH:
        record.keep(DATA, {**known, COPIES: share_of_copies(pixels(dataset, dataset.side), dataset.rows("train"), dataset.rows("val"))})


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
