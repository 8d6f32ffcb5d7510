"""The right to write the record of a study in a database: an advisory lock, held by a connection of its own.

PostgreSQL lets go of the lock when the connection ends, so that a search that was killed can be taken over at once. A machine that loses power or its
network closes no connection: the server then waits for `GRACE` seconds before it gives the machine up.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from automl_cnn.errors import StoreError
from automl_cnn.study.record.storage import Holder

BEAT = 60  # seconds between two signs of life, as Optuna advises: shorter ones fail live trials
GRACE = 300  # seconds of silence after which a machine is given up
PATIENCE = 3.0  # seconds; the lock of a search that was just killed is free after a moment
PAUSE = 0.1
PROGRAM = "automl-cnn"

HELD = text(
    "SELECT l.classid::bigint, l.objid::bigint, a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND d.datname = current_database()"
)


def key_of(study: str) -> int:
    """The number of a study's lock: 64 bits with a sign, as PostgreSQL wants it."""
    return int.from_bytes(hashlib.blake2b(f"{PROGRAM}/{study}".encode(), digest_size=8).digest(), "big", signed=True)


def holders(connection: Connection, studies: Iterable[str]) -> Mapping[str, tuple[Holder, int]]:
    """Who holds the locks of these studies, and by which server process."""
    names = {key_of(study) & (2**64 - 1): study for study in studies}
    known: dict[str, tuple[Holder, int]] = {}
    for high, low, backend, application in connection.execute(HELD):
        study = names.get(high << 32 | low)
        if study is not None:
            _, pid, host = (*str(application).split(" ", 2), "", "")[:3]
            known[study] = (Holder(int(pid) if pid.isdigit() else 0, host or "another machine"), backend)
    return known


def signature() -> str:
    """What the server shows of this process: PostgreSQL keeps 63 bytes."""
    return f"{PROGRAM} {os.getpid()} {socket.gethostname()}"[:63]


class Lease:
    """The lock of one study, from `take` to `release`. All methods may be called in any thread."""

    def __init__(self, engine: Engine, study: str) -> None:
        """The connections of `engine` belong to nobody else and show `signature` as their application."""
        self.study = study
        self.renewed = 0  # how often the lock was lost and taken again
        self._engine = engine
        self._connection: Connection | None = None
        self._backend: int | None = None  # the server's process of our connection
        self._lost: str | None = None
        self._lock = threading.RLock()
        self._ended = threading.Event()

    def take(self, beat: Callable[[], None]) -> None:
        """Take the lock, and call `beat` in a thread every `BEAT` seconds from now on.

        Raises:
            StoreError: somebody else holds it.
            SQLAlchemyError: the server cannot be reached.
        """
        with self._lock:
            holder = self._try(PATIENCE)
            if holder is not None:
                raise StoreError(
                    f"{_named(holder)} is at work on the study '{self.study}'. Wait until it ends or stop it (Ctrl-C), or choose another --name for a new "
                    f"study. A machine that lost its power or its network is given up after {GRACE // 60} minutes."
                )
        threading.Thread(target=self._beat, args=(beat,), name="lease", daemon=True).start()

    def check(self) -> None:
        """Make sure that the lock is still ours; where the connection was lost, take it again.

        Raises:
            StoreError: somebody else took it meanwhile.
            SQLAlchemyError: the server cannot be reached.
        """
        with self._lock:
            if self._lost is not None:
                raise StoreError(self._lost)
            if self._connection is not None:
                try:
                    self._connection.execute(text("SELECT 1"))
                    return
                except SQLAlchemyError:
                    self._drop()
            holder = self._try(PATIENCE)
            if holder is not None:
                self.lose(f"{_named(holder)} took it over")
            self.renewed += 1

    def lose(self, how: str) -> None:
        """
        Raises:
            StoreError: always; it says how the study was lost.
        """
        self._lost = (
            f"This search was cut off from the database, and meanwhile the study '{self.study}' went on without it: {how}. "
            "Its running trial is left to that search. To go on here later, run the same command again."
        )
        raise StoreError(self._lost)

    def release(self) -> None:
        """Give the lock back."""
        self._ended.set()
        with self._lock:
            self._drop()

    def _try(self, patience: float) -> Holder | None:
        """Take the lock; who has it, if that is not possible within `patience` seconds."""
        if self._connection is None:
            self._connection = self._connect()
        connection, deadline = self._connection, time.monotonic() + patience
        earlier, self._backend = self._backend, None
        while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key_of(self.study)}).scalar():
            holder, backend = holders(connection, [self.study]).get(self.study, (None, None))
            if backend is not None and backend == earlier:  # our own lost connection, which the server still believes in
                connection.execute(text("SELECT pg_terminate_backend(:backend)"), {"backend": backend})
            elif time.monotonic() > deadline:
                self._drop()
                return holder or Holder(0, "another machine")
            time.sleep(PAUSE)
        self._backend = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        return None

    def _connect(self) -> Connection:
        connection = self._engine.connect()
        for setting, value in (("idle", BEAT), ("interval", BEAT), ("count", GRACE // BEAT - 1)):
            connection.execute(text(f"SET tcp_keepalives_{setting} = {value}"))
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.invalidate()  # whatever state it is in
            with contextlib.suppress(Exception):
                connection.close()

    def _beat(self, beat: Callable[[], None]) -> None:
        while not self._ended.wait(BEAT):
            with contextlib.suppress(Exception):  # the server may be away; a lock that is lost is found at the next write
                self.check()
                beat()


def _named(holder: Holder) -> str:
    who = f"Process {holder.pid}" if holder.pid else "A process"
    return f"{who} on {holder.host}"
