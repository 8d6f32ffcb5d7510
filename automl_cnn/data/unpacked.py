"""The cache of files unpacked from archives and tables: entries are keyed by content, and those used least recently are deleted first."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from automl_cnn.data import arrays, claims, regular
from automl_cnn.errors import StoreError

FOLDER, MARK = "unpacked", ".complete"
RATIO, FREE = 100, 1 << 30  # a file may unpack to this many times its size, or to a gigabyte


def place_of(source: Path, cache: Path) -> Path:
    """The folder for the files of an archive or a table, named by its content.

    Raises:
        OSError: `source` cannot be read.
    """
    with source.open("rb") as file:
        return cache / FOLDER / regular.digest_of_file(file)


def is_complete(place: Path) -> bool:
    """Whether everything was unpacked there."""
    return (place / MARK).exists()


def allowed(source: Path) -> int:
    """The limit in bytes for the files in an archive or a table: a small file that unpacks to an enormous one is an attack.

    Raises:
        OSError: `source` cannot be read.
    """
    return max(FREE, RATIO * source.stat().st_size)


@contextlib.contextmanager
def filled(place: Path) -> Iterator[Path]:
    """A new folder to write to. It becomes `place` if the block succeeds, and is removed otherwise.

    Raises:
        OSError: it cannot be written.
        StoreError: something else is at `place`.
    """
    part = place.with_name(f".{place.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    above = [folder for folder in part.parents if not folder.exists()]
    try:
        part.mkdir(parents=True)
        yield part
        (part / MARK).touch()
        with contextlib.suppress(OSError):  # another process was faster
            part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        for folder in above:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()
    if not is_complete(place):
        raise StoreError(f"{place} is there, but not complete: delete it, and try again.")


def hold(place: Path, claim: contextlib.ExitStack | None) -> None:
    """Keep other processes from deleting a folder until `claim` is closed. The folder may be gone already: check `is_complete` afterwards."""
    if claim is not None:
        claim.enter_context(claims.claimed(place.parent, place.name))


def used(place: Path, cache: Path, limit_bytes: int = arrays.LIMIT_BYTES) -> None:
    """Mark a folder as complete and used now. Delete the folders used least recently, except those in use, until the rest fits.

    Raises:
        OSError: it cannot be written.
    """
    (place / MARK).touch()
    os.utime(place / MARK)
    others: list[tuple[float, int, Path]] = []
    spared = {place.name, *claims.in_use(cache / FOLDER)}
    for other in (cache / FOLDER).glob("*"):
        if is_complete(other):
            size = sum(file.stat().st_size for file in other.rglob("*") if file.is_file())
            others.append(((other / MARK).stat().st_mtime, size, other))
    total = sum(size for _, size, _ in others)
    for _, size, other in sorted(others):
        if total <= limit_bytes:
            break
        if other.name not in spared:
            shutil.rmtree(other, ignore_errors=True)
            total -= size
