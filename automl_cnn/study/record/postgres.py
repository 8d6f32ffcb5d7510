"""Records in a PostgreSQL database, which several machines reach: Optuna's RDB storage, with one search at a time on a study.

It is what Optuna advises for several machines: the locks of a journal file may fail on a network drive.
"""

from __future__ import annotations

import contextlib
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.storages._rdb.models import TrialModel, TrialParamModel
from optuna.trial import TrialState
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from automl_cnn.databases import Database
from automl_cnn.errors import AutomlCnnError, StoreError
from automl_cnn.study.record.lease import BEAT, GRACE, PROGRAM, Lease, holders, key_of, signature
from automl_cnn.study.record.steady import Steady
from automl_cnn.study.record.storage import Holder

CONNECT = 10  # seconds to wait for a server
MARK = PROGRAM  # the system attribute of our studies, in a database that others may use too
SESSION = f"{PROGRAM}:session"  # the system attribute that names the search that wrote last
INSTALL = "pip install 'automl-cnn[postgres]'"
TABLES = "studies"  # one of Optuna's
MAKING = key_of("/tables")  # the lock of who makes the tables; no study has this name


class _Tables(RDBStorage):
    """Optuna's tables. Unlike Optuna, they take a parameter whose choices differ between trials, as a journal does.

    The choices are those that a trial had: a scaled network has a width of its own, and plugins come and go.
    """

    def _set_trial_param_without_commit(  # noqa: PLR0917  # Optuna's signature
        self,
        session: Any,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None = None,
    ) -> None:
        trial = TrialModel.find_or_raise_by_id(trial_id, session)
        self.check_trial_is_updatable(trial_id, cast(TrialState, trial.state))
        kept = distribution_to_json(distribution)
        session.add(TrialParamModel(trial_id=trial_id, param_name=param_name, param_value=param_value_internal, distribution_json=kept))


@dataclass
class PostgreSQL:
    """The records in one database. What holds the lock of a study is kept here, so that a search has one of these."""

    database: Database
    _lease: Lease | None = None
    _session: str = field(default_factory=lambda: uuid.uuid4().hex)
    _steady: list[Steady] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.database)

    def open(self) -> BaseStorage:
        engine = self._engine()
        with engine.connect() as connection:  # two first searches would both make the tables
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MAKING})
            tables = self._tables()
        engine.dispose()
        steady = Steady(get_storage(tables), self.explained, self._lease)
        self._steady.append(steady)
        return cast(BaseStorage, steady)

    def look(self) -> BaseStorage | None:
        engine = self._engine()
        try:
            there = sqlalchemy.inspect(engine).has_table(TABLES)
        finally:
            engine.dispose()
        return cast(BaseStorage, Steady(get_storage(self._tables(skip_table_creation=True)), self.explained)) if there else None

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except AutomlCnnError:
            raise
        except (SQLAlchemyError, StorageInternalError, ImportError, RuntimeError, AssertionError, OSError) as error:
            raise StoreError(self.database.clean(self._why(error))) from None

    def claim(self, backend: BaseStorage, study: str, number: int) -> None:
        if not self.ours(backend.get_study_system_attrs(number)):
            if backend.get_all_trials(number, deepcopy=False) or backend.get_study_user_attrs(number):
                raise StoreError(f"{self.name} holds a study named '{study}' that another program began. Choose another --name.")
            backend.set_study_system_attr(number, MARK, True)
        if self._lease is not None:
            backend.set_study_system_attr(number, SESSION, self._session)
            for steady in self._steady:
                steady.sign(number, SESSION, self._session)

    def ours(self, marks: Mapping[str, object]) -> bool:
        return MARK in marks

    def held(self, study: str) -> AbstractContextManager[None]:
        return self._held(study)

    @contextlib.contextmanager
    def _held(self, study: str) -> Iterator[None]:
        with self.explained():
            engine = self._engine()
            self._lease = Lease(engine, study)
            self._lease.take(self._beat)
        try:
            yield
        finally:
            self._lease.release()
            self._lease = None
            engine.dispose()

    def limit(self, seconds: Callable[[], float]) -> None:
        for steady in self._steady:
            steady.limit = seconds

    def holders(self, studies: Iterable[str]) -> Mapping[str, Holder]:
        with self.explained():
            engine = self._engine()
            with engine.connect() as connection:
                known = {study: holder for study, (holder, _) in holders(connection, studies).items()}
            engine.dispose()
            return known

    def _beat(self) -> None:
        for steady in self._steady:
            steady.beat()

    def _engine(self) -> Engine:
        """For connections of our own: each is opened when it is asked for, and every statement counts at once."""
        return sqlalchemy.create_engine(self.database.text, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=self._arguments(signature()))

    def _tables(self, **given: Any) -> RDBStorage:
        address = self.database.text.replace("{", "{{").replace("}", "}}")  # Optuna fills in a template
        engine = {"connect_args": self._arguments(PROGRAM), "hide_parameters": True}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats are
            return _Tables(address, engine, heartbeat_interval=BEAT, grace_period=GRACE, **given)

    def _arguments(self, program: str) -> dict[str, Any]:
        """How to connect. A password that is not given is left to libpq: PGPASSWORD, ~/.pgpass."""
        alive = {"keepalives": 1, "keepalives_idle": BEAT, "keepalives_interval": BEAT, "keepalives_count": GRACE // BEAT - 1}
        return {"connect_timeout": CONNECT, "application_name": program, **alive, **dict(self.database.secrets)}

    def _why(self, error: BaseException) -> str:
        """What went wrong, and what to do, in two sentences."""
        if isinstance(error, ImportError):
            return f"The record cannot be kept in {self.name} without psycopg, which is not installed. Install it: {INSTALL}."
        cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ is not None else error
        words = " ".join(str(getattr(cause, "orig", None) or cause).split())[:300].rstrip(".")
        if isinstance(error, (RuntimeError, AssertionError)) and not isinstance(error, StorageInternalError):
            return f"The tables in {self.name} were made by another version of Optuna: {words}. Use that version, or another database."
        for signs, remedy in REMEDIES:
            if any(sign in words for sign in signs):
                return f"The database {self.name} cannot be used: {words}. {remedy}"
        return f"The database {self.name} cannot be used: {words}. Look for the reason in the server's log, and run the same command again: it goes on."


REMEDIES = (  # words of PostgreSQL's messages, and what to do
    (
        ("password authentication failed", "no password supplied"),
        "Set the password in the environment (PGPASSWORD) or in ~/.pgpass, or write it into the address.",
    ),
    (("does not exist",), "Create it first (createdb NAME), or name another one."),
    (("permission denied", "must be owner"), "Ask for the right to create and write tables in it, or name another database."),
    (("too many", "remaining connection slots"), "Each search needs three connections: raise max_connections, or try again later."),
    (
        ("refused", "resolve host", "timeout", "timed out", "not known", "unreachable", "No route", "server closed", "terminating connection", "starting up"),
        "Is the server running, and can this machine reach it? Run the same command again then: it goes on where it ended.",
    ),
)
