"""List and read the files at a URL. This is the only module that uses fsspec, which it imports when a URL is read.

The file systems have their own timeouts and retries for single requests. In addition, a file is tried `TRIES` times, and a server that sends nothing
for `SILENCE` seconds is given up.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from automl_cnn.data import refusals
from automl_cnn.data.patience import patiently
from automl_cnn.errors import DataError
from automl_cnn.urls import BUCKETS, HTTP, Url

TRIES = 3
PAUSE = 1.0  # seconds before the second try, twice as long before the third
SILENCE = 120.0  # seconds without a byte
_SOCKET = 60.0  # seconds without a byte on one connection of the web
_FINAL = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError, InterruptedError)  # no second try changes them
_OUTSIDE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_MARKS = (  # what a file system may know of a file's content, the surest first
    *("md5Hash", "content_md5", "Content-MD5", "Digest", "crc32c", "blob_id", "ETag", "etag", "checksum", "generation"),
    *("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "modified", "modify", "created"),
)
T = TypeVar("T")
Moved = Callable[[int], None]  # how many bytes came


@dataclass(frozen=True)
class Entry:
    """One file: `key` opens it, `path` is relative to the folder, `stamp` changes with its content ("" if the file system has no such value)."""

    key: str
    path: str
    size: int | None
    stamp: str


@dataclass(frozen=True)
class Listing:
    """What lies at a URL: a single file, or the files and folders below it."""

    entries: tuple[Entry, ...]
    folders: tuple[str, ...] = ()
    single: bool = False


class Remote:
    """The file system of a URL.

    Raises:
        DataError: its package is missing, or the URL cannot be read; so do the methods.
    """

    def __init__(self, url: Url) -> None:
        self.url = url
        if url.scheme in BUCKETS and url.has_secret:
            raise DataError(f"The credentials in a {url.scheme}:// URL are not read: leave them out. {refusals.LOGIN[url.scheme]}")
        self._by_thread = threading.local()
        if url.scheme in ("gs", "gcs"):
            logging.getLogger("gcsfs").setLevel(logging.ERROR)  # it warns at each request that there are no credentials; failures are reported below
        self._options: dict[str, Any] = _http_options() if url.scheme in HTTP else {}
        with refusals.explained(url):
            self._files, self.root = self._opened()

    def listing(self) -> Listing:
        """All files below the URL, or the one that it names; empty if there is none."""
        with refusals.explained(self.url):
            try:
                return patiently(self._listing)
            except Exception as error:
                if not self._may_be_public(error):
                    raise
                self._options["anon"] = True
                self._files, self.root = self._opened()
                try:
                    return patiently(self._listing)
                except PermissionError:
                    raise error from None

    def beside(self, folder: str) -> Mapping[str, Entry]:
        """The files directly in a folder below the URL's own, by name; none where it does not exist."""
        place = f"{self.root.rpartition('/')[0]}/{folder}".rstrip("/")
        with refusals.explained(self.url):
            try:
                infos = patiently(lambda: self._own().ls(place, detail=True))
            except (FileNotFoundError, NotADirectoryError):
                return {}
        return {name: _entry(info, name) for info in infos if info["type"] == "file" and (name := str(info["name"]).rpartition("/")[2])}

    def fetch(self, entry: Entry, target: Path, moved: Moved) -> Entry:
        """Download a file to `target`, and return its entry as it was read: it may have changed since it was listed.

        Raises:
            FileNotFoundError: the file is gone.
            Exception: any error of the file system, after the last try.
        """
        return self._tried(lambda: self._fetched(entry, target, moved))

    def _fetched(self, entry: Entry, target: Path, moved: Moved) -> Entry:
        self._own().get_file(entry.key, str(target), callback=_callback(moved))
        if entry.size is None or os.path.getsize(target) == entry.size:
            return entry
        entry = _entry(self._fresh(entry.key), entry.path)
        if os.path.getsize(target) == entry.size:
            return entry
        raise OSError(f"{entry.path} has {os.path.getsize(target):,} bytes here and {entry.size or 0:,} there")

    def beginning(self, entry: Entry, length: int) -> bytes:
        """The first bytes of a file."""
        return bytes(self._own().cat_file(entry.key, start=0, end=min(length, entry.size or length)))

    def put(self, file: Path, name: str) -> None:
        """Write a copy of `file` as `name` below the URL, whole or not at all."""
        with refusals.explained(self.url):
            self._tried(lambda: self._put(file, f"{self.root}/{name}"))

    def take(self, name: str, target: Path, size: int, moved: Moved) -> None:
        """Write the file `name` below the URL, which has `size` bytes, to `target`."""
        with refusals.explained(self.url):
            self.fetch(Entry(f"{self.root}/{name}", name, size, ""), target, moved)

    def size(self, name: str) -> int | None:
        """The bytes of the file `name` below the URL; None where there is none."""
        with refusals.explained(self.url):
            try:
                size = self._tried(lambda: patiently(lambda: self._fresh(f"{self.root}/{name}"))).get("size")
            except FileNotFoundError:
                return None
        return None if size is None else int(size)

    def erase(self, name: str) -> None:
        """Delete a file or a folder below the URL. What cannot be deleted stays."""
        with suppress(Exception):  # whatever the file system raises; nothing depends on it
            self._own().rm(f"{self.root}/{name}", recursive=True)

    def _put(self, file: Path, key: str) -> None:
        files = self._own()
        if self.url.scheme in BUCKETS:
            files.put_file(str(file), key)  # appears when it is complete
            return
        part = f"{key}.{secrets.token_hex(4)}.part"
        files.makedirs(key.rpartition("/")[0], exist_ok=True)
        files.put_file(str(file), part)
        files.mv(part, key)

    @staticmethod
    def _tried(ask: Callable[[], T]) -> T:
        """What `ask` returns, after at most `TRIES` attempts."""
        for remaining in reversed(range(TRIES)):
            try:
                return ask()
            except _FINAL:
                raise
            except Exception as error:
                if not remaining or (isinstance(error, OSError) and error.errno in _OUTSIDE):
                    raise
                time.sleep(PAUSE * 2 ** (TRIES - 1 - remaining))
        raise AssertionError  # the last try returns or raises

    def _opened(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        if "::" in self.url.full:
            raise DataError(f"{self.url} holds '::', which chains URLs: pass the URL of the folder, archive or table alone.")
        files, root = url_to_fs(self.url.full, skip_instance_cache=True, **self._options)  # a kept one would hold old credentials
        return files, str(root).rstrip("/")

    def _own(self) -> Any:
        """The file system for this thread: those that are not asynchronous keep one connection, which threads must not share."""
        if getattr(self._files, "async_impl", False):
            return self._files
        if not hasattr(self._by_thread, "files"):
            self._by_thread.files = self._opened()[0]
        return self._by_thread.files

    def _fresh(self, key: str) -> Mapping[str, Any]:
        files = self._own()
        files.invalidate_cache()
        return dict(files.info(key))

    def _listing(self) -> Listing:
        if self.url.scheme in HTTP:  # pages have links, not folders
            info = self._files.info(self.root)
            return Listing((_entry(info, self.url.name),), single=True)
        files = self._own()
        files.invalidate_cache()
        below = files.find(self.root, detail=True, withdirs=self.url.scheme not in BUCKETS)  # a bucket may hold a file of a folder's name, which would hide it
        if set(below) == {self.root} and below[self.root]["type"] == "file":
            return Listing((_entry(below[self.root], self.url.name),), single=True)
        start = len(self.root) + 1
        entries = tuple(_entry(info, name[start:]) for name, info in below.items() if info["type"] == "file" and not name.endswith("/"))
        folders = {name[start:].rstrip("/") for name, info in below.items() if info["type"] == "directory" or name.endswith("/")}
        return Listing(entries, tuple(sorted(folders - {""})))

    def _may_be_public(self, error: Exception) -> bool:
        return self.url.scheme in ("s3", "s3a") and "anon" not in self._options and refusals.lacks_credentials(error)


def _entry(info: Mapping[str, Any], path: str) -> Entry:
    size = info.get("size")
    mark = next((f"{key} {info[key]}" for key in _MARKS if info.get(key) is not None), "")
    return Entry(str(info["name"]), path, None if size is None else int(size), f"{size} {mark}" if mark or size is not None else "")


def _http_options() -> dict[str, Any]:
    """Options without a limit on the whole download, which may be large, but with one on every silence."""
    try:
        from aiohttp import ClientTimeout
    except ImportError:  # fsspec says what it needs
        return {}
    return {"client_kwargs": {"timeout": ClientTimeout(total=None, sock_connect=_SOCKET, sock_read=_SOCKET)}}


def _callback(moved: Moved) -> Any:
    from fsspec.callbacks import Callback

    class Counting(Callback):
        def relative_update(self, inc: int = 1) -> None:
            moved(inc)

    return Counting()
