"""One search at a time on a study: a lock that the system lets go of when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from automl_cnn.errors import StoreError

PATIENCE = 1.0  # seconds; a look at the lock may hold it for a moment


def holder(lock: Path) -> int | None:
    """The id of the live process that holds the lock; None where nobody does."""
    pid = _named(lock)
    if pid is None or not psutil.pid_exists(pid):
        return None
    with contextlib.suppress(OSError, Timeout, RuntimeError), FileLock(lock, timeout=0):
        return None  # a killed process left its name behind, and another one has its number
    return pid


@contextlib.contextmanager
def held(lock: Path, study: str) -> Iterator[None]:
    """Hold the lock of a study within the block.

    Raises:
        StoreError: a live process holds it, or the file cannot be written.
    """
    mine = FileLock(lock)
    try:
        mine.acquire(timeout=PATIENCE, poll_interval=0.1)
    except (Timeout, RuntimeError):  # RuntimeError: this very thread holds it
        pid = _named(lock)
        who = f"Process {pid}" if pid else "Another process"
        raise StoreError(
            f"{who} is at work on the study '{study}'. Wait until it ends or stop it (Ctrl-C), or choose another --name for a new study."
        ) from None
    except OSError as error:
        raise StoreError(f"{lock} cannot be written: {error.strerror}. Free some space or the permission, or choose another folder with --store.") from None
    try:
        with contextlib.suppress(OSError):
            _note(lock).write_text(str(os.getpid()))
        yield
    finally:
        with contextlib.suppress(OSError):  # a folder that became read-only: the name in the file is stale without its lock
            _note(lock).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the system lets go of it at the latest when the process ends
            mine.release()


def _named(lock: Path) -> int | None:
    try:
        return int(_note(lock).read_text())
    except (OSError, ValueError):
        return None


def _note(lock: Path) -> Path:
    """Where the process that holds the lock writes its id."""
    return lock.with_suffix(".pid")
