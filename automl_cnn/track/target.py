"""Where MLflow's entries go: a database in the store, or a team's server."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from filelock import FileLock

from automl_cnn.errors import AutomlCnnError, StoreError
from automl_cnn.store import Store
from automl_cnn.track import database
from automl_cnn.urls import Url

FIRST_START = 60.0  # seconds that another search may take to make the tables
HTTP = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}  # we try again ourselves, for as long as the search lasts
BUSY = (429, 502, 503, 504)  # answers of a server, or of what stands before it, that pass
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Unreachable(AutomlCnnError):
    """The server cannot be reached now; the same call may succeed later."""


class Target(Protocol):
    """What a tracker needs of the place that it writes to."""

    @property
    def uri(self) -> str:
        """For MLflow's client; it may hold a password."""

    def opening(self) -> AbstractContextManager[None]:
        """The client is made, and first asks, within.

        Raises:
            StoreError: the place cannot be used.
        """

    def artifacts(self, study: str) -> str | None:
        """Where a new experiment keeps its files; None where the place decides."""

    def refused(self, location: str) -> str:
        """Why this machine must not write artifacts to a location; empty where it may."""

    def end_runs(self, client: Any, experiment: str, run: str, status: str) -> None:
        """End what still runs of a study. `client` is None, and the others are empty, where nothing was begun."""

    def reason(self, error: BaseException) -> str:
        """What an error says, on one line."""

    def passing(self, error: BaseException) -> bool:
        """Whether the same call may succeed later."""


@dataclass(frozen=True)
class Own:
    """MLflow's database in the store."""

    store: Store
    study: str

    @property
    def uri(self) -> str:
        return self.store.mlflow_uri

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        database.check(self.store.database)  # before MLflow, which would try again and again
        with FileLock(self.store.root / "mlflow.db.flock", timeout=FIRST_START):  # two first clients would both make the tables
            database.relocate(self.store.database, self.store.artifacts)
            yield

    def artifacts(self, study: str) -> str | None:
        return self.store.artifacts_of(study).as_uri()

    def refused(self, location: str) -> str:
        return ""

    def end_runs(self, client: Any, experiment: str, run: str, status: str) -> None:
        database.end_runs(self.store.database, lambda study: study == self.study, status)

    def reason(self, error: BaseException) -> str:
        return database.reason(error)

    def passing(self, error: BaseException) -> bool:
        return False


@dataclass(frozen=True)
class Server:
    """A server that others write to as well. User and password may be in its address, or in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."""

    url: Url

    @property
    def uri(self) -> str:
        return self.url.full

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        for key, value in HTTP.items():
            os.environ.setdefault(key, value)
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # its warnings are raised as errors too
        yield

    def artifacts(self, study: str) -> str | None:
        return None

    def refused(self, location: str) -> str:
        if urlsplit(location).scheme not in ("", "file") or (urlsplit(self.uri).hostname or "") in LOOPBACK:
            return ""
        return f"the server keeps files at {location}, a folder of its own machine. Start it with --serve-artifacts (MLflow's default)"

    def end_runs(self, client: Any, experiment: str, run: str, status: str) -> None:
        if client is None:
            return
        from mlflow.entities import ViewType

        text = f"tags.`{database.PARENT_TAG}` = '{run}' and attributes.status = 'RUNNING'"
        open_runs = [child.info.run_id for child in client.search_runs([experiment], text, run_view_type=ViewType.ACTIVE_ONLY)]
        study = [run] if client.get_run(run).info.status == "RUNNING" else []
        for one in (*open_runs, *study):
            client.set_terminated(one, status)

    def reason(self, error: BaseException) -> str:
        text = self.url.clean(database.reason(error))
        if _status(error) in (401, 403):
            return f"{self.url} refuses: {text}. Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return f"{self.url}: {text}"

    def passing(self, error: BaseException) -> bool:
        from requests.exceptions import ConnectionError, RetryError, Timeout

        if isinstance(error, StoreError):
            return False
        if any(isinstance(one, RetryError) for one in _chain(error)):  # the answer was 429 or 5xx; a fault of the server's own may last
            return "too many 500" not in str(error)
        return _status(error) in BUSY or any(isinstance(one, (ConnectionError, Timeout)) for one in _chain(error))


def _status(error: BaseException) -> int | None:
    """The HTTP status of a server's answer, 500 where MLflow knows none; None for other errors."""
    from mlflow.exceptions import MlflowException

    for one in _chain(error):
        if isinstance(one, MlflowException):
            return int(one.get_http_status_code())
        status = getattr(getattr(one, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised because of, and so on."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def target_of(store: Store, study: str, server: Url | None) -> Target:
    """Where the entries of a study go."""
    return Own(store, study) if server is None else Server(server)
