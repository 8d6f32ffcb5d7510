"""Iterate over the members of a zip or tar archive. Any exception of the libraries on damaged bytes becomes a DataError."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, cast

from automl_cnn.errors import AutomlCnnError, DataError
from automl_cnn.text import inline

CHUNK = 1 << 20  # bytes that are read at once
_HEADER = 1 << 22  # bytes of a header in a tar archive, which states its own length
_SPECIAL = "a link or a device"
_PACKED: tuple[tuple[bytes, Callable[[BinaryIO], IO[bytes]]], ...] = (
    (b"\x1f\x8b", lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file))),
    (b"BZh", lambda file: cast(IO[bytes], bz2.BZ2File(file))),
    (b"\xfd7zXZ\0", lambda file: cast(IO[bytes], lzma.LZMAFile(file))),  # noqa: SIM115  # whoever opened the file closes it
)


@dataclass(frozen=True)
class Member:
    """One entry of an archive: its name, its stated size, a function that opens it, and the reason not to use it (`refused`)."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]
    folder: bool = False
    refused: str = ""


@contextlib.contextmanager
def listed(archive: Path, most: int, bomb: str) -> Iterator[Iterator[Member]]:
    """The members of an archive. A tar archive is unpacked up to `most` bytes; `bomb` is the message if it holds more.

    Raises:
        DataError: it is not an archive, damaged, encrypted or too large. Iterating raises it too.
    """
    with contextlib.ExitStack() as stack:
        with reading(archive):
            if archive.name.lower().endswith(".zip"):
                members = _of_zip(stack.enter_context(zipfile.ZipFile(archive)))
            else:
                members = _of_tar(stack.enter_context(archive.open("rb")), most, bomb)
        yield _each(archive, members)


@contextlib.contextmanager
def reading(archive: Path) -> Iterator[None]:
    """Turn any exception of reading an archive into a DataError: damaged bytes raise all kinds of exceptions."""
    try:
        yield
    except AutomlCnnError:
        raise
    except Exception as error:
        words = inline(" ".join(str(error).split()))[:200].rstrip(".") or type(error).__name__
        raise DataError(f"{archive} cannot be unpacked: {words}. It may be damaged, half copied or encrypted.") from None


def _each(archive: Path, members: Iterator[Member]) -> Iterator[Member]:
    while True:
        with reading(archive):
            member = next(members, None)
        if member is None:
            return
        yield member


def _of_zip(opened: zipfile.ZipFile) -> Iterator[Member]:
    for info in opened.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        yield Member(info.filename, info.file_size, partial(opened.open, info), info.is_dir(), "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else _SPECIAL)


def _of_tar(file: BinaryIO, most: int, bomb: str) -> Iterator[Member]:
    begin = file.read(6)
    file.seek(0)
    stream = _Stream(next((unpack(file) for magic, unpack in _PACKED if begin.startswith(magic)), file), most, bomb)
    with tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as tape:  # type: ignore[call-overload]
        while (info := tape.next()) is not None:
            tape.members.clear()  # else it keeps them all
            if info.size < 0:  # it would go back, and on forever
                raise tarfile.ReadError("a file has a negative size")
            yield Member(info.name, info.size, partial(_file, tape, info), info.isdir(), "" if info.isreg() else _SPECIAL)
    if stream.last.strip(b"\0") or len(stream.last) != tarfile.BLOCKSIZE:  # tarfile takes anything but a header for the end
        raise tarfile.ReadError("it has no end marker, or no header follows a file")


def _file(tape: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tape.extractfile(info)
    if file is None:
        raise tarfile.ReadError(f"'{info.name}' is not a file")
    return file


class _Stream:
    """The decompressed bytes of a tar archive, up to a limit: no header can fill the memory. `last` holds the bytes read last."""

    def __init__(self, file: IO[bytes], most: int, bomb: str) -> None:
        self._file, self._most, self._bomb = file, most, bomb
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _HEADER:
            raise tarfile.ReadError(f"a header states a length of {size:,} bytes")
        self.last = self._file.read(size)
        self._check(self._file.tell())
        return self.last

    def seek(self, position: int) -> int:
        self._check(position)
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()

    def _check(self, position: int) -> None:
        if position > self._most:
            raise DataError(self._bomb)
