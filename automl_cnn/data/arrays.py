"""A folder of decoded images: .npy files that appear whole or not at all, and are deleted when there are too many."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from automl_cnn.data import claims
from automl_cnn.errors import StoreError

LIMIT_BYTES = 20 * 2**30
CHUNK = 64  # images handled by a thread at once
_FORGOTTEN = 86400  # seconds after which an unfinished file is taken for a crash's
_A = TypeVar("_A")
_B = TypeVar("_B")


def in_threads(function: Callable[[_A], _B], items: Sequence[_A]) -> Iterator[_B]:
    """The results in order. At most a few hundred are computed ahead, and Ctrl-C waits only for these."""
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(items), 128 * workers):
            yield from pool.map(function, items[start : start + 128 * workers])


def write(path: Path, shape: tuple[int, ...], blocks: Iterable[np.ndarray], limit_bytes: int) -> None:
    """Write a uint8 array of at most `shape[0]` rows, block by block. It has as many rows as the blocks together.

    If the folder would exceed `limit_bytes`, the arrays used least recently are deleted first.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    rows = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trim(path.parent, limit_bytes - int(np.prod(shape)), keep=path)
        with part.open("w+b") as file:
            _header(file, shape)
            start = file.tell()
            for block in blocks:
                file.write(np.ascontiguousarray(block).data)
                rows += len(block)
            if rows < shape[0]:  # the format leaves room in the header to change the number of rows
                file.seek(0)
                _header(file, (rows, *shape[1:]))
                if file.tell() != start:
                    raise StoreError(f"The header of {path} changed its length. Please report this with your version of numpy ({np.__version__}).")
        os.replace(part, path)
    except OSError as error:
        raise StoreError(
            f"The decoded images ({np.prod(shape) / 2**20:,.0f} MiB) cannot be written to {path.parent}: {error.strerror}. "
            "Free some space there, or choose another folder with --store."
        ) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def recall(path: Path, shape: tuple[int, ...]) -> np.memmap | None:
    """The array, memory-mapped, and mark it as used now; None if it is missing, damaged or has another shape."""
    try:
        array = np.load(path, mmap_mode="r")
        os.utime(path)
    except (OSError, ValueError, EOFError):
        return None
    return array if isinstance(array, np.memmap) and array.shape == shape and array.dtype == np.uint8 else None


def trim(folder: Path, limit_bytes: int, keep: Path) -> None:
    """Delete files left by crashes, and the arrays used least recently until the rest fits. Keep those of `keep`'s data set, and of any that a search reads."""
    files, spared = [], {family(keep), *claims.in_use(folder)}
    for path in folder.glob("*.npy"):
        with suppress(OSError):  # another process may trim too
            status = path.stat()
            files.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= limit_bytes:
            break
        if family(path) not in spared:
            with suppress(OSError):
                path.unlink()
                total -= size
    for path in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _FORGOTTEN:
                path.unlink()


def of_size(path: Path, size: int) -> Path:
    """Where the same images lie at another size."""
    return path.with_name(f"{family(path)}-{size}.npy")


def family(path: Path) -> str:
    """The common part of the names of a data set's arrays."""
    return path.stem.rpartition("-")[0]


def _header(file: object, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})  # type: ignore[arg-type]  # any binary file
