"""Paths and names of folders that come from a user or from a file, checked before anything is read or written there.

The functions read the file system and change nothing.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automl_cnn import paths, urls
from automl_cnn.errors import ConfigError, StoreError
from automl_cnn.urls import Url

STUDIES = "studies"  # the folder in a store that holds a folder for each study
JOURNAL = "optuna.journal"
MOVES = ("data", "plugins_dir", "weights", "labels")  # settings that name a place outside the store
LONGEST_NAME = 255  # bytes; what file systems allow
NEVER_IN_A_NAME = ("Cc", "Cs", "Zl", "Zp")  # Unicode categories: control characters, bytes that are not valid UTF-8, ends of lines and paragraphs


def checkpoint(folder: Path | str, trial: int) -> Path:
    """A trial's model file in a study's folder of checkpoints."""
    return Path(folder) / f"trial-{trial:04d}.keras"


def is_study_name(name: str) -> bool:
    """Whether `name` names one folder and can be printed: no path, nothing hidden, no control characters."""
    if not name.strip() or name.startswith(".") or set(name) & set('/\\:"') or any(unicodedata.category(sign) in NEVER_IN_A_NAME for sign in name):
        return False
    return len(name.encode()) <= LONGEST_NAME


def study_name(name: str) -> str:
    """`name`, if a study can have it.

    Raises:
        StoreError: no study can have it, for instance because it leads out of the store.
    """
    if not is_study_name(name):
        raise StoreError(f"{name[:200]!r} cannot name a study: expected letters, digits, spaces, dots, dashes and underscores, and no dot at the beginning.")
    return name


def store_path(value: object) -> Path:
    """The folder of a store as the user gave it, unless it can never be one.

    Raises:
        ValueError: the name is blank or not a path, or a file is in the way.
    """
    if isinstance(value, str) and not value.strip():
        raise ValueError("the name of the store is empty; expected a folder such as automl-cnn-runs (a dot stands for the current folder)")
    folder = paths.read(value)
    for place in (folder, *folder.parents):
        try:
            place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            raise ValueError(f"{str(value)[:200]!r} cannot be a folder ({getattr(error, 'strerror', None) or error}); choose another one") from None
        if not place.is_dir():
            kind = "a link that leads nowhere" if place.is_symlink() and not place.exists() else "a file"
            raise ValueError(f"{place} is {kind}, not a folder; choose another folder for the store")
        break
    return folder


def store_option(value: str | Path) -> Path:
    """`--store`, checked.

    Raises:
        ConfigError: it cannot be a store.
    """
    try:
        return store_path(value)
    except ValueError as error:
        raise ConfigError(f"--store: {error}.") from None


def images_place(value: str | Path) -> Path | Url:
    """A place of images that a user names: a path, or a URL.

    Raises:
        ConfigError: it is neither.
    """
    try:
        return paths.location(value)
    except ValueError as error:
        raise ConfigError(f"{urls.hidden(str(value))} cannot be read: {error}.") from None


def sqlite_url(file: Path) -> str:
    """The SQLAlchemy URL of an SQLite file, whatever characters its path holds.

    MLflow makes the parent folder of a `sqlite:///` URL without decoding the URL first, so a path with escaped
    characters names the driver too: MLflow leaves such a URL to SQLAlchemy.

    Raises:
        StoreError: no URL can express the path, since it is not valid UTF-8.
    """
    from sqlalchemy import URL, make_url

    path = file.as_posix()
    try:
        url = URL.create("sqlite", database=path).render_as_string()
        if url != f"sqlite:///{path}":
            url = URL.create("sqlite+pysqlite", database=path).render_as_string()
        if make_url(url).database == path:
            return url
    except ValueError:  # the name of a folder is not valid UTF-8
        pass
    raise StoreError(f"MLflow cannot use {os.fsencode(file)!r}: no URL can name that path. Choose a store whose path is valid UTF-8.")


def after_move(path: Path, before: Path, now: Path) -> Path:
    """Where `path` is since the folder `before` moved to `now`: the same place, or as far from `now` as it was from `before`.

    Images beside the store move with it when the whole project folder moves. A path that is at neither place is returned as it is.
    """
    if path.exists() or not before.is_absolute() or not path.is_absolute():
        return path
    along = Path(os.path.normpath(now.absolute() / os.path.relpath(path, before)))
    return along if along.exists() else path


def store_of(file: Path) -> Path | None:
    """The store that a study's file lies in (`STORE/studies/NAME/study.toml`); None for a file elsewhere."""
    studies = file.absolute().parent.parent
    return studies.parent if studies.name == STUDIES and (studies.parent / JOURNAL).is_file() else None


def moved(settings: Mapping[str, Any], root: Path | None) -> dict[str, Any]:
    """Settings of a study in the store `root`: what moved along with the store is found again, and the store is this one."""
    if root is None:
        return dict(settings)
    moved = {**settings, "store": str(root)}
    for key in MOVES:
        if isinstance(given := settings.get(key), str):
            try:
                moved[key] = paths.written(after_move(paths.read(given), before_move(settings), root))
            except ValueError:  # not a path; the code that uses it reports that
                continue
    return moved


def before_move(settings: Mapping[str, Any]) -> Path:
    """Where the store was when the settings were written."""
    try:
        return paths.read(settings.get("store", ""))
    except ValueError:
        return Path()
