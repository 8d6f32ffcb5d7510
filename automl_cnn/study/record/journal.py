"""The lock of Optuna's journal file: the system lets go of it when a process ends, however it ends, and whoever takes it repairs the file.

Optuna's own lock is a file that a killed process leaves behind; everyone else then waits for half a minute.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from filelock import FileLock
from optuna.storages.journal import JournalFileOpenLock

POLL = 0.005  # seconds; the lock is held for the time of one write
CREATE_STUDY, DELETE_STUDY, CREATE_TRIAL = 0, 1, 4  # what entries are, in Optuna's numbers
_LONGEST = 2**24  # bytes of one entry


class JournalLock(JournalFileOpenLock):
    """Held by one writer at a time, of all processes and threads."""

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self._journal = journal
        self._lock = FileLock(f"{journal}.flock")

    def acquire(self) -> bool:
        self._lock.acquire(poll_interval=POLL)
        try:
            mend(self._journal)
        except BaseException:
            self._lock.release()
            raise
        return True

    def release(self) -> None:
        self._lock.release()


def share(journal: Path, study: str) -> int:
    """Bytes of the entries of one study in a journal that several share; of a damaged journal, as far as it can be read."""
    names: list[str] = []  # by Optuna's number of a study
    trials: list[str] = []  # by Optuna's number of a trial, the study
    alive: set[str] = set()
    total = 0
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError), journal.open("rb") as file:
        for line in file:
            entry = json.loads(line)
            if entry["op_code"] == CREATE_STUDY:
                owner = entry["study_name"]
                if owner not in alive:  # opening a study again is an entry too
                    names.append(owner)
                    alive.add(owner)
            elif "study_id" in entry:
                owner = names[entry["study_id"]]
                if entry["op_code"] == DELETE_STUDY:
                    alive.discard(owner)
                if entry["op_code"] == CREATE_TRIAL and owner in alive:
                    trials.append(owner)
            else:
                owner = trials[entry["trial_id"]]
            total += len(line) if owner == study else 0
    return total


def mend(journal: Path) -> None:
    """Cut off a last line that a power cut, a kill or a full disk left half-written: the next entry would be glued to it, and nobody could read on."""
    try:
        with journal.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            if end == 0:
                return
            file.seek(end - 1)
            if file.read(1) == b"\n":
                return
            start = max(0, end - _LONGEST)
            file.seek(start)
            file.truncate(start + file.read().rfind(b"\n") + 1)
    except FileNotFoundError:
        return
