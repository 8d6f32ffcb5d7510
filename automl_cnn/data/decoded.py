"""The files of a folder -> their pixels in one array on disk, and what was found out on the way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from automl_cnn.data import arrays
from automl_cnn.data.dataset import write_atomically
from automl_cnn.data.decode import VERSION, open_image, probe
from automl_cnn.data.scan import Scan
from automl_cnn.errors import DataError

Report = Callable[[int, int], None]  # how many steps are done, of how many


@dataclass(frozen=True)
class Probe:
    """What one file told without being decoded."""

    digest: str
    shorter: int = 0
    gray: bool = True
    reason: str = ""  # why it cannot be used


@dataclass(frozen=True)
class Decoded:
    """What decoding a folder found out, kept beside the pixels."""

    side: int
    channels: int
    native: int
    bad: dict[str, str]  # path -> reason


def look(path: Path) -> Probe:
    """Read one file's bytes, once, for its digest and header."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return Probe("unreadable", reason=f"the file cannot be read: {error.strerror}")
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    try:
        shorter, gray = probe(content)
    except DataError as error:
        return Probe(digest, reason=str(error))
    return Probe(digest, shorter, gray)


def decode(found: Scan, probes: Sequence[Probe], *, cache: Path, key: str, max_size: int, limit_bytes: int, report: Report) -> Decoded:
    """Decode every usable file of `found` into one array in `cache`, in the order of the files.

    Raises:
        DataError: not one can be used.
        StoreError: the array cannot be written.
    """
    paths = [path for path, _, _ in found.files]
    bad = {path: result.reason for path, result in zip(paths, probes, strict=True) if result.reason}
    good = [(path, result) for path, result in zip(paths, probes, strict=True) if not result.reason]
    native = int(np.median([result.shorter for _, result in good])) if good else 0
    side = side_for(native, max_size)
    channels = 1 if all(result.gray for _, result in good) else 3

    def read(path: str) -> np.ndarray | str:
        try:
            return open_image(found.folder / path, side, channels)
        except DataError as error:
            return str(error)

    def blocks() -> Iterator[np.ndarray]:
        results = arrays.in_threads(read, [path for path, _ in good])
        for done, ((path, _), image) in enumerate(zip(good, results, strict=True), 1):
            report(len(paths) + done, 2 * len(paths))
            if isinstance(image, str):
                bad[path] = image
            else:
                yield image[None]

    if good:
        arrays.write(path_of(cache, key, side), (len(good), side, side, channels), blocks(), limit_bytes)
    if len(bad) == len(paths):
        raise DataError(f"None of the {len(paths)} images in {found.folder} can be used. The first, {paths[0]}: {bad[paths[0]]}.")
    write_atomically(cache / f"{key}.json", json.dumps({"side": side, "channels": channels, "native": native, "bad": bad}).encode())
    return Decoded(side, channels, native, bad)


def recall(cache: Path, key: str, files: int) -> Decoded | None:
    """What an earlier call decoded, if its pixels are still there."""
    try:
        decoded = Decoded(**json.loads((cache / f"{key}.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    shape = (files - len(decoded.bad), decoded.side, decoded.side, decoded.channels)
    return decoded if arrays.recall(path_of(cache, key, decoded.side), shape) is not None else None


def side_for(native: int, max_size: int) -> int:
    """The stored size: whole multiples of 8, never above `max_size`."""
    return max(8, min(-(-native // 8) * 8, max_size // 8 * 8))


def key_of(contents: Iterable[tuple[str, str]], max_size: int) -> str:
    """A name for the pixels of these (path, digest) pairs, in this order."""
    digest = hashlib.blake2b(f"{VERSION} {max_size}\n".encode(), digest_size=12)
    for path, content in contents:
        digest.update(line_of(path, content))
    return digest.hexdigest()


def line_of(*parts: object) -> bytes:
    """What a digest is fed; any file name can be in it, valid Unicode or not."""
    return ("\0".join(str(part) for part in parts) + "\n").encode("utf-8", "surrogateescape")


def path_of(cache: Path, key: str, side: int) -> Path:
    """Where the pixels of a key lie at a size."""
    return cache / f"{key}-{side}.npy"
