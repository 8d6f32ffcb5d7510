"""One study from its settings to its result: prepare, loop, finish."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import json
import time
import uuid
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from automl_cnn import backend, elapsed
from automl_cnn import registry as plugins
from automl_cnn.caveats import unequal
from automl_cnn.check.material import Material
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, Scan, arrays, claims
from automl_cnn.data.inputs import copies_of
from automl_cnn.data.listing import write_splits
from automl_cnn.errors import AutomlCnnError, StoreError
from automl_cnn.pareto import winner
from automl_cnn.records import Job, StudyResult, Trial
from automl_cnn.store import Store, StudyFolder
from automl_cnn.study.checking import Checking
from automl_cnn.study.course import Course
from automl_cnn.study.finish.finish import Finish
from automl_cnn.study.finish.majority import advice
from automl_cnn.study.finish.refits import undo
from automl_cnn.study.fits import Chooser, Way, known
from automl_cnn.study.identity import as_begun, name_of, same_storage, same_study, settled, summary, write_toml, written
from automl_cnn.study.images import checked, gone, look_for_copies, prepared, scanned, usual_side
from automl_cnn.study.model_files import ModelFiles
from automl_cnn.study.notes import Noting, on_images
from automl_cnn.study.observer import NullObserver, Observer
from automl_cnn.study.plan.budget import FINISH, SETUP, Budget, finishing
from automl_cnn.study.plan.engines import require
from automl_cnn.study.plan.limits import size
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.plan.wishes import Measure
from automl_cnn.study.planning import Parts, planner_of, setting_of, space_of, weights_of
from automl_cnn.study.record.disk import STOPPED, Disk, Reserve, plainly
from automl_cnn.study.record.lock import held
from automl_cnn.study.record.record import DATA, SETTINGS, Record
from automl_cnn.study.record.storage import Storage
from automl_cnn.study.record.where import storage_of
from automl_cnn.study.running.crew import Crew
from automl_cnn.study.running.executors.local import LocalExecutor
from automl_cnn.study.running.executors.process import POLL
from automl_cnn.study.running.further import Further
from automl_cnn.study.running.loop import Loop, interruptible
from automl_cnn.study.running.prices import Prices
from automl_cnn.study.running.times import KEY as TIMES
from automl_cnn.study.running.times import READY, Times
from automl_cnn.study.running.usage import Usage
from automl_cnn.study.takeover import arrive, same_split
from automl_cnn.study.team import Team, team_of
from automl_cnn.track import NullTracker, Tracker, Tracking
from automl_cnn.track.background import Background, ending

WHOLE_SECONDS = 60.0  # that a worker with all cores may take to start, once several have done the trials


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

    `started` is when the clock of the budget began, a reading of `elapsed.now` (default: now). `dataset`
    stands in for the images of `config.data`, already prepared, `course` for what a search would try.

    Raises:
        DataError, ConfigError, PluginError, StoreError, BackendError: each says what to change.
        TrialError: not one trial could be trained.
    """
    started = elapsed.now() if started is None else started
    observer = Noting(observer or NullObserver())
    backend.require()
    if backend.replaced():
        observer.note(str(backend.replaced()))
    require(config)
    if config.budget is not None and config.budget < SETUP:
        observer.note(
            f"A budget of {config.budget:g} s is shorter than Keras takes to start (about {SETUP:g} s, more on a slow machine): expect the majority class, "
            f"not a network. Raise --budget to {advice(config.budget, SETUP)} or more."
        )
    registry = plugins.load(config.plugins_dir, budget=config.budget)
    for source, why in registry.broken.items():
        observer.note(f"Plugin left out: {source}: {why}")
    for kind in plugins.KINDS:
        registry.only(kind, getattr(config, f"{kind}s"))
    store = Store(config.store)
    checking = Checking(observer, started, config.budget)
    with contextlib.ExitStack() as claim:
        team = claim.enter_context(team_of(config, observer.note, alone=course is not None))
        images: Dataset | Scan = scanned(config, store, checking, claim) if dataset is None else dataset  # before anything is started or written
        name = config.name or name_of(config, store)
        if config.storage is not None and config.name is None:
            observer.note(
                f"The study is named '{name}', after its settings and the path of its images. To go on with it on another machine, pass --name {name}."
            )
        folder = store.study(name)
        same_storage(config, folder)
        storage = storage_of(config.storage or store.journal)
        with (
            held(folder.lock, name),
            storage.held(name),
            plainly(store),
            ending(Background(Tracker(store, name, config.mlflow_uri) if track else NullTracker())) as tracker,
        ):
            result = _search(
                config,
                registry,
                store,
                folder,
                storage=storage,
                observer=observer,
                tracker=tracker,
                started=started,
                images=images,
                checking=checking,
                course=course,
                team=team,
            )
        return dataclasses.replace(result, notes=tuple(dict.fromkeys((*observer.texts, *result.caveats))))


def _search(
    config: StudyConfig,
    registry: plugins.Registry,
    store: Store,
    folder: StudyFolder,
    *,
    storage: Storage,
    observer: Observer,
    tracker: Background,
    started: float,
    images: Dataset | Scan,
    checking: Checking,
    course: Course | None,
    team: Team,
) -> StudyResult:
    record = Record(storage, folder.name)
    used = record.seconds
    storage.limit(lambda: float("inf") if config.budget is None else config.budget - used - (elapsed.now() - started))
    crew = team.crew(folder, LocalExecutor, cache(partial(usual_side, images)))
    observer.workers([slot.place for slot in crew.slots])
    claim = contextlib.ExitStack()
    try:
        way = known(config, record)
        claimed = partial(_claimed, images, config, store, checking, claim=claim)
        material, decode = claimed(way=way)
        if way.open and isinstance(images, Scan):
            way = Chooser(config, registry, record, crew.executor, observer, folder, started).way(material, images)
            material, decode = (material, decode) if way.choice is None else claimed(way=way)
        observer.data(material.dataset)
        for text in team.notes:
            observer.note(text)
        config, dataset = _begun(config, record, material.dataset, folder, observer)
        crew.configure(setting_of(config, registry, folder, folder.manifest))
        look_for_copies(record, dataset)
        left = float("inf") if config.budget is None else config.budget - record.seconds - (elapsed.now() - started)
        _check(material.with_dataset(dataset), config, folder, checking, left)
        observer.known(record.settings[DATA], config.scored_by)
        for text in unequal(record.settings[DATA], config.scored_by):
            observer.note(text)
        space = space_of(registry, config, dataset, weights_of(registry, config, record, crew.executor, observer), observer)
        tracker.start({**json.loads(config.model_dump_json()), **(course.settings if course else {})}, record.settings[DATA])
        copies = copies_of(images, store.cache) if isinstance(images, Scan) else ()
        disk = Disk.of(store, folder, Path(dataset.array), config.max_disk, copies=copies)
        short = disk.lacks(0, 0)
        if short and not folder.model.exists():
            raise StoreError(short)
        study = _Study(config, record, crew, tracker, observer, dataset, started, folder, disk, decode)
        prices = Prices(record, lambda: crew.executor)
        parts = Parts(space, prices, registry, store, disk.largest_model, team.part)
        planner, study.sizing = planner_of(config, dataset, record, observer, parts=parts, course=course)
        result = study.search(dataclasses.replace(planner, untested=study.further.unknown), prices.measure)
        if course is not None:
            tracker.files(course.conclude(record, folder))
        return result
    finally:
        crew.close()
        claim.close()
        Reserve(folder.reserve).free()


def _claimed(
    images: Dataset | Scan, config: StudyConfig, store: Store, checking: Checking, *, claim: contextlib.ExitStack, way: Way
) -> tuple[Material, Callable[[], Material] | None]:
    """The images, decoded and claimed so that no other search deletes them, and what decodes them again; None where they were given as they are."""
    decode = None if isinstance(images, Dataset) else partial(prepared, images, config, store, checking, way)
    material = Material.in_memory(images) if isinstance(images, Dataset) else prepared(images, config, store, checking, way)
    array = Path(material.dataset.array)
    claim.enter_context(claims.claimed(array.parent, arrays.family(array)))
    if decode is not None and gone(material.dataset):  # another search deleted them before they were claimed
        material = decode()
    return material, decode


def _check(material: Material, config: StudyConfig, folder: StudyFolder, checking: Checking, left: float) -> None:
    """Keep what is wrong with the images, and say what matters; `left` are the seconds of the budget that are left. No search fails for it."""
    try:
        known = checked(material, folder, config.budget, left, checking.step)
        for text in () if known is None else on_images(known, material.dataset, config):
            checking.observer.note(text)
    except Exception as error:  # whatever is in a header
        checking.observer.note(f"The images could not be checked: {type(error).__name__}: {error}")


def _begun(config: StudyConfig, record: Record, dataset: Dataset, folder: StudyFolder, observer: Observer) -> tuple[StudyConfig, Dataset]:
    """The settings with what the images decide, and the images in the split that the study began with; both written down.

    Raises:
        ConfigError, StoreError: the study was begun with other settings or images.
    """
    config = settled(config, record, dataset)
    same_study(record, config, dataset, folder.name)
    dataset = as_begun(dataset, folder.manifest, observer)
    same_split(record, dataset, folder)
    record.keep(DATA, summary(dataset))
    dataset.save(folder.manifest)
    write_splits(dataset, folder.splits)
    write_toml(folder.toml, config, folder.name)
    if record.settings.get(SETTINGS) != (settings := written(config, folder.name)):
        record.keep(SETTINGS, settings)
    return config, dataset


@dataclasses.dataclass
class _Study:
    """A study while it is searched: its clock, its model files, its loop."""

    config: StudyConfig
    record: Record
    crew: Crew
    tracker: Tracking
    observer: Observer
    dataset: Dataset
    started: float
    folder: StudyFolder
    disk: Disk
    decode: Callable[[], Material] | None = None  # reads the images once more; None where they were given as they are
    sizing: Sizing | None = None  # knows the limits and the costs; None where networks are compared one by one
    further: Further = dataclasses.field(init=False)
    used_before: float = 0.0
    times: Times = dataclasses.field(default_factory=Times)
    finish_seconds: float = FINISH  # that the finish is expected to take
    folds_seconds: float = 0.0  # beside it, for cross-validating the winner
    refit_seconds: float = 0.0  # beside it, for training the winner's recipe on every image
    growth_seconds: float = 0.0  # beside it, for measuring what more images would give
    ensemble_seconds: float = 0.0  # beside it, for making one model of several
    usage: Usage = dataclasses.field(default_factory=Usage)

    def __post_init__(self) -> None:
        self.further = Further(self.record, lambda: self.crew.executor, self.observer)

    @property
    def model_files(self) -> ModelFiles:
        return ModelFiles(self.folder.model, self.folder.trials, self.card, self.config.objectives or ())

    @property
    def ending(self) -> Finish:
        ties = (self.crew.executor, self.tracker, self.observer, self.budget)
        return Finish(self.config, self.folder, self.record, self.model_files, self.dataset, *ties, self.sizing, self.times, self.usage, self.further)

    def search(self, planner: Planner, measure: Callable[[Measure], None]) -> StudyResult:
        self.record.bury()
        undo(self.folder)
        self.used_before = self.record.seconds
        arrive(self.record, self.model_files, self.folder, self.observer, self.budget().left)
        self.model_files.put(self.record.trials)
        self.usage = Usage(len(self.crew.slots), self.crew.slots[0].place.part, self.crew.each)
        ending = self.ending
        ending.reserve.lay()
        earlier = self.record.trials
        if earlier:
            self.observer.resumed(earlier, self.used_before)
        session = uuid.uuid4().hex[:8]
        loop = Loop(self.record, planner, self.crew, self.tracker, self.observer, self.budget, self.put, session, self.started)
        loop.clock = elapsed.now
        loop.times, loop.usage, loop.lacks = self.times, self.usage, self.lacks
        loop.measure = partial(self._measure, measure)
        loop.restore, loop.awaits = self.restore, self.crew.executor.wait
        loop.times.add("start", elapsed.now() - self.started)
        with interruptible(loop):
            stopped_by = loop.run()
        self._dissolve(stopped_by)
        if stopped_by == STOPPED:
            ending.clear_up(loop.full)
        elif not loop.lost and gone(self.dataset):
            self.restore()
        with loop.times.within("finish"):
            result = self.ending.run(stopped_by, self.finish_seconds)
        with ending.as_room_allows():
            self.record.keep(TIMES, {**self.record.settings.get(TIMES, {}), session: loop.times.spent})
            self.record.use(session, elapsed.now() - self.started, last=True)
        return result

    def _measure(self, price: Callable[[Measure], None], need: Measure) -> None:
        """Carry out what the plan waits for: interventions on a trial, or what a network costs."""
        if need.trial is not None:
            self.further.make(need.trial, self.budget().left)
        else:
            price(need)

    def _dissolve(self, stopped_by: str) -> None:
        """Leave one worker for the ending: where nobody waits for it, one with all cores."""
        patience = WHOLE_SECONDS if self.config.budget is None and stopped_by == "trials" else 0.0
        until = elapsed.now() + patience
        while patience and not self.crew.gather() and elapsed.now() < until:
            time.sleep(POLL)
        self.crew.dissolve()

    def lacks(self, job: Job) -> str | None:
        """Why there is no room on the disk for a trial."""
        side, dataset = int(job.configuration["resolution"]), self.dataset
        there = self.sizing is None or side == dataset.side or arrays.of_size(Path(dataset.array), side).exists()
        images = 0 if there else len(dataset) * side**2 * dataset.channels
        return self.disk.lacks(0 if self.sizing is None else size(self.sizing.cost(job.configuration)), images)

    def restore(self) -> str | None:
        """Decode the images again, which somebody deleted; why that cannot be done, or None."""
        without = "The images that this search reads were deleted from the cache, and"
        if self.decode is None:
            return f"{without} they were given in memory: they cannot be decoded again. Run the search again."
        self.observer.note(f"{without} they are decoded again.")
        try:
            again = self.decode().dataset
        except (AutomlCnnError, OSError) as error:
            return f"{without} they cannot be decoded again: {error}"
        if again.fingerprint != self.dataset.fingerprint:
            return f"{without} those in {self.dataset.folder} have changed meanwhile. Begin a new study of them, with another --name."
        return None

    def put(self, trials: Sequence[Trial]) -> None:
        """Bring the model files in line, and the time set aside for scoring the best model."""
        images = len(self.dataset.rows("val")) + len(self.dataset.rows("test"))
        best = winner(trials, self.config.objectives or ())
        self.finish_seconds = finishing(best, images, self.times.spent.get(READY))
        self.model_files.put(trials)
        ending = self.ending
        self.ensemble_seconds = ending.foreseen(trials)
        self.folds_seconds = 0.0 if self.sizing is None else ending.folds.foreseen(best, self.times.spent.get(READY))
        self.refit_seconds = 0.0 if self.sizing is None else ending.refits.foreseen(best, self.times.spent.get(READY))
        self.growth_seconds = 0.0 if self.sizing is None else ending.growing.foreseen(best, self.times.spent.get(READY))

    def budget(self) -> Budget:
        return Budget(
            self.config.budget,
            self.used_before + elapsed.now() - self.started,
            self.config.trials,
            self.finish_seconds + self.ensemble_seconds + self.folds_seconds + self.refit_seconds + self.growth_seconds,
            self.crew.size,
            self.crew.slots[0].place.part,
        )

    def card(self, trial: Trial) -> dict[str, Any]:
        return {
            **self.dataset.task.stated(),
            "classes": list(self.dataset.classes),
            "size": int(trial.configuration["resolution"]),
            "stored": self.dataset.side,
            "channels": self.dataset.channels,
            "levels": self.dataset.levels.as_dict(),
            "fit": self.dataset.fit,
            "metric": self.config.scored_by,
            "study": self.folder.name,
            "trial": trial.number,
            "val_score": trial.score,
            "val_interval": trial.interval,
            "folds": trial.folds,
            "params": trial.params,
            "mult_adds": trial.mult_adds,
            "configuration": dict(trial.configuration),
            "data_fingerprint": self.dataset.fingerprint,
            "versions": {package: importlib.metadata.version(package) for package in ("automl-cnn", "keras")},
        }
