"""The disk: what a study keeps on it, whether the next trial has room, and an ending that can still be written when it is full."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from automl_cnn.errors import StoreError
from automl_cnn.store import Store, StudyFolder, free_bytes, size
from automl_cnn.study.record.journal import share

STOPPED = "disk"  # what ended a search that had no room left
COPIES = 3  # of a model that lie on disk at once while it takes the best one's place
CHECKPOINTS = 8  # files of a model's size that a study may keep at once, at worst
MARGIN = 2_000_000  # bytes for record, logs and report
RESERVE = 1_000_000  # bytes kept occupied, so that the ending of a search has a place when all others are taken
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
T = TypeVar("T")


def is_full(error: BaseException) -> bool:
    """Whether an error says, or was raised because, there is no space left."""
    return any(isinstance(one, OSError) and one.errno in _FULL for one in chain(error))


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised because of, and so on."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


@dataclass(frozen=True)
class Disk:
    """What one study keeps: its folder, its MLflow artifacts, its entries in the journal, the decoded images it reads, at every size, and the files in the
    cache that these are decoded from, where they were fetched from a URL or unpacked from an archive.

    The images count in full even where another study reads them too, and so does what another search writes to the journal meanwhile.
    Not counted is `mlflow.db`, which all studies share.
    """

    folder: StudyFolder
    artifacts: Path
    array: Path  # the decoded images; those of other sizes lie beside it
    limit: int | None = None  # bytes
    journal: Path | None = None
    others: int = 0  # bytes of the journal that belong to other studies
    copied: int = 0  # bytes of the files that were fetched or unpacked: they change only while images are read

    @classmethod
    def of(cls, store: Store, folder: StudyFolder, array: Path, limit: float | None, *, copies: Sequence[Path] = ()) -> Disk:
        """`copies` are the folders with the files that were fetched or unpacked."""
        artifacts = store.root / "mlartifacts" / folder.name
        if limit is None:
            return cls(folder, artifacts, array)
        others = length(store.journal) - share(store.journal, folder.name)
        return cls(folder, artifacts, array, int(limit), store.journal, others, sum(map(size, copies)))

    @property
    def images(self) -> int:
        """Bytes of the decoded images."""
        total = 0
        for path in self.array.parent.glob(f"{self.array.stem.rpartition('-')[0]}-*.npy"):
            with contextlib.suppress(OSError):  # another search may delete what it does not need
                total += path.stat().st_size
        return total

    @property
    def kept(self) -> int:
        """Bytes that the study keeps now."""
        record = 0 if self.journal is None else max(0, length(self.journal) - self.others)
        return size(self.folder.folder) + size(self.artifacts) + self.images + self.copied + record

    @property
    def largest_model(self) -> int | None:
        """Bytes of a model file of which the study can keep as many as it may need to; None without a limit."""
        return None if self.limit is None else max(1, (self.limit - self.images - self.copied) // CHECKPOINTS)

    def lacks(self, model: int, images: int) -> str | None:
        """Why a trial with a model of `model` bytes, and `images` bytes of images to be resized for it, has no room; None if it has."""
        needed = COPIES * model + images + MARGIN
        free = free_bytes(self.folder.folder)
        if free < needed:
            return (
                f"{megabytes(free)} are free on the disk of {self.folder.folder}, and the next trial may need {megabytes(needed)}. {go_on('Free some space')}"
            )
        if self.limit is not None and (kept := self.kept) + needed > self.limit:
            allowed = f"{megabytes(kept)} are kept of the {megabytes(self.limit)} that --max-disk allows, and the next trial may need {megabytes(needed)}."
            copies = f" {megabytes(self.copied)} of them are the fetched or unpacked images, which this study needs." if self.copied else ""
            return f"{allowed}{copies} {go_on('Raise --max-disk')}"
        return None


def length(file: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


class Reserve:
    """A file that takes up room until it is needed for the ending of a search."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def lay(self) -> None:
        """Take the room, where there is any."""
        with contextlib.suppress(OSError):
            if not self._file.exists() or self._file.stat().st_size < RESERVE:
                self._file.write_bytes(os.urandom(RESERVE))  # not zeros: some file systems store those in no space

    def free(self) -> None:
        """Give the room back."""
        with contextlib.suppress(OSError):
            self._file.unlink()

    def spend(self, write: Callable[[], T]) -> T:
        """What `write` returns; where the disk is full for it, it is tried once more without the reserve."""
        try:
            return write()
        except Exception as error:
            if not is_full(error):
                raise
        self.free()
        return write()


@contextlib.contextmanager
def plainly(store: Store) -> Iterator[None]:
    """Whatever the system refuses within the store becomes an error in one sentence.

    Raises:
        StoreError: the disk is full, or a file of the store cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StoreError(f"The disk is full ({error}). {go_on('Free some space')}") from None
        if not _concerns(error, store.root):
            raise
        place = error.filename or f"The store {store.root}"
        raise StoreError(f"{place} cannot be used: {error.strerror}. {go_on('Free the permission, or whatever else is in the way,')}") from None


def _concerns(error: OSError, folder: Path) -> bool:
    """Whether an error names a file of a folder, or names no file and is one of a disk."""
    name = error.filename
    if name is None:
        return error.errno in _REFUSED
    return isinstance(name, str | os.PathLike) and Path(name).absolute().is_relative_to(folder.absolute())


def go_on(remedy: str) -> str:
    """What to do about a disk that is full."""
    return f"{remedy} and run the same command again: it goes on where it ended."


def megabytes(count: float) -> str:
    """An amount of bytes, as `--max-disk` reads it."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
