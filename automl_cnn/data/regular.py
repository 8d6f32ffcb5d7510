"""Read untrusted files safely: only regular files up to a size, never a pipe or a device."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from automl_cnn.errors import DataError

CHUNK = 1 << 20
_SAFE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)  # opening a pipe must not wait for its writer
_KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"))


@contextmanager
def opened(path: Path, limit: int) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file of 1 to `limit` bytes, open for reading, and its size.

    Raises:
        DataError: it is not a regular file, is empty or larger, or cannot be opened. Reading it raises OSError as usual.
    """
    try:
        _check(os.stat(path), limit)
        file = os.fdopen(os.open(path, os.O_RDONLY | _SAFE), "rb")
    except OSError as error:
        raise DataError(unreadable(error)) from None
    except ValueError as error:  # a zero byte in the name
        raise DataError(f"the file cannot be read: {error}") from None
    with file:
        status = os.fstat(file.fileno())  # once more: the name may stand for another file by now
        _check(status, limit)
        yield file, status.st_size


def unreadable(error: OSError) -> str:
    """The reason for an OSError, in a sentence."""
    return f"the file cannot be read: {error.strerror or error}"


def check_size(size: int, limit: int) -> None:
    """Refuse an empty file, or one of more than `limit` bytes.

    Raises:
        DataError: it is.
    """
    if size == 0:
        raise DataError("the file is empty (0 bytes)")
    if size > limit:
        raise DataError(f"the file is too large: {size / 1e6:,.0f} MB, at most {limit / 1e6:,.0f} MB are read")


def digest_of(content: bytes) -> str:
    """The digest that identifies these bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def digest_of_file(file: BinaryIO) -> str:
    """`digest_of` its bytes, a chunk at a time; the file is at its start again afterward."""
    digest = hashlib.blake2b(digest_size=16)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _check(status: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "a special file")
        raise DataError(f"it is {kind}, not a regular file")
    check_size(status.st_size, limit)
