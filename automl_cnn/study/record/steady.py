"""A storage on a server that may be restarted: what fails because the connection is lost is done again, while the search waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from automl_cnn.errors import StoreError
from automl_cnn.study.record.lease import GRACE, Lease

PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds before it is tried again
LEAST = 30.0  # seconds to wait for a server whatever the budget: a restart takes as long
DECIDES = frozenset({"create_new_trial", "set_trial_state_values", "set_study_user_attr"})  # calls before which the lock is looked at
CREATE = "create_new_trial"
BORN = "started_at"  # the attribute by which a new trial is known again


class Steady:
    """Stands in for `storage`, method by method.

    With a `lease`, only its holder writes, and whoever lost it learns so before the next write that decides anything. Without one, nothing is tried again.
    It is not an error if the trial is finished already: an earlier attempt or another program finished it.
    """

    def __init__(self, storage: BaseStorage, explained: Callable[[], AbstractContextManager[None]], lease: Lease | None = None) -> None:
        self._storage, self._explained, self._lease = storage, explained, lease
        self._renewed = 0 if lease is None else lease.renewed
        self._signed: tuple[int, str, str] | None = None
        self._running: set[int] = set()
        self.limit: Callable[[], float] = lambda: GRACE  # seconds, at most, to wait for the server

    def sign(self, study: int, key: str, session: str) -> None:
        """From now on, a lock that was lost and taken again counts only if the study's system attribute `key` is still `session`."""
        self._signed = (study, key, session)

    def beat(self) -> None:
        """A sign of life of each running trial."""
        for trial in tuple(self._running):
            self._storage.record_heartbeat(trial)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._storage, name)
        return partial(self._call, name, method) if callable(method) else method

    def _call(self, name: str, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        began, attempt = time.monotonic(), 0
        while True:
            try:
                if self._lease is not None and (name in DECIDES or attempt):
                    self._guard(self._lease)
                made = self._again(*given) if name == CREATE and attempt else None
                answer = method(*given, **named) if made is None else made
            except UpdateFinishedTrialError:
                if self._lease is not None:
                    self._guard(self._lease)
                answer = False
            except Exception as error:
                if not cut(error) or self._lease is None or time.monotonic() - began > max(LEAST, min(self.limit(), GRACE)):
                    with self._explained():
                        raise
                time.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
                attempt += 1
                continue
            if name == CREATE:
                self._running.add(answer)
            elif name == "set_trial_state_values":
                self._running.discard(given[0])
            return answer

    def _guard(self, lease: Lease) -> None:
        """
        Raises:
            StoreError: another search works on the study, or did meanwhile.
        """
        lease.check()
        if self._renewed != lease.renewed:
            if self._signed is not None:
                study, key, session = self._signed
                if self._storage.get_study_system_attrs(study).get(key) != session:
                    lease.lose("another search worked on it")
            self._renewed = lease.renewed

    def _again(self, study: int, template_trial: FrozenTrial | None = None) -> int | None:
        """The trial that an earlier attempt made, though its answer was lost."""
        born = template_trial.user_attrs.get(BORN) if template_trial is not None else None
        trials = self._storage.get_all_trials(study, deepcopy=False)
        return next((trial._trial_id for trial in reversed(trials) if born is not None and trial.user_attrs.get(BORN) == born), None)


def cut(error: BaseException) -> bool:
    """Whether an error says that there is no connection: another attempt may have one."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    if isinstance(error, StoreError) or not isinstance(cause, DBAPIError):
        return False
    state = getattr(cause.orig, "sqlstate", None)
    if cause.connection_invalidated or state is None:
        return isinstance(cause, (OperationalError, InterfaceError)) or cause.connection_invalidated
    return str(state).startswith(("08", "57P"))  # connection exceptions, and a server that is shut down or starts
