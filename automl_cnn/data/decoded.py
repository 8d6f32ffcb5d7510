"""Decode the files of a folder into one array on disk, and collect facts about them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from automl_cnn.data import arrays, guard, regular
from automl_cnn.data.dataset import write_atomically
from automl_cnn.data.decode import VERSION, header_of, read_image, span_of
from automl_cnn.data.deep import Span, levels_of_files, may_be_deep
from automl_cnn.data.fit import Fit
from automl_cnn.data.header import Header
from automl_cnn.data.levels import CONVENTION, Levels
from automl_cnn.data.passes import Report
from automl_cnn.data.scan import Scan
from automl_cnn.errors import DataError
from automl_cnn.paths import shortened


@dataclass(frozen=True)
class Probe:
    """Facts about one file, without decoding it unless it has more than 8 bits."""

    digest: str
    shorter: int = 0
    gray: bool = True
    reason: str = ""  # why it cannot be used
    span: Span | None = None  # of a file of more than 8 bits
    header: Header | None = None  # None where it cannot be read


@dataclass(frozen=True)
class Decoded:
    """The facts from decoding a folder, kept beside the pixels."""

    side: int
    channels: int
    native: int
    bad: dict[str, str]  # path -> reason
    levels: Levels = CONVENTION
    notes: tuple[str, ...] = ()  # on the levels
    bands: dict[str, int] = field(default_factory=dict)  # path -> how many of its bands are used, where it has more
    fit: Fit = "squash"


class ChangedError(Exception):
    """Files changed since they were examined; `paths` names them."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(f"{len(paths)} files changed")
        self.paths = tuple(paths)


def look(path: Path, max_pixels: float | None = None) -> Probe:
    """Read one file's digest and header, and the range of its values if it has more than 8 bits. Only regular files of limited size are opened."""
    limit = guard.file_limit(guard.limit(max_pixels))
    try:
        with regular.opened(path, limit) as (file, size), guard.turn(size):
            deep = may_be_deep(file.read(32))
            file.seek(0)
            content = file.read(limit) if deep else file
            digest = regular.digest_of(content) if isinstance(content, bytes) else regular.digest_of_file(content)
            try:
                header = header_of(content, max_pixels=max_pixels)
                span = span_of(content, max_pixels=max_pixels) if isinstance(content, bytes) else None
            except DataError as error:
                return Probe(digest, reason=str(error))
    except DataError as error:
        return Probe("unreadable", reason=str(error))
    except OSError as error:  # a disk that fails
        return Probe("unreadable", reason=regular.unreadable(error))
    return Probe(digest, min(header.width, header.height), header.gray, span=span, header=header)


def decode(
    scan: Scan,
    probes: Sequence[Probe],
    *,
    cache: Path,
    key: str,
    max_size: int,
    limit_bytes: int,
    report: Report,
    max_pixels: float | None = None,
    fit: Fit = "squash",
) -> Decoded:
    """Decode every usable file of `scan` into one array in `cache`, in the order of the files.

    Raises:
        DataError: no file can be used.
        ChangedError: a file's digest differs from its probe's. Nothing is kept in that case.
        StoreError: the array cannot be written.
    """
    paths = [path for path, _, _ in scan.files]
    bad = {path: result.reason for path, result in zip(paths, probes, strict=True) if result.reason}
    good = [(path, result) for path, result in zip(paths, probes, strict=True) if not result.reason]
    native = int(np.median([result.shorter for _, result in good])) if good else 0
    side = side_for(native, max_size)
    channels = 1 if all(result.gray for _, result in good) else 3
    levels, notes = levels_of_files([result.span for _, result in good if result.span is not None])
    read = partial(_read, scan.folder, side=side, channels=channels, levels=levels, fit=fit, max_pixels=max_pixels)
    bands: dict[str, int] = {}
    changed: list[str] = []

    def blocks() -> Iterator[np.ndarray]:
        for done, ((path, _), image) in enumerate(zip(good, arrays.in_threads(read, good), strict=True), 1):
            report(len(paths) + done, 2 * len(paths))
            if image is None:
                changed.append(path)
            elif isinstance(image, str):
                bad[path] = image
            else:
                if image[1]:
                    bands[path] = image[1]
                yield image[0][None]
        if changed:
            raise ChangedError(changed)

    if good:
        arrays.write(path_of(cache, key, side), (len(good), side, side, channels), blocks(), limit_bytes)
    if len(bad) == len(paths):
        raise DataError(f"None of the {len(paths)} images in {scan.shown} can be used. The first, {shortened(paths[0])}: {bad[paths[0]]}.")
    decoded = Decoded(side, channels, native, bad, levels, notes, bands, fit)
    write_atomically(cache / f"{key}.json", json.dumps({**asdict(decoded), "levels": levels.as_dict()}).encode())
    return decoded


def _read(
    folder: Path, item: tuple[str, Probe], *, side: int, channels: int, levels: Levels, fit: Fit, max_pixels: float | None
) -> tuple[np.ndarray, int] | str | None:
    """One image and how many of its bands were used; or why it cannot be used; or None where it has changed."""
    path, result = item
    limit = guard.file_limit(guard.limit(max_pixels))
    try:
        with regular.opened(folder / path, limit) as (file, size), guard.turn(size):
            content = file.read(limit)
            if regular.digest_of(content) != result.digest:
                return None
            try:
                return read_image(content, side, channels, levels, fit=fit, max_pixels=max_pixels)
            except DataError as error:
                return str(error)
    except (DataError, OSError):  # it could be read before
        return None


def in_each(path: Path, side: int, channels: int, levels: Levels, *, fits: Sequence[Fit], max_pixels: float | None = None) -> list[np.ndarray] | None:
    """One file made square in each of these ways; None where it cannot be read any more."""
    limit = guard.file_limit(guard.limit(max_pixels))
    try:
        with regular.opened(path, limit) as (file, size), guard.turn(size):
            content = file.read(limit)
            return [read_image(content, side, channels, levels, fit=fit, max_pixels=max_pixels)[0] for fit in fits]
    except (DataError, OSError):
        return None


def notes_on_bands(bands: dict[str, int]) -> tuple[str, ...]:
    """The note on files with more bands than are used."""
    notes = []
    for used in sorted(set(bands.values())):
        paths = sorted(path for path in bands if bands[path] == used)
        words = {1: ("one band", "only the first is used"), 3: ("three bands", "only the first three are used")}
        most, action = words.get(used, (f"{used} bands", f"only the first {used} are used"))
        files = f"{len(paths):,} files have" if len(paths) != 1 else "1 file has"
        notes.append(f"{files} more than {most} (such as '{paths[0]}'): {action}.")
    return tuple(notes)


def recall(cache: Path, key: str, files: int) -> Decoded | None:
    """The result of an earlier call, if its pixels are still there."""
    try:
        values = json.loads((cache / f"{key}.json").read_bytes())
        decoded = Decoded(**{**values, "levels": Levels.from_dict(values["levels"]), "notes": tuple(values["notes"])})
    except (OSError, ValueError, TypeError, KeyError, RecursionError, DataError):
        return None
    shape = (files - len(decoded.bad), decoded.side, decoded.side, decoded.channels)
    return decoded if arrays.recall(path_of(cache, key, decoded.side), shape) is not None else None


def side_for(native: int, max_size: int) -> int:
    """The stored size: whole multiples of 8, never above `max_size`."""
    return max(8, min(-(-native // 8) * 8, max_size // 8 * 8))


def key_of(contents: Iterable[tuple[str, str]], max_size: int, max_pixels: float | None = None, fit: Fit = "squash") -> str:
    """A name for the pixels of these (path, digest) pairs, in this order."""
    digest = hashlib.blake2b(f"{VERSION} {max_size} {guard.limit(max_pixels)}\n".encode(), digest_size=12)
    if fit != "squash":
        digest.update(line_of("fit", fit))
    for path, content in contents:
        digest.update(line_of(path, content))
    return digest.hexdigest()


def line_of(*parts: object) -> bytes:
    """The input of a digest; any file name can be in it, valid Unicode or not."""
    return ("\0".join(str(part) for part in parts) + "\n").encode("utf-8", "surrogateescape")


def path_of(cache: Path, key: str, side: int) -> Path:
    """Where the pixels of a key lie at a size."""
    return cache / f"{key}-{side}.npy"
