"""A zip or tar archive of images, unpacked once into the cache.

Archives come from anywhere: nothing is written outside of the folder, links and devices are refused, and so is an archive that would unpack to
a hundred times its size.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from automl_cnn.data import kinds, tables
from automl_cnn.data import unpacked as store
from automl_cnn.errors import DataError, StoreError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
RATIO, FREE = 100, 1 << 30  # an archive may unpack to this many times its size, or to a gigabyte
MOST_FILES = 5_000_000
CHUNK = 1 << 20


@dataclass(frozen=True)
class _Member:
    """One file in an archive: its name there, its size as stated, and what opens it."""

    name: str
    size: int
    open: Callable[[], IO[bytes] | None]
    refused: str = ""  # why it is no regular file


def is_archive(path: Path) -> bool:
    """Whether a path is that of an archive, by its name."""
    return path.name.lower().endswith(SUFFIXES)


def unpacked(archive: Path, cache: Path) -> Path:
    """The folder with an archive's images; where all of them lie in one folder, that one.

    It is unpacked once: the same archive, by its content, is found again.

    Raises:
        DataError: it is no archive, is damaged or encrypted, or holds a name that leads elsewhere, a link, or far more than its size.
        StoreError: `cache` cannot be written.
    """
    try:
        place = store.place_of(archive, cache)
        if not store.is_complete(place):
            _unpack(archive, place)
            store.used(place, cache)
    except OSError as error:
        raise StoreError(f"{archive} cannot be unpacked to {cache}: {error.strerror or error}. Free some space there, or choose another --store.") from None
    return _inner(place)


def _unpack(archive: Path, place: Path) -> None:
    part = place.with_name(f".{place.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    allowed = max(FREE, RATIO * archive.stat().st_size)
    try:
        part.mkdir(parents=True)
        with _members(archive) as members:
            for number, member in enumerate(members):
                if number >= MOST_FILES:
                    raise DataError(f"{archive} holds more than {MOST_FILES:,} files.")
                target = part / _safe(archive, member)
                if not _wanted(target):
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                allowed -= _copy(archive, member, target, allowed)
        (part / store.MARK).touch()
        with contextlib.suppress(FileExistsError, OSError):  # another process was faster
            part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if not store.is_complete(place):
        raise StoreError(f"{place} is there, but not complete: delete it, and try again.")


@contextlib.contextmanager
def _members(archive: Path) -> Iterator[Iterator[_Member]]:
    """The files of an archive; whatever the libraries raise is a DataError."""
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as opened:
                files = (info for info in opened.infolist() if not info.is_dir())
                yield (_Member(info.filename, info.file_size, partial(opened.open, info), _kind(info)) for info in files)
        else:
            with tarfile.open(archive) as tape:
                entries = (info for info in tape if not info.isdir())
                yield (_Member(info.name, info.size, partial(tape.extractfile, info), "" if info.isreg() else "a link or a device") for info in entries)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise DataError(f"{archive} cannot be unpacked: {str(error)[:200] or type(error).__name__}. It may be damaged, half copied or encrypted.") from None


def _kind(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    return "a link" if mode and (mode & 0o170000) == 0o120000 else ""


def _safe(archive: Path, member: _Member) -> Path:
    """The place of a file, within the folder."""
    path = PurePosixPath(member.name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in member.name:
        raise DataError(f"{archive} holds the name '{member.name[:100]}', which leads out of its folder. Nothing was unpacked.")
    if member.refused:
        raise DataError(f"{archive} holds '{member.name[:100]}', which is {member.refused}: expected files alone. Nothing was unpacked.")
    return Path(*path.parts)


def _wanted(path: Path) -> bool:
    """Images, and tables that list them; no clutter."""
    if any(part.casefold() in kinds.CLUTTER or part.startswith("._") for part in path.parts):
        return False
    return path.suffix.lower() in kinds.SUFFIXES or tables.is_table(path)


def _copy(archive: Path, member: _Member, target: Path, allowed: int) -> int:
    """Write one file of at most `allowed` bytes; its size."""
    source, written = member.open(), 0
    if source is None:
        return 0
    with source, target.open("wb") as out:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            if written > allowed:
                raise DataError(f"{archive} would unpack to more than {RATIO} times its size: it is no archive of images. Nothing was kept.")
            out.write(chunk)
    return written


def _inner(place: Path) -> Path:
    """The folder itself, or the one within where there is nothing else."""
    while True:
        entries = [entry for entry in place.iterdir() if entry.name != store.MARK]
        if len(entries) != 1 or not entries[0].is_dir():
            return place
        place = entries[0]
