"""How files travel between the search and the nodes: through a folder that all of them see, or a URL that all of them reach."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from automl_cnn import paths, urls
from automl_cnn.data.remote import Remote
from automl_cnn.errors import StoreError
from automl_cnn.urls import Url

ARRIVAL = 60.0  # seconds after which a file that another machine wrote must be visible in a shared folder: as long as NFS remembers that there was none
LOOK = 0.2
Moved = Callable[[int], None]  # how many bytes were copied since the last call
BLOCK = 4 * 2**20  # bytes


class Exchange(Protocol):
    """Files by name, such as `images/0a1b-64.npy`. A file is there whole or not at all.

    Each method raises a StoreError that says what to do.
    """

    def put(self, file: Path, name: str) -> None:
        """Copy a file there."""

    def get(self, name: str, file: Path, size: int, moved: Moved | None = None) -> None:
        """Copy it from there; `size` is how many bytes it has."""

    def has(self, name: str, size: int) -> bool:
        """Whether it is there, with that many bytes."""

    def drop(self, name: str) -> None:
        """Delete a file or a folder. What cannot be deleted stays."""


def exchange_of(place: str) -> Exchange:
    """The exchange at a path or a URL, as `written` names it."""
    url = urls.parse(place)
    return Shared(paths.read(place)) if url is None else Bucket(url)


def written(place: Path | Url) -> str:
    """A place for `exchange_of` on another machine. It may hold credentials."""
    return place.full if isinstance(place, Url) else paths.written(Path(os.path.realpath(place)))


class Shared:
    """A folder that every machine sees at the same path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, file: Path, name: str) -> None:
        target = self.folder / name
        part = _part(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file, part)
            except OSError:
                shutil.copyfile(file, part)
            os.replace(part, target)
        except OSError as error:
            raise StoreError(f"{target} cannot be written: {error.strerror}. Free some space there, or choose another --exchange.") from None
        finally:
            part.unlink(missing_ok=True)

    def get(self, name: str, file: Path, size: int, moved: Moved | None = None) -> None:
        source, part = self.folder / name, _part(file)
        self._await(source, size)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as there, part.open("wb") as here:
                while block := there.read(BLOCK):
                    here.write(block)
                    if moved is not None:
                        moved(len(block))
                here.flush()
                os.fsync(here.fileno())
            os.replace(part, file)
        except OSError as error:
            raise StoreError(f"{source} cannot be copied to {file.parent}: {error.strerror}.") from None
        finally:
            part.unlink(missing_ok=True)

    def has(self, name: str, size: int) -> bool:
        try:
            return (self.folder / name).stat().st_size == size
        except OSError:
            return False

    def drop(self, name: str) -> None:
        target = self.folder / name
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                target.unlink(missing_ok=True)

    def _await(self, source: Path, size: int) -> None:
        """Wait until what another machine wrote is visible here."""
        until = time.monotonic() + ARRIVAL
        while not self.has(str(source.relative_to(self.folder)), size):
            if time.monotonic() >= until:
                there = f"has {source.stat().st_size:,} bytes" if source.exists() else "is not there"
                raise StoreError(
                    f"{source} {there}, {ARRIVAL:.0f} s after another machine wrote it with {size:,} bytes. "
                    "Let --store or --exchange be a folder that all nodes share."
                )
            with contextlib.suppress(OSError):
                os.listdir(source.parent)  # a network file system looks again
            time.sleep(LOOK)


class Bucket:
    """A URL that every machine reaches, such as `s3://bucket/automl-cnn`. Each machine needs credentials of its own."""

    def __init__(self, url: Url) -> None:
        self.remote = Remote(url)

    def put(self, file: Path, name: str) -> None:
        self.remote.put(file, name)

    def get(self, name: str, file: Path, size: int, moved: Moved | None = None) -> None:
        part = _part(file)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self.remote.take(name, part, size, moved or (lambda count: None))
            os.replace(part, file)
        except OSError as error:
            raise StoreError(f"{name} cannot be copied from {self.remote.url} to {file.parent}: {error.strerror or error}.") from None
        finally:
            part.unlink(missing_ok=True)

    def has(self, name: str, size: int) -> bool:
        return self.remote.size(name) == size

    def drop(self, name: str) -> None:
        self.remote.erase(name)


def _part(file: Path) -> Path:
    """What a file is called while it is written."""
    return file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
