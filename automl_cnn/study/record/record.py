"""The one record of a study: trials, epochs, reasons and seconds, in Optuna's storage.

What is not in it did not happen. Whoever proposed a trial, it is written here first, so that a
study survives the death of any process and optuna-dashboard can read it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from automl_cnn.databases import Database
from automl_cnn.errors import Cause
from automl_cnn.interventions import Interventions
from automl_cnn.records import Epoch, Fidelity, Finished, Guide, Job, NetCost, Started, State, Trial
from automl_cnn.space import Space
from automl_cnn.study.plan.engines.optuna import distributions
from automl_cnn.study.plan.limits import size
from automl_cnn.study.plan.space import widened
from automl_cnn.study.record.storage import Storage
from automl_cnn.study.record.where import storage_of
from automl_cnn.workers import Place

_STATES = {State.COMPLETE: TrialState.COMPLETE, State.STOPPED: TrialState.COMPLETE, State.PRUNED: TrialState.PRUNED, State.FAILED: TrialState.FAIL}
EPOCH = frozenset(field.name for field in dataclasses.fields(Epoch))
COSTS = [field.name for field in dataclasses.fields(NetCost)]
FINGERPRINT = "fingerprint"
SECONDS = "seconds"
OFTEN, SHARE = 5.0, 0.01  # seconds and share of a session that a kill may lose
RESULT = "result"
BEGINNINGS = {"interrupted": Cause.INTERRUPTED, "out of memory": Cause.MEMORY}
DIVERGED = re.compile(r"loss became (nan|inf)")
WEIGHTS = "weights"
DATA = "data"
SETTINGS = "settings"  # what would repeat the study, where its folder is on another machine
ABSENT = "absent"  # the trials whose models are not on the machine that searches now
WORKPLACE = "workplace"  # the machine and the folder with the files of the last search
INTERVENTIONS = "interventions"  # by trial
LONGEST_KEY = 400  # signs of a key; a database takes 512
ENDED_BY_OTHERS = "interrupted: another program ended it in the record"


class Record:
    """One study in a storage that several studies share: a journal file by default, or a database."""

    def __init__(self, where: Path | Database | Storage, study: str) -> None:
        """Open the study, or begin it. A path is that of a journal file.

        Raises:
            StoreError: the storage cannot be read or written.
        """
        storage = storage_of(where)
        with storage.explained():
            backend = storage.open()
            begun = optuna.create_study(storage=backend, study_name=study, direction="maximize", load_if_exists=True)
            storage.claim(backend, study, begun._study_id)
        self._attach(backend, study, begun._study_id)

    def _attach(self, storage: BaseStorage, study: str, number: int) -> None:
        self.name = study
        self._storage, self._id = storage, number
        self._ids: dict[int, int] = {}
        self._ended: dict[int, Trial] = {}
        self._absent: frozenset[int] | None = None
        self._interventions: dict[int, Interventions] | None = None
        self._written: dict[str, float] = {}  # by session, the seconds that were last recorded

    @classmethod
    def all(cls, where: Path | Database | Storage) -> dict[str, Record]:
        """Every study in a storage, by name, to be read. Writes nothing; a storage that does not exist holds none.

        Raises:
            StoreError: the storage cannot be read.
        """
        storage = storage_of(where)
        records: dict[str, Record] = {}
        with storage.explained():
            backend = storage.look()
            for study in backend.get_all_studies() if backend is not None else ():
                if backend is not None and storage.ours(study.system_attrs):
                    record = records[study.study_name] = cls.__new__(cls)
                    record._attach(backend, study.study_name, study._study_id)
        return records

    @staticmethod
    def delete(where: Path | Database | Storage, study: str) -> None:
        """Remove a study from a storage; nothing happens where it holds none of that name.

        Raises:
            StoreError: the storage cannot be read or written.
        """
        storage = storage_of(where)
        if study not in Record.all(storage):
            return
        record = Record(storage, study)  # mends a journal, as whoever writes to it must
        with storage.explained():
            record._storage.delete_study(record._id)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial so far, in order."""
        frozen = self._storage.get_all_trials(self._id, deepcopy=False)
        self._ids = {trial.number: trial._trial_id for trial in frozen}
        if self._absent is None:
            self._absent = frozenset(self.settings.get(ABSENT) or ())
        if self._interventions is None:
            self._interventions = {int(number): Interventions.from_dict(made) for number, made in self.group(INTERVENTIONS).items()}
        return tuple(self._ended.get(trial.number) or self._read(trial, self._absent) for trial in frozen)

    def _read(self, frozen: FrozenTrial, absent: frozenset[int]) -> Trial:
        """A trial; one that has ended is remembered, since nothing about it changes any more."""
        trial = _trial(frozen, frozen.number in absent)
        if self._interventions and trial.number in self._interventions:
            trial = dataclasses.replace(trial, interventions=self._interventions[trial.number])
        if frozen.state.is_finished():
            self._ended[trial.number] = trial
        return trial

    def intervened(self, number: int, made: Interventions) -> None:
        """Keep what a trial's network did when its training was changed."""
        self.keep_one(INTERVENTIONS, str(number), dataclasses.asdict(made))
        self._interventions = {**(self._interventions or {}), number: made}
        self._ended.pop(number, None)

    def mark_absent(self, numbers: Iterable[int]) -> None:
        """Keep which trials' models are not on the machine that searches now."""
        absent = frozenset(numbers)
        if absent != frozenset(self.settings.get(ABSENT) or ()):
            self.keep(ABSENT, sorted(absent))
        self._absent = absent
        self._ended.clear()

    @property
    def settings(self) -> Mapping[str, Any]:
        """What was kept about the study as a whole."""
        return dict(self._storage.get_study_user_attrs(self._id))  # not through the study, which copies all of it in depth each time

    def keep(self, key: str, value: Any) -> None:
        """Keep a JSON-ready fact about the study as a whole."""
        self._storage.set_study_user_attr(self._id, key, value)

    def keep_one(self, group: str, key: str, value: Any) -> None:
        """Keep one entry of a group of facts. Each has a line of its own in a journal, so that the journal grows by that entry alone."""
        if len(key) > LONGEST_KEY:
            self.keep(f"{group}#{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}", [key, value])
        else:
            self.keep(f"{group}:{key}", value)

    def group(self, group: str) -> dict[str, Any]:
        """All entries of a group, those included that an earlier version kept as one fact."""
        kept, prefix = self.settings, f"{group}:"
        hashed = [entry for key, entry in kept.items() if key.startswith(f"{group}#")]
        return {**kept.get(group, {}), **{key.removeprefix(prefix): value for key, value in kept.items() if key.startswith(prefix)}, **dict(hashed)}

    @property
    def seconds(self) -> float:
        """Wall-clock seconds that all sessions of the study have used."""
        return float(sum(self.group(SECONDS).values()))

    def use(self, session: str, seconds: float, *, last: bool = False) -> None:
        """Record how long this session has been at work: from time to time, and when it is the `last` word."""
        written = self._written.get(session, 0.0)
        if last or session not in self._written or seconds - written >= max(OFTEN, SHARE * seconds):
            self._written[session] = seconds
            self.keep_one(SECONDS, session, round(seconds, 1))

    def start(self, job: Job, space: Space, place: Place | None = None) -> int:
        """A new running trial; its number. `place` is its worker's; None where no worker is needed."""
        now = datetime.now()
        template = FrozenTrial(
            number=-1,
            trial_id=-1,
            state=TrialState.RUNNING,
            value=None,
            values=None,
            datetime_start=now,
            datetime_complete=None,
            params=dict(job.configuration),
            distributions=distributions(widened(space, job.configuration), job.configuration),
            user_attrs={
                "stage": job.stage,
                "reason": job.reason,
                "fidelity": dataclasses.asdict(job.fidelity),
                "started_at": time.time(),
                "continue_from": job.continue_from,
                "guide": dataclasses.asdict(job.guide) if job.guide else None,
                "seed": job.seed,
                "refused": job.refused,
                **(dataclasses.asdict(place) if place is not None else {}),
            },
            system_attrs={},
            intermediate_values={},
        )
        trial_id = self._storage.create_new_trial(self._id, template_trial=template)
        number = self._storage.get_trial_number_from_id(trial_id)
        self._ids[number] = trial_id
        return number

    def event(self, number: int, event: Started | Epoch) -> None:
        """Record an event that the running trial reported."""
        trial_id = self._ids[number]
        if isinstance(event, Started):
            for key, value in dataclasses.asdict(event.cost).items():
                self._storage.set_trial_user_attr(trial_id, key, value)
        else:
            self._storage.set_trial_user_attr(trial_id, f"epoch:{event.number}", dataclasses.asdict(event))
            self._storage.set_trial_intermediate_value(trial_id, event.number, event.score)

    def finish(self, number: int, outcome: Finished) -> None:
        """How the trial ended; nothing about it changes any more."""
        trial_id = self._ids[number]
        kept = {key: value for key, value in dataclasses.asdict(outcome).items() if key != "checkpoint" and value is not None}
        self._storage.set_trial_user_attr(trial_id, "outcome", kept)
        state = _STATES[outcome.state]
        values = [outcome.score] if state is TrialState.COMPLETE and outcome.score is not None else None
        self._storage.set_trial_state_values(trial_id, state, values)

    def bury(self) -> int:
        """Mark what a killed search left running as interrupted; how many there were."""
        left = [trial for trial in self.trials if trial.state is State.RUNNING]
        for trial in left:
            self.finish(trial.number, Finished(State.FAILED, failure="interrupted: the search ended while it was trained", cause=Cause.INTERRUPTED))
        return len(left)


def _epoch(kept: Mapping[str, Any] | Sequence[Any]) -> Epoch:
    """An epoch by the names of its figures; those of a later version are passed over. Earlier versions kept the figures alone, in their order."""
    if isinstance(kept, Mapping):
        return Epoch(**{name: value for name, value in kept.items() if name in EPOCH})
    return Epoch(*kept)


def _cause(outcome: Mapping[str, Any]) -> Cause | None:
    """The kind of a failure; earlier versions kept it as the first words of its sentence."""
    if outcome.get("cause"):
        return Cause(outcome["cause"])
    sentence = outcome.get("failure")
    if sentence is None:
        return None
    return next((cause for words, cause in BEGINNINGS.items() if sentence.startswith(words)), Cause.DIVERGED if DIVERGED.search(sentence) else Cause.OTHER)


def _trial(frozen: FrozenTrial, absent: bool = False) -> Trial:
    attributes = frozen.user_attrs
    running = not frozen.state.is_finished()
    outcome = attributes.get("outcome") or ({} if running else {"failure": ENDED_BY_OTHERS, "cause": Cause.INTERRUPTED})
    epochs = sorted((_epoch(value) for key, value in attributes.items() if key.startswith("epoch:")), key=lambda epoch: epoch.number)
    span = outcome.get("interval")
    return Trial(
        number=frozen.number,
        configuration=dict(frozen.params),
        fidelity=Fidelity(**attributes["fidelity"]) if "fidelity" in attributes else Fidelity(0),
        reason=attributes.get("reason", ""),
        stage=attributes.get("stage", ""),
        state=State.RUNNING if running else State(outcome.get("state", "failed")),
        score=outcome.get("score"),
        interval=(span[0], span[1]) if span else None,
        epochs=tuple(epochs),
        best_epoch=outcome.get("best_epoch"),
        params=attributes.get("params"),
        mult_adds=attributes.get("mult_adds"),
        kernels=attributes.get("kernels"),
        seconds=outcome.get("seconds") or 0.0,
        setup=outcome.get("setup"),
        steps_seconds=outcome.get("steps_seconds"),
        images_per_second=outcome.get("images_per_second"),
        failure=outcome.get("failure"),
        cause=_cause(outcome),
        started_at=attributes.get("started_at", 0.0),
        continue_from=attributes.get("continue_from"),
        guide=Guide(**attributes["guide"]) if attributes.get("guide") else None,
        right=outcome.get("right"),
        averaged=outcome.get("averaged", 0),
        latency=outcome.get("latency"),
        folds=outcome.get("folds", 0),
        val_score=outcome.get("val_score"),
        cross_right=outcome.get("cross_right"),
        strength=outcome.get("strength"),
        seed=attributes.get("seed"),
        refused=attributes.get("refused", 0),
        worker=attributes.get("worker"),
        node=attributes.get("node"),
        part=attributes.get("part", 1.0),
        bytes=size(NetCost(*(attributes[key] for key in COSTS))) if all(key in attributes for key in COSTS) else None,
        absent=absent,
    )
