"""Download several files of a URL at once, in threads, each to a temporary file. The caller moves them to their places, one by one."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from automl_cnn.data import kinds, refusals
from automl_cnn.data.remote import SILENCE, Entry, Remote
from automl_cnn.errors import AutomlCnnError, DataError, StoreError
from automl_cnn.quantities import bytes_

WORKERS = 16
SMALL = 1 << 20  # bytes of a file that is read as a whole to see whether it is an image
_HEAD = 32  # bytes that show it
_STEP = 0.2  # seconds between two reports

Progress = Callable[[int, int], None]  # bytes that came, of how many


@dataclass(frozen=True)
class Job:
    """A file to fetch; with `unsure`, only if its first bytes are those of an image."""

    entry: Entry
    unsure: bool = False


@dataclass(frozen=True)
class Done:
    """A job and its result: the file as it was read and where it lies; no `file` where it was not fetched, and no `entry` where it is gone."""

    job: Job
    entry: Entry | None
    file: Path | None


class Downloads:
    """The state that threads share: jobs to take, results to leave, bytes received."""

    def __init__(self, remote: Remote, jobs: Sequence[Job], folder: Path) -> None:
        self.remote = remote
        self.folder = folder
        self.waiting: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
        self.results: queue.SimpleQueue[Done | BaseException] = queue.SimpleQueue()
        self.over = threading.Event()
        self.bytes = 0
        self._count = threading.Lock()
        for numbered in enumerate(jobs):
            self.waiting.put(numbered)
        for _ in range(min(WORKERS, len(jobs))):
            threading.Thread(target=self._work, daemon=True).start()  # a hanging one must not keep the process from ending

    def _work(self) -> None:
        while not self.over.is_set():
            try:
                number, job = self.waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self.results.put(self._one(job, self.folder / f"{number}.part"))
            except BaseException as error:
                self.results.put(error)

    def _one(self, job: Job, part: Path) -> Done:
        entry = job.entry
        try:
            if job.unsure and (entry.size or 0) > SMALL:
                part.write_bytes(self.remote.beginning(entry, _HEAD))
                if not kinds.begins_like_an_image(str(part)):
                    return Done(job, entry, None)
            entry = self.remote.fetch(entry, part, self._moved)
        except FileNotFoundError:
            if not self.folder.is_dir():
                raise StoreError(f"The folder {self.folder} was deleted while files were fetched to it. Try again.") from None
            return Done(job, None, None)
        if job.unsure and not kinds.begins_like_an_image(str(part)):
            return Done(job, entry, None)
        return Done(job, entry, part)

    def _moved(self, count: int) -> None:
        with self._count:
            self.bytes += count
        if self.over.is_set():
            raise InterruptedError("nobody waits for this file")


def fetched(remote: Remote, jobs: Sequence[Job], folder: Path, report: Progress) -> Iterator[Done]:
    """The result of each job, in the order in which they end. The files lie in `folder`.

    Raises:
        DataError: the URL cannot be read any more.
        StoreError: the disk is full.
    """
    total = sum(job.entry.size or 0 for job in jobs)
    downloads = Downloads(remote, jobs, folder)
    done, moved, seen, lively = 0, 0, (0, 0), time.monotonic()
    try:
        while done < len(jobs):
            try:
                result = downloads.results.get(timeout=_STEP)
            except queue.Empty:
                result = None
            now = (downloads.bytes, 0 if result is not None else _size(folder))
            if result is not None or now != seen:
                seen, lively = now, time.monotonic()
            elif time.monotonic() - lively > SILENCE:
                raise DataError(f"Nothing came from {remote.url} for {SILENCE:.0f} seconds. Check the network, and try again: what was read is kept.")
            moved = downloads.bytes
            report(min(moved, total), total)
            if isinstance(result, BaseException):
                raise _explained(remote, result, total - moved)
            if result is not None:
                done += 1
                yield result
    finally:
        downloads.over.set()


def _size(folder: Path) -> int:
    """Bytes of the files under way: not every file system reports them as they come."""
    total = 0
    for part in folder.iterdir():
        with contextlib.suppress(OSError):
            total += part.stat().st_size
    return total


def _explained(remote: Remote, error: BaseException, left: int) -> BaseException:
    if not isinstance(error, Exception):
        return error
    made = error if isinstance(error, AutomlCnnError) else refusals.explanation(remote.url, error)
    return StoreError(f"{made} About {bytes_(left)} are still to come.") if isinstance(made, StoreError) and left > 0 else made
