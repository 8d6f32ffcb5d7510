"""List the images in and below a folder, and the files that are left out. Reads names, but no images.

Training and prediction both list files with `walk`, and see the same images. Links to files and
folders are followed. Every walk ends: a link to a folder above is not followed, and below the second
level (a class, or a class of a split) each real folder is entered once.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from automl_cnn.data import kinds
from automl_cnn.data.leftout import LeftOut
from automl_cnn.data.order import natural
from automl_cnn.errors import DataError
from automl_cnn.paths import because, shortened
from automl_cnn.text import readable

LEVELS = 4  # of folders that count as different; anything deeper counts to the folder at this level
BRANCHES = 2  # levels down to which a real folder may come up again, as the class of another split
WAYS = 100  # a real folder is entered at most this often
TRIES = 5  # before a link is believed to lead to itself
_STEP = 1000  # files between two reports
_Key = tuple[int, int] | str
_T = TypeVar("_T")
Listed = Callable[[int], None]  # how many files were listed so far


@dataclass(eq=False)
class Folder:
    """One folder: the images directly in it (paths relative to the walked folder) and the folders below."""

    name: str
    path: str = ""
    images: list[str] = field(default_factory=list)
    folders: dict[str, Folder] = field(default_factory=dict)

    def all(self) -> Iterator[str]:
        """Every image in and below the folder."""
        yield from self.images
        for folder in self.folders.values():
            yield from folder.all()

    @property
    def filled(self) -> bool:
        return next(self.all(), None) is not None

    @property
    def classes(self) -> tuple[Folder, ...]:
        """The folders directly below that hold images."""
        return tuple(folder for folder in self.folders.values() if folder.filled)


@dataclass(frozen=True)
class Walk:
    """The result of a walk: a tree of folders with their images, and the files that were left out."""

    root: Folder
    left: LeftOut

    def images(self) -> list[str]:
        """Every image, in natural order."""
        return sorted(self.root.all(), key=natural)


@dataclass
class _Step:
    """A folder still to be entered."""

    path: str
    relative: str  # "" or ends with a slash
    depth: int
    into: Folder
    seen: set[_Key]  # real folders that are not entered again


def walk(root: Path, *, skip: Sequence[Path] = (), listed: Listed | None = None) -> Walk:
    """The images in and below `root`, without the folders of `skip` and any that hold studies or an exported model.

    `listed` is called with the number of files from time to time.

    Raises:
        DataError: a folder cannot be read.
    """
    left = LeftOut()
    top = Folder(Path(root).name)
    ways: Counter[_Key] = Counter()
    passed = _keys(skip)
    steps = [_Step(os.fspath(root), "", 0, top, _keys(Path(root).absolute().parents) | _keys(Path(os.path.realpath(root)).parents))]
    files = reported = 0
    while steps:
        step = steps.pop()
        here = _key(step.path)
        if here in step.seen:
            continue
        entries = _entries(step.path)
        if step.depth and (here in passed or _is_own({entry.name for entry in entries})):
            left.own.append(step.relative[:-1])
            continue
        ways[here] += 1
        if ways[here] > WAYS:
            left.crowded.append(step.relative[:-1])
            continue
        if step.depth <= BRANCHES:
            step.seen = {*step.seen, here}
        else:
            step.seen.add(here)
        if 0 < step.depth <= LEVELS:
            step.into = _within(step.into, os.path.basename(step.path), step.relative[:-1])
        own = _OWN_FOLDERS if not step.depth and _is_own({entry.name for entry in entries}) else frozenset()
        below = []
        for entry in entries:
            if kinds.is_clutter(entry.name):
                continue
            path = f"{step.relative}{entry.name}"
            if _is_folder(entry):
                if entry.name in own:
                    left.own.append(path)
                else:
                    below.append(_Step(entry.path, f"{path}/", step.depth + 1, step.into, step.seen))
                continue
            files += 1
            if _is_image(entry, path, left):
                step.into.images.append(path)
            if listed is not None and files - reported >= _STEP:
                reported = files
                listed(files)
        below.sort(key=lambda later: natural(later.relative), reverse=True)
        steps += below
    left.refused.sort(key=lambda item: natural(item[0]))
    return Walk(top, left)


def _within(above: Folder, name: str, path: str) -> Folder:
    """The folder `name` in `above`; it is added if it is new. Its name is valid Unicode, even if the bytes on disk are not valid UTF-8.

    Raises:
        DataError: another folder, with other bytes, has the same readable name.
    """
    if name in above.folders:
        return above.folders[name]
    new = Folder(readable(name), path)
    if "\\" in new.name and any(new.name == other.name for other in above.folders.values()):
        raise DataError(f"Two folders in '{above.name}' both read '{new.name}': the bytes of one name are not UTF-8. Rename one of them.")
    above.folders[name] = new
    return new


_MARKS = ({"optuna.journal"}, {"export.json", "model.json"}, {"saved_model.pb"}, {"study.toml", "worker.log"})
_OWN_FOLDERS = frozenset({"studies", "cache", "mlartifacts", "mlruns", "best", "trials"})


def _is_own(names: set[str]) -> bool:
    """Whether a folder of these entries is a store, a study or what `export` wrote."""
    return any(mark <= names for mark in _MARKS)


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        return _again(lambda: _listed(path))
    except (OSError, ValueError) as error:
        raise DataError(_unreadable(path, error)) from None


def _listed(path: str) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return list(entries)


def _again(ask: Callable[[], _T]) -> _T:
    """Ask the file system, several times if it takes a path with many links for a loop.

    Linux restarts a fast look-up when other processes change folders at the same time. It then counts the links of the path again without resetting
    the count, and reports a loop from 40 on.
    """
    for _ in range(TRIES - 1):
        try:
            return ask()
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
    return ask()


def _key(path: str) -> _Key:
    """A key that is the same for every path to one real folder."""
    try:
        status = _again(lambda: os.stat(path))
    except (OSError, ValueError) as error:
        raise DataError(_unreadable(path, error)) from None
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _unreadable(path: str, error: OSError | ValueError) -> str:
    advice = "Check the disk or the network share that it lies on."
    if isinstance(error, PermissionError):
        advice = "Check its permissions (ls -ld)."
    elif isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        advice = "Move the images to a folder with a shorter path."
    return f"The folder {shortened(path)} cannot be read: {because(error)}. {advice}"


def _keys(folders: Sequence[Path]) -> set[_Key]:
    keys: set[_Key] = set()
    for folder in folders:
        with contextlib.suppress(DataError):  # it need not exist
            keys.add(_key(os.fspath(folder)))
    return keys


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_image(entry: os.DirEntry[str], path: str, left: LeftOut) -> bool:
    """Whether the file is an image to be read; if not, it is counted or named in `left`."""
    suffix = kinds.suffix_of(entry.name)
    known = suffix in kinds.SUFFIXES
    if known or entry.is_symlink() or not entry.is_file():
        try:
            reason = kinds.refusal(entry.stat())
        except OSError:
            reason = kinds.why_not(entry.path)
        if reason:
            left.refused.append((path, reason))
            return False
    if known:
        return True
    if kinds.may_hide_an_image(suffix) and kinds.begins_like_an_image(entry.path):
        left.misnamed[suffix] += 1
        return True
    left.kinds[suffix] += 1
    return False
