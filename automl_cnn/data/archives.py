"""A zip or tar archive of images, unpacked once into the cache.

Archives are not trusted: nothing is written outside of the folder. Links and devices are refused, and so is an archive that would unpack to more
than a hundred times its size.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from automl_cnn.data import kinds, members, tables
from automl_cnn.data import unpacked as store
from automl_cnn.data.leftout import LeftOut
from automl_cnn.data.members import CHUNK, Member, reading
from automl_cnn.errors import DataError, StoreError
from automl_cnn.paths import because, shortened

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MOST_FILES = 5_000_000
LEVELS = 64  # of folders, one in the other
_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(10))})
_NAMES = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)  # errors of file systems about a name


@dataclass(frozen=True)
class Unpacked:
    """Where the files of an archive lie: `place` is its top, `folder` the folder within that holds the images; `notes` name what was left out."""

    place: Path
    folder: Path
    notes: tuple[str, ...] = ()

    def within(self, path: Path) -> str:
        """The name that a file has in the archive."""
        return path.relative_to(self.place).as_posix()


def is_archive(path: Path) -> bool:
    """Whether a path has the name of an archive."""
    return path.name.lower().endswith(SUFFIXES)


def unpacked(archive: Path, cache: Path, claim: ExitStack | None = None) -> Unpacked:
    """The folder with an archive's images. If all of them are in one subfolder, that subfolder.

    An archive is unpacked once and recognized by its content. No other process deletes the folder until `claim` is closed.

    Raises:
        DataError: it is not an archive, is damaged or encrypted, or has a duplicate name, a name that leads out of the folder, a link, or far more data
            than its size allows.
        StoreError: `cache` cannot be written.
    """
    try:
        place = store.place_of(archive, cache)
    except OSError as error:
        raise DataError(f"{archive} cannot be read: {error.strerror or error}.") from None
    try:
        _complete(archive, place)
        store.hold(place, claim)
        _complete(archive, place)  # it may have been deleted right before it was claimed
        store.used(place, cache)
        return Unpacked(place, _inner(place), _notes(place))
    except OSError as error:
        raise StoreError(f"{archive} cannot be unpacked to {cache}: {error.strerror or error}. Free some space there, or choose another --store.") from None


def _complete(archive: Path, place: Path) -> None:
    if not store.is_complete(place):
        with store.filled(place) as part:
            (part / store.MARK).write_text(json.dumps(_written(archive, part)))


def _written(archive: Path, part: Path) -> Counter[str]:
    """Write the images and tables of an archive to a folder; how many other files it holds, by extension."""
    allowed, left = store.allowed(archive), Counter[str]()
    bomb = f"{archive} would unpack to more than {store.RATIO} times its size and {store.FREE >> 20:,} MB: it is not an archive of images. Nothing was kept."
    with members.listed(archive, allowed, bomb) as listed:
        for number, member in enumerate(listed):
            if number >= MOST_FILES:
                raise DataError(f"{archive} holds more than {MOST_FILES:,} files. Nothing was kept.")
            path = None if member.folder else _safe(archive, member)
            if path is None or any(kinds.is_clutter(name) for name in path.parts):
                continue
            size = _copied(archive, member, part, path, allowed)
            if size is None:
                left[kinds.suffix_of(path.name)] += 1
            elif size > allowed:
                raise DataError(bomb)
            else:
                allowed -= size
    return left


def _safe(archive: Path, member: Member) -> PurePosixPath:
    """The name of a file, which lies within the folder."""
    name, shown = member.name.replace("\\", "/"), shortened(member.name)
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or _DRIVE.match(name) or (os.name == "nt" and _leads_to_a_device(path)):
        raise DataError(f"{archive} holds the name '{shown}', which leads out of its folder. Nothing was kept.")
    if member.refused:
        raise DataError(f"{archive} holds '{shown}', which is {member.refused}: expected only files. Nothing was kept.")
    if not path.parts or "\0" in name:
        raise DataError(f"{archive} holds a file with the name '{shown}', which no file can have. It may be damaged.")
    if len(path.parts) > LEVELS + 1:
        raise DataError(f"{archive} holds '{shown}', {len(path.parts) - 1:,} folders deep: at most {LEVELS} are unpacked. Nothing was kept.")
    return path


def _leads_to_a_device(path: PurePosixPath) -> bool:
    """Whether a name stands for a device on Windows, or for a stream of another file."""
    return any(":" in part or part.partition(".")[0].strip().upper() in _DEVICES for part in path.parts)


def _copied(archive: Path, member: Member, part: Path, path: PurePosixPath, allowed: int) -> int | None:
    """Write one file and return its size; None if it is neither an image nor a table. Writing stops once the file exceeds `allowed` bytes."""
    suffix = kinds.suffix_of(path.name)
    wanted = suffix in kinds.SUFFIXES or tables.is_metadata(path.name)
    if not wanted and not kinds.may_hide_an_image(suffix):
        return None
    with reading(archive):
        source = member.open()
        chunk = source.read(CHUNK)
    with source:
        if not wanted and not kinds.is_beginning(chunk):
            return None
        if member.size > allowed:
            return member.size
        written = 0
        with _new(archive, part, path) as out:
            while chunk and written <= allowed:
                written += out.write(chunk)
                with reading(archive):
                    chunk = source.read(CHUNK)
    return written


def _new(archive: Path, part: Path, path: PurePosixPath) -> IO[bytes]:
    """The file of this name in the folder, new."""
    target, shown = part / path, shortened(str(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.open("xb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise DataError(f"{archive} holds '{shown}' twice, or as a file and as a folder. Pack it again, with each file once. Nothing was kept.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in _NAMES:
            raise
        raise DataError(f"{archive} holds the name '{shown}', which no file can have here: {because(error)}. Nothing was kept.") from None


def _inner(place: Path) -> Path:
    """The folder itself, or its only subfolder if it holds nothing else."""
    while True:
        entries = [entry for entry in place.iterdir() if entry.name != store.MARK]
        if len(entries) != 1 or not entries[0].is_dir():
            return place
        place = entries[0]


def _notes(place: Path) -> tuple[str, ...]:
    try:
        left = Counter({str(kind): int(count) for kind, count in json.loads((place / store.MARK).read_text()).items()})
    except (ValueError, AttributeError):  # unpacked by an earlier version
        return ()
    return tuple(LeftOut(kinds=left).notes())
