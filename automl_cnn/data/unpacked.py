"""The cache's folder of files that were unpacked from archives and tables: found again by content, and the longest unused give way."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from automl_cnn.data import arrays, claims, regular

FOLDER, MARK = "unpacked", ".complete"


def place_of(source: Path, cache: Path) -> Path:
    """Where the files of an archive or a table lie, by its content.

    Raises:
        OSError: `source` cannot be read.
    """
    with source.open("rb") as file:
        return cache / FOLDER / regular.digest_of_file(file)


def is_complete(place: Path) -> bool:
    """Whether everything was unpacked there."""
    return (place / MARK).exists()


def used(place: Path, cache: Path, limit_bytes: int = arrays.LIMIT_BYTES) -> None:
    """Mark a folder as complete and used now, and delete those used least recently, save those in use, until the rest fits.

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
