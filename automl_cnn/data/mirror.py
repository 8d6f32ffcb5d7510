"""A folder of the cache that mirrors the files at a URL; files that are there already are not downloaded again.

CACHE/unpacked/url-DIGEST/           one place for each URL, deleted like unpacked archives when space is needed
    .complete  .index  .parts-*/     when it was last used, what lies there, what is being fetched
    bucket/photos/cat/1.jpg          images as they are; other files are empty, but are counted and reported as in any folder

A kill loses only the files being downloaded. Processes download one after the other, and none deletes a place while another uses it.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from automl_cnn.data import arrays, claims
from automl_cnn.data import unpacked as store
from automl_cnn.data.dataset import write_atomically
from automl_cnn.data.downloads import Done, Job, Progress, fetched
from automl_cnn.data.remote import Remote
from automl_cnn.data.storable import above, fit
from automl_cnn.errors import StoreError
from automl_cnn.quantities import bytes_
from automl_cnn.urls import Url

INDEX, PARTS = ".index", ".parts-"
_FEW = 1000  # lines of the index that are kept although their files are gone
_claimed: set[Path] = set()
_claims = contextlib.ExitStack()
atexit.register(_claims.close)

Known = dict[str, tuple[str, int]]  # by path, the stamp of what was fetched and its bytes here


class Mirror:
    """The place of one URL in a cache. `root` is the copy of what the URL names, a folder or a file; nothing is made before `alone`."""

    def __init__(self, url: Url, cache: Path) -> None:
        self.url = url
        self.cache = cache
        self.place = cache / store.FOLDER / f"url-{hashlib.blake2b(url.text.encode('utf-8', 'backslashreplace'), digest_size=16).hexdigest()}"
        self.root = self.place / fit(url.above) / fit(url.name)

    @contextlib.contextmanager
    def alone(self, waiting: Callable[[], None]) -> Iterator[bool]:
        """Lock the place within the block; yields whether it had to wait. `waiting` is called every second while it waits.

        Other processes do not delete the place until this process ends.

        Raises:
            StoreError: the cache cannot be written.
        """
        waited = False
        with self._written():
            self.place.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.place.with_name(f".{self.place.name}.lock"))
            while True:
                try:
                    lock.acquire(timeout=1)
                    break
                except Timeout:
                    waited = True
                    waiting()
        try:
            if self.place.absolute() not in _claimed:
                _claims.enter_context(claims.claimed(self.place.parent.absolute(), self.place.name))
                _claimed.add(self.place.absolute())
            yield waited
        finally:
            lock.release()

    def tells_case_apart(self) -> bool:
        """Whether two names here may differ by case alone."""
        with self._written():
            self._begin()
        return not (self.place / store.MARK.upper()).exists()

    def fetch(self, remote: Remote, base: Path, jobs: Sequence[Job], report: Progress) -> None:
        """Download the files of `jobs` to `base`, except those that are there and up to date.

        Raises:
            DataError: the URL cannot be read.
            StoreError: there is no room for them, or the cache cannot be written.
        """
        with self._written():
            self._begin()
            known = self._known()
            new = [job for job in jobs if not _is_here(base, job, known.get(job.entry.path))]
            if not new:
                return
            self._make_room(sum(job.entry.size or 0 for job in new))
            with self._parts() as parts, (self.place / INDEX).open("a", encoding="utf-8") as index:
                for done in fetched(remote, new, parts, report):
                    if (line := _put(done, base)) is not None:
                        index.write(f"\n{line}")  # the line before may have been cut
                        index.flush()

    def tidy(self, base: Path, fetched: Collection[str], others: Collection[str], folders: Collection[str]) -> None:
        """Delete all files that are neither in `fetched` nor in `others`. Create `others` as empty files, and `folders`.

        Raises:
            StoreError: the cache cannot be written.
        """
        wanted, kept = {*fetched, *others}, {parent for path in (*fetched, *others) for parent in above(path)}
        kept |= {parent for path in folders for parent in above(f"{path}/")}
        with self._written():
            self._begin()
            self._compact(frozenset(fetched))
            for folder, below, files in os.walk(base, topdown=False):
                within = "" if Path(folder) == base else f"{Path(folder).relative_to(base).as_posix()}/"
                for name in files:
                    if f"{within}{name}" not in wanted:
                        os.unlink(os.path.join(folder, name))
                for name in below:
                    if f"{within}{name}" not in kept or f"{within}{name}" in wanted:
                        os.rmdir(os.path.join(folder, name))
            for path in folders:
                (base / path).mkdir(parents=True, exist_ok=True)
            for path in others:
                if _size(base, path) != 0:
                    (base / path).parent.mkdir(parents=True, exist_ok=True)
                    (base / path).write_bytes(b"")

    def _begin(self) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        (self.place / store.MARK).touch()

    @contextlib.contextmanager
    def _parts(self) -> Iterator[Path]:
        """A new folder for partial downloads each time: abandoned threads may still write to the last one."""
        for old in self.place.glob(f"{PARTS}*"):
            shutil.rmtree(old, ignore_errors=True)
        parts = Path(tempfile.mkdtemp(prefix=PARTS, dir=self.place))
        try:
            yield parts
        finally:
            shutil.rmtree(parts, ignore_errors=True)

    def _known(self) -> Known:
        known: Known = {}
        with contextlib.suppress(FileNotFoundError):
            for line in (self.place / INDEX).read_text(encoding="utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError, TypeError):  # a kill may have cut the last line
                    path, stamp, size = json.loads(line)
                    known[path] = (stamp, size)
        return known

    def _compact(self, paths: Collection[str]) -> None:
        """Remove files that are not among `paths` from the index, if there are many of them."""
        known = self._known()
        if len(known) > 2 * len(paths) + _FEW:
            lines = [json.dumps([path, stamp, size]) for path, (stamp, size) in known.items() if path in paths]
            write_atomically(self.place / INDEX, "".join(f"{line}\n" for line in lines).encode())

    def _make_room(self, needed: int) -> None:
        store.used(self.place, self.cache, max(0, arrays.LIMIT_BYTES - needed))
        free = shutil.disk_usage(self.place).free
        if needed > free:
            raise StoreError(
                f"{self.url} has {bytes_(needed)} to fetch, but {bytes_(free)} are free in {self.cache}. Free some space there, or choose another --store."
            )

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{self.url} cannot be copied to {self.cache}: {error.strerror or error}. Free some space there, or choose another --store."
            ) from None


def _is_here(base: Path, job: Job, known: tuple[str, int] | None) -> bool:
    entry = job.entry
    if known is None or known[0] != entry.stamp or not entry.stamp:
        return False
    if not job.unsure and entry.size not in (None, known[1]):  # it was not recognized as an image before its decoder was installed
        return False
    return _size(base, entry.path) == known[1]


def _size(base: Path, path: str) -> int | None:
    try:
        return os.stat(os.path.join(base, path)).st_size
    except OSError:
        return None


def _put(done: Done, base: Path) -> str | None:
    """Move a downloaded file to its place. The line for the index; None if the file is gone."""
    target = base / done.job.entry.path
    if done.entry is None:
        target.unlink(missing_ok=True)
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    if done.file is None:
        target.write_bytes(b"")
    else:
        os.replace(done.file, target)
    return json.dumps([done.job.entry.path, done.entry.stamp, target.stat().st_size])
