"""A study as it lies in its store, read without changing anything.

for study in overviews(Store(Path("automl-cnn-runs"))):
    print(study.name, study.state, study.best)
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from automl_cnn import paths
from automl_cnn.config import METRICS, StudyConfig, study_config
from automl_cnn.databases import Database
from automl_cnn.errors import ConfigError, DataError, StoreError, did_you_mean
from automl_cnn.growth import GROWTH, Growth
from automl_cnn.judged import calibration_of, cuts, folds_of, refit_of
from automl_cnn.measure import Measure
from automl_cnn.pareto import front, winner
from automl_cnn.places import is_study_name, moved
from automl_cnn.quantities import seconds
from automl_cnn.records import Folds, Refit, State, Trial
from automl_cnn.store import Store, StudyFolder
from automl_cnn.study.identity import stored_in
from automl_cnn.study.record.disk import STOPPED
from automl_cnn.study.record.lock import holder
from automl_cnn.study.record.record import DATA, RESULT, SETTINGS, WORKPLACE, Record
from automl_cnn.study.stored.records import Records, Source
from automl_cnn.toml_file import read_toml
from automl_cnn.urls import Url

Interval = tuple[float, float]
NOWHERE = ".refused"  # no folder; stands for the one of a study whose name is refused


class Condition(StrEnum):
    """Where a study stands."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"  # by the user, a kill or a crash; the same search goes on
    REFUSED = "refused"  # no study can have its name, so nothing of it is opened or deleted
    UNREACHABLE = "unreachable"  # the database with its record cannot be read now


@dataclass(frozen=True)
class Overview:
    """One study: its settings, its data set in figures, its trials, its result. `settings` are unchecked, and empty where nobody kept them.

    `host` is the machine of the search at work on it, where that is known to be another one; `elsewhere` says which machine has the files of the last
    search, where it is not this one; `why` says why the record cannot be read.
    """

    name: str
    folder: StudyFolder
    pid: int | None  # of the search at work on it
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    trials: tuple[Trial, ...] = ()
    seconds: float = 0.0
    result: Mapping[str, Any] | None = None
    host: str | None = None
    elsewhere: str | None = None
    why: str = ""
    growth: Mapping[int, Growth] = dataclasses.field(default_factory=dict)  # by trial: what more images would give, where that was measured

    @property
    def refused(self) -> bool:
        """Whether the record holds a name that no study can have, for instance one that leads out of the store."""
        return not is_study_name(self.name)

    @property
    def state(self) -> Condition:
        if self.refused:
            return Condition.REFUSED
        if self.why:
            return Condition.UNREACHABLE
        if self.pid is not None:
            return Condition.RUNNING
        ended = self.result is not None and self.result["stopped_by"] not in ("user", STOPPED) and self.result["trials"] == len(self.trials)
        return Condition.FINISHED if ended else Condition.INTERRUPTED

    @property
    def metric(self) -> Measure:
        return Measure.of(str(self.settings.get("metric") or (self.result or {}).get("metric") or METRICS[0]), self.data)

    @property
    def best(self) -> Trial | None:
        return winner(self.trials, self.objectives)

    @property
    def objectives(self) -> tuple[str, ...]:
        """The metric, then costs; empty where the metric alone counts."""
        return tuple(self.settings.get("objectives") or ())

    @property
    def front(self) -> list[dict[str, Any]]:
        """The Pareto front so far in figures, a row for each of its trials, the highest score first."""
        best = self.best
        return [trial.figures(winner=trial is best) for trial in front(self.trials, self.objectives)]

    @property
    def test(self) -> tuple[float, Interval | None] | None:
        """The test score of the best trial and its 95 % interval; None where that trial was not scored on the test images."""
        best, result = self.best, self.result
        if best is None or result is None or result["trial"] != best.number or result.get("test_score") is None:
            return None
        span = result.get("test_interval")
        return float(result["test_score"]), (span[0], span[1]) if span else None

    @property
    def refit(self) -> Refit | None:
        """How the best trial's recipe was trained on more images; None where the model in its place is the scored one and nothing else was tried."""
        best, result = self.best, self.result
        return refit_of(result.get("refit")) if best is not None and result is not None and result["trial"] == best.number else None

    @property
    def cross_validation(self) -> Folds | None:
        """The best trial's recipe over every image; None where no folds were asked for."""
        best, result = self.best, self.result
        return folds_of(result.get("cross_validation")) if best is not None and result is not None and result["trial"] == best.number else None

    @property
    def cuts(self) -> str:
        """The thresholds of the best trial's labels, in a line; empty where there are none."""
        best, result = self.best, self.result
        return cuts(calibration_of(result.get("calibration"))) if best is not None and result is not None and result["trial"] == best.number else ""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before the best trial's scores are believed."""
        best, result = self.best, self.result
        return tuple(result.get("caveats") or ()) if best is not None and result is not None and result["trial"] == best.number else ()

    @property
    def images(self) -> int | None:
        return self.data.get("images")

    @property
    def budget(self) -> float | None:
        """Seconds for all sessions together."""
        return self.settings.get("budget")

    @property
    def done(self) -> int:
        """Trials that were trained as far as was wished: neither failed nor running."""
        return sum(trial.state not in (State.FAILED, State.RUNNING) for trial in self.trials)

    @property
    def failures(self) -> dict[str, list[int]]:
        """Why trials failed, and which, the most frequent reason first."""
        reasons: dict[str, list[int]] = {}
        for trial in self.trials:
            if trial.state is State.FAILED:
                reasons.setdefault(trial.failure or "no reason given", []).append(trial.number)
        return dict(sorted(reasons.items(), key=lambda item: -len(item[1])))

    @property
    def failed(self) -> int:
        return sum(map(len, self.failures.values()))

    @property
    def touched(self) -> float:
        """When it was last worked on, in seconds since 1970."""
        try:
            return self.folder.touched
        except OSError:  # a record without a folder
            return max((trial.started_at + trial.seconds for trial in self.trials), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, without settings and trials."""
        best, test = self.best, self.test
        return {
            "study": self.name,
            "state": str(self.state),
            "pid": self.pid,
            "host": self.host,
            "data": self.data.get("folder", self.settings.get("data")),
            "images": self.images,
            "fingerprint": self.data.get("fingerprint"),
            "trials": len(self.trials),
            "done": self.done,
            "failed": self.failed,
            "metric": self.metric,
            "trial": best and best.number,
            "val_score": best and best.score,
            "folds": best and best.folds,
            "val_interval": best and best.interval,
            "test_score": test and test[0],
            "test_interval": test and test[1],
            "params": best and best.params,
            "mult_adds": best and best.mult_adds,
            "configuration": dict(best.configuration) if best else None,
            "seconds": self.seconds,
            "budget": self.budget,
            "touched": self.touched,
            "bytes": self.folder.size,
            "folder": None if self.refused or (self.elsewhere and not self.folder.folder.is_dir()) else str(self.folder.folder),
            "elsewhere": self.elsewhere,
            "why": self.why or None,
            "model_path": str(self.folder.model) if self.folder.model.is_file() else None,
        }

    def everything(self) -> dict[str, Any]:
        """JSON-ready, trials and their epochs included."""
        trials = [{**dataclasses.asdict(trial), "configuration": dict(trial.configuration)} for trial in self.trials]
        result = dict(self.result) if self.result else None
        return {
            **self.as_dict(),
            "settings": dict(self.settings),
            "dataset": dict(self.data),
            "failures": self.failures,
            "objectives": self.objectives,
            "front": self.front,
            "result": result,
            "leaderboard": trials,
        }

    def continued(
        self, store: Store, *, budget: str | None = None, trials: int | None = None, data: str | Path | None = None, workers: str | int | None = None
    ) -> StudyConfig:
        """The settings that go on with the study for `budget` more time and `trials` more trials; where one is given, it alone limits.

        `data` is where the images are, if they have moved, `workers` how many trials run at a time, if it is to be another number.

        Raises:
            StoreError: there is no study.toml, the images were arrays in memory, or they are not where they were.
            ConfigError: a setting cannot be used, or nothing is left to do.
        """
        if not self.settings:
            raise StoreError(f"The study '{self.name}' has no readable {self.folder.toml}. Go on with it by the search that began it.")
        if str(self.data.get("folder", "")) == "" and str(self.data.get("name", "")).startswith("arrays"):
            how = "To go on with it, call `fit` again where they are, with warm_start=True."
            raise StoreError(f"The images of the study '{self.name}' were arrays in memory. {how}")
        if self.state is Condition.FINISHED and budget is None and trials is None:
            raise ConfigError(
                f"The study '{self.name}' is finished: its {self._limit()}. "
                "Say how much more: --budget 10m for ten more minutes, --trials 5 for five more trials."
            )
        settings = {**self.settings, "name": self.name, "store": store.root, **({"data": data} if data else {}), **({"workers": workers} if workers else {})}
        if data is None and not _exists(settings.get("data")):
            raise StoreError(
                f"The images of the study '{self.name}' are not at {settings.get('data')}. Pass --data FOLDER to say where they are now; "
                "they must be the same images."
            )
        counted = sum(not trial.lost for trial in self.trials)
        if budget is not None or trials is not None:
            settings = {key: given for key, given in settings.items() if key not in ("budget", "trials")}
        if budget is not None:
            try:
                settings["budget"] = round(self.seconds + seconds(budget), 1)
            except ValueError as error:
                raise ConfigError(f"budget: {error}.") from None
        if trials is not None:
            settings["trials"] = counted + trials
        return study_config(settings)

    def _limit(self) -> str:
        """What ended a finished study."""
        if (self.result or {}).get("stopped_by") == "trials":
            return f"{self.settings.get('trials', len(self.trials))} trials are done"
        return f"budget is used ({self.seconds:.0f} of {self.budget or self.seconds:.0f} seconds)"


def overviews(store: Store, database: Database | None = None) -> tuple[Overview, ...]:
    """Every study of a store, or of a database, the one last worked on first. Creates nothing.

    Raises:
        StoreError: the store's own record, or the database that is named, cannot be read.
    """
    records = Records(store, database)
    studies = [_overview(store, name, records.of(name)) for name in records.names]
    return tuple(sorted(studies, key=lambda study: study.touched, reverse=True))


def overview(store: Store, name: str, *, database: Database | None = None, record: Record | None = None) -> Overview:
    """One study. Creates nothing. `record` is its record, where that is open already.

    Raises:
        StoreError: there is none of that name (the message names those there are), no study can have it, or its record cannot be read.
    """
    if record is not None:
        return _overview(store, name, Source(record))
    records = Records(store, database)
    names, place = records.names, f"the database {database}" if database else f"the store {store.root}"
    if not names and database is None:
        store.latest_study()  # says that there is none, and what to do
    if name not in names:
        raise StoreError(f"There is no study '{name}' in {place}. {did_you_mean(name, filter(is_study_name, names))}")
    if not is_study_name(name):
        raise StoreError(
            f"The record {database or store.journal} holds a study named {name[:200]!r}, a name that no study can have: it may lead out of the store. "
            "Nothing was opened, written or deleted. automl-cnn never writes such a name, so check where this store comes from."
        )
    source = records.of(name)
    if source.why:
        raise StoreError(source.why)
    return _overview(store, name, source)


def _overview(store: Store, name: str, source: Source) -> Overview:
    folder = store.place(name) if is_study_name(name) and _same(store.place(name), source.database) else StudyFolder(store.root / NOWHERE)
    record, pid = source.record, holder(folder.lock)
    kept = record.settings if record else {}
    try:
        settings = moved(read_toml(folder.toml), store.root.absolute())
    except ConfigError:
        settings = dict(kept.get(SETTINGS) or {})
    result, elsewhere = kept.get(RESULT), _elsewhere(kept.get(WORKPLACE), folder) if source.database else None
    return Overview(
        name=name,
        folder=folder,
        pid=pid if pid is not None or source.holder is None else source.holder.pid,
        settings=settings,
        data=kept.get(DATA) or _data(folder),
        trials=record.trials if record else (),
        seconds=record.seconds if record else 0.0,
        result=_as_of_now(result, folder) if result and not elsewhere else result,
        host=source.holder.host if pid is None and source.holder is not None else None,
        elsewhere=elsewhere,
        why=source.why,
        growth=_growth(record),
    )


def _growth(record: Record | None) -> Mapping[int, Growth]:
    """What was measured of trials on growing parts of the images."""
    kept = record.group(GROWTH) if record else {}
    measured = {int(number): Growth.of(value) for number, value in kept.items() if number.isdigit()}
    return {number: growth for number, growth in measured.items() if growth is not None}


def _same(folder: StudyFolder, database: Database | None) -> bool:
    """Whether a folder is that of the study in a database, and not that of another study with its name."""
    known = stored_in(folder)
    return database is None or (known is not None and known.place == database.place)


def _elsewhere(at: Mapping[str, str] | None, folder: StudyFolder) -> str | None:
    """The machine and the folder of the last search; None where it was this one."""
    if at is None:
        return None if folder.folder.is_dir() else "another machine"
    here = (socket.gethostname(), str(folder.folder.absolute()))
    return None if (at["host"], at["folder"]) == here else f"{at['folder']} on {at['host']}"


def _as_of_now(result: Mapping[str, Any], folder: StudyFolder) -> Mapping[str, Any]:
    """A stored result whose model is where it is now; a refit is left out where a study that went on has put the scored model back in its place."""
    refit = refit_of(result.get("refit"))
    undone = refit is not None and not refit.kept and not folder.scored.is_file()
    return {**result, "model_path": str(folder.model), **({"refit": None} if undone else {})}


def _exists(place: object) -> bool:
    """Whether images are there, as far as that shows at once: a URL is asked when its images are listed."""
    try:
        where = paths.location(place)
        return isinstance(where, Url) or where.exists()
    except (ValueError, OSError):
        return False


def _data(folder: StudyFolder) -> Mapping[str, Any]:
    """The data set in figures, of a study that does not have them in its record."""
    from automl_cnn.data import Dataset
    from automl_cnn.study.identity import summary

    try:
        return summary(Dataset.load(folder.manifest))
    except DataError:
        return {}
