"""The one folder that holds everything of a user's work, and where things lie in it.

    automl-cnn-runs/
      optuna.journal          the record of every study
      mlflow.db  mlartifacts/ the view of it in MLflow
      cache/                  decoded images
      studies/NAME/           study.toml, split.csv, check.json, report.html, worker.log, best/model.keras, trials/,
                              running.lock and reserve.bin while a search is at work

Folders come into being when they are asked for, so that a look into a store that does not exist
leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from automl_cnn.errors import StoreError, did_you_mean
from automl_cnn.paths import local
from automl_cnn.places import JOURNAL, STUDIES, is_study_name, sqlite_url, study_name
from automl_cnn.text import readable

MODEL = "model.keras"
CACHE = "cache"
SCORED = "scored.keras"
MLFLOW_DB = "mlflow.db"


@dataclass(frozen=True)
class StudyFolder:
    """What one study leaves on disk. Reading a place creates nothing, save `best` and `trials`, which are folders to write to."""

    folder: Path

    @property
    def name(self) -> str:
        return readable(self.folder.name)

    @property
    def best(self) -> Path:
        """The folder of the best model so far."""
        return writable(self.folder / "best")

    @property
    def model(self) -> Path:
        """The best model so far; the file need not exist yet."""
        return self.folder / "best" / MODEL

    @property
    def scored(self) -> Path:
        """The model that was scored on the test images, where another one, trained on those too, is the best model; else there is no such file."""
        return self.folder / "best" / SCORED

    @property
    def judged(self) -> Path:
        """The model that validation and test scores belong to."""
        return self.scored if self.scored.is_file() else self.model

    @property
    def trials(self) -> Path:
        """The folder of checkpoints not yet won or lost."""
        return writable(self.folder / "trials")

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def toml(self) -> Path:
        """What would repeat the study."""
        return self.folder / "study.toml"

    @property
    def log(self) -> Path:
        """What the worker processes print."""
        return self.folder / "worker.log"

    @property
    def lock(self) -> Path:
        """Which process is at work on the study; the file is there while one is."""
        return self.folder / "running.lock"

    @property
    def manifest(self) -> Path:
        """The data set: paths, labels, splits."""
        return self.folder / "dataset.json"

    @property
    def splits(self) -> Path:
        """The same as a table: path, class, group, split and why."""
        return self.folder / "split.csv"

    @property
    def check(self) -> Path:
        """What was checked of the images before the search, and what was wrong."""
        return self.folder / "check.json"

    @property
    def reserve(self) -> Path:
        """A file that keeps some room, so that the ending of a search can be written when the disk is full."""
        return self.folder / "reserve.bin"

    @property
    def touched(self) -> float:
        """When the study was last worked on, in seconds since 1970."""
        return _touched(self.folder)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return size(self.folder)


@dataclass(frozen=True)
class Store:
    """A folder of studies, `automl-cnn-runs` unless the user says otherwise.

    Raises:
        StoreError: a folder that is asked for cannot be created or written to.
    """

    root: Path

    @property
    def mlflow_uri(self) -> str:
        """MLflow's tracking URI: an SQLite file in the store."""
        return sqlite_url(writable(self.root).resolve() / MLFLOW_DB)

    @property
    def database(self) -> Path:
        """MLflow's database; the file need not exist yet."""
        return self.root / MLFLOW_DB

    @property
    def artifacts(self) -> Path:
        """MLflow's files (an absolute folder)."""
        return writable(self.root).resolve() / "mlartifacts"

    @property
    def journal(self) -> Path:
        """The record of all studies, in Optuna's journal format; the file need not exist yet."""
        return self.root / JOURNAL

    @property
    def cache(self) -> Path:
        """The folder of decoded images."""
        return writable(self.cache_place)

    @property
    def cache_place(self) -> Path:
        """Where `cache` lies; asking for it creates nothing."""
        return self.root / CACHE

    @property
    def studies(self) -> tuple[str, ...]:
        """The names of the studies begun here, the latest first. Creates nothing."""
        try:
            folders = [folder for folder in (self.root / STUDIES).iterdir() if folder.is_dir() and is_study_name(readable(folder.name))]
        except OSError:
            return ()
        return tuple(readable(folder.name) for folder in sorted(folders, key=_touched, reverse=True))

    def study(self, name: str) -> StudyFolder:
        """The folder of the study `name`, created if it is new.

        Raises:
            StoreError: the name is not a file name, or the folder cannot be written to.
        """
        place = self.place(name)
        writable(place.folder)
        return place

    def find(self, name: str) -> StudyFolder:
        """The folder of a study that exists. Creates nothing.

        Raises:
            StoreError: there is none of that name; the message names those there are.
        """
        place = self.place(name)
        if not place.folder.is_dir():
            raise StoreError(f"There is no study '{name}' in the store {self.root}. {did_you_mean(name, self.studies)}")
        return place

    def latest_study(self) -> StudyFolder:
        """The study last worked on. Creates nothing.

        Raises:
            StoreError: the store holds no study.
        """
        names = self.studies
        if not names:
            raise StoreError(f"There is no study in the store {self.root}. Run `automl-cnn search --data FOLDER` first, or name another --store.")
        return self.find(names[0])

    def place(self, name: str) -> StudyFolder:
        """Where the study `name` lies, which need not exist. Whatever is written or deleted for a study goes through here. Creates nothing.

        Raises:
            StoreError: no study can have that name, for instance because it leads out of the store.
        """
        return StudyFolder(local(self.root / STUDIES / study_name(name)))

    def artifacts_of(self, name: str) -> Path:
        """MLflow's files of the study `name` (an absolute folder). Creates nothing.

        Raises:
            StoreError: no study can have that name.
        """
        return self.root.resolve() / "mlartifacts" / study_name(name)


def writable(folder: Path) -> Path:
    """`folder`, created where it is missing.

    Raises:
        StoreError: it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The folder {folder} cannot be created: {error.strerror}. {_ELSEWHERE}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(f"The folder {folder} cannot be written to. {_ELSEWHERE}")
    return folder


def atomic_write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file in one step: whoever reads it sees the old text or the new, never a part.

    Raises:
        StoreError: the file cannot be written (a full disk, no permission).
    """
    writable(path.parent)
    temporary: str | None = None
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}-", delete=False) as out:
            temporary = out.name
            out.write(readable(text))
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise StoreError(f"{path} cannot be written: {error.strerror}. {_ELSEWHERE}") from None


def size(folder: Path) -> int:
    """Bytes of all files in a folder; 0 where there is none."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # a file may go while one looks
            total += path.lstat().st_size if not path.is_dir() else 0
    return total


def remove(folder: Path) -> int:
    """Remove a folder and all in it; the bytes that were freed. Of a link to a folder only the link is removed.

    Raises:
        StoreError: something in it cannot be removed.
    """
    before = 0 if folder.is_symlink() else size(folder)
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
    except FileNotFoundError:
        return before
    except OSError as error:
        raise StoreError(
            f"{error.filename or folder} cannot be removed: {error.strerror}. Free the permission, or close what uses it, and try again."
        ) from None
    return before


def free_bytes(path: Path) -> int:
    """Bytes free on the disk that holds `path`, which need not exist yet."""
    place = path.resolve()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


_ELSEWHERE = "Free some space or the permission, or choose another folder with --store."


def _touched(folder: Path) -> float:
    """When a study was last worked on: its newest file, one level deep."""
    times = [folder.stat().st_mtime]
    for pattern in ("*", "best/*"):
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                times.append(path.stat().st_mtime)
    return max(times)
