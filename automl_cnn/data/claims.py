"""Claims on decoded images: other searches do not delete images that a search is using.

A claim is a locked file beside the arrays. The system releases the lock when the process ends, for whatever reason.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

ATTEMPTS = 5  # another search may take the new file for one that a crash left


@contextlib.contextmanager
def claimed(folder: Path, family: str) -> Iterator[None]:
    """Claim the arrays of one data set within the block. If the folder cannot be written, they stay unclaimed."""
    claim = folder / f".{family}.{os.getpid()}-{secrets.token_hex(4)}.used"
    lock = FileLock(claim)
    with contextlib.suppress(OSError, Timeout):
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            lock.acquire(timeout=1)
            if claim.exists():
                break
            lock.release()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            claim.unlink(missing_ok=True)
        lock.release()


def in_use(folder: Path) -> set[str]:
    """The data sets whose arrays are claimed by a running process. Delete the claims of crashed processes."""
    used = set()
    for claim in folder.glob(".*.used"):
        try:
            with FileLock(claim, timeout=0):
                claim.unlink(missing_ok=True)
        except (OSError, Timeout, RuntimeError):  # RuntimeError: this very thread holds it
            used.add(claim.name[1:].partition(".")[0])
    return used
