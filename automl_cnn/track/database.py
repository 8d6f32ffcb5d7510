"""MLflow's SQLite file, read without MLflow: whether it can be used, and repairs after a move or a kill.

MLflow retries for minutes if a database cannot be opened, keeps absolute paths of its files, and leaves a run
RUNNING forever if its process was killed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from automl_cnn.errors import StoreError

PATIENCE = 5.0  # seconds to wait for a database that another process locks
STUDY_TAG = "automl_cnn.study"
IMAGES_TAG = "automl_cnn.images"  # the fingerprint of the images
PARENT_TAG = "mlflow.parentRunId"
LOCATIONS = (  # where MLflow keeps the URI of a folder
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def check(file: Path) -> None:
    """Whether MLflow can write to its database now; one that does not exist yet will be made.

    Raises:
        StoreError: it cannot; the message says why.
    """
    if file.is_dir():
        raise StoreError(f"{file} is a folder, not MLflow's database. {_ELSEWHERE}")
    if not file.exists():
        return
    try:
        with _opened(file) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise StoreError(f"MLflow's database {file} cannot be used: {error}. {_ELSEWHERE}") from None


def relocate(file: Path, artifacts: Path) -> None:
    """After the store was moved or copied, make MLflow's file paths lead into the folder `artifacts` of this store.

    Only the locations that automl-cnn gave (`STORE/mlartifacts/STUDY`) are changed.
    """
    if not file.is_file():
        return
    here = artifacts.as_uri()
    with contextlib.suppress(sqlite3.Error), _opened(file) as database:
        before = {str(location).rpartition("/")[0] for (location,) in database.execute("SELECT artifact_location FROM experiments")}
        before = {place for place in before if place.startswith("file:") and place.endswith(f"/{artifacts.name}") and place != here}
        for place in before:
            for table, column in LOCATIONS:
                with contextlib.suppress(sqlite3.Error):  # another version of MLflow may lack a table
                    begins = f"substr({column}, 1, ?) = ?"
                    values = (here, len(place) + 1, len(place) + 1, f"{place}/")
                    database.execute(f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {begins}", values)


def end_runs(file: Path, ended: Callable[[str], bool], status: str) -> None:
    """Give the runs that are called RUNNING, of each study that `ended`, another status, those of its trials included.

    Never raises: where the database cannot be written, the runs stay as they are.
    """
    if not file.is_file():
        return
    with contextlib.suppress(sqlite3.Error), _opened(file) as database:
        studies = database.execute("SELECT run_uuid, value FROM tags WHERE key = ?", (STUDY_TAG,)).fetchall()
        for run, study in studies:
            if ended(str(study)):
                trials = "SELECT run_uuid FROM tags WHERE key = ? AND value = ?"
                which = f"status = 'RUNNING' AND (run_uuid = ? OR run_uuid IN ({trials}))"
                database.execute(f"UPDATE runs SET status = ?, end_time = ? WHERE {which}", (status, int(time.time() * 1000), run, PARENT_TAG, run))


def reason(error: BaseException) -> str:
    """What an error of MLflow's says, on one line: without the SQL statement and the links that SQLAlchemy adds."""
    text = " ".join(str(error).split())
    for addition in (" [SQL:", " (Background on this error"):
        text = text.partition(addition)[0]
    return (text or type(error).__name__).rstrip(".")[:300]


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that writes each statement at once and is closed in the end."""
    with contextlib.closing(sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)) as database:
        yield database


_ELSEWHERE = "Free the permission or move the file away, or search with --no-mlflow."
