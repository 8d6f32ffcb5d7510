"""Examine and decode the files of a folder. Files that change in between are examined again: pixels and digests always belong together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from automl_cnn.data import arrays
from automl_cnn.data.decoded import ChangedError, Decoded, Probe, decode, key_of, look, recall
from automl_cnn.data.fit import Fit
from automl_cnn.data.passes import Report
from automl_cnn.data.scan import Scan
from automl_cnn.errors import DataError
from automl_cnn.paths import shortened

ROUNDS = 5
CHANGED = Probe("changed", reason="the file changed while it was read")  # not the digest of any file: the file is read again the next time


def read(
    scanned: Scan,
    cache: Path,
    *,
    max_size: int,
    limit_bytes: int,
    report: Report,
    max_pixels: float | None = None,
    fit: Fit = "squash",
    known: Sequence[Probe] = (),
) -> tuple[list[Probe], str, Decoded]:
    """The probes of all files, the key of their pixels in `cache`, and what decoding them showed.

    A file that changes twice is left out. `known` are the probes of an earlier call; the files are then not examined again.

    Raises:
        DataError: no file can be used, or more and more files change.
        StoreError: `cache` cannot be written.
    """
    paths = [path for path, _, _ in scanned.files]
    probes = list(known)
    for result in arrays.in_threads(partial(look, max_pixels=max_pixels), [] if known else [scanned.folder / path for path in paths]):
        probes.append(result)
        report(len(probes), 2 * len(paths))
    changed: set[str] = set()
    for _ in range(ROUNDS):
        key = key_of(((path, probe.digest) for path, probe in zip(paths, probes, strict=True)), max_size, max_pixels, fit)
        decoded = recall(cache, key, len(probes))
        try:
            if decoded is None:
                decoded = decode(
                    scanned, probes, cache=cache, key=key, max_size=max_size, limit_bytes=limit_bytes, report=report, max_pixels=max_pixels, fit=fit
                )
            return probes, key, decoded
        except ChangedError as error:
            again = set(error.paths)
            for row, path in enumerate(paths):
                if path in again:
                    probes[row] = CHANGED if path in changed else look(scanned.folder / path, max_pixels)
            changed |= again
    raise DataError(
        f"{len(changed):,} files in {scanned.shown} changed while they were read, such as '{shortened(min(changed))}'. Wait until nothing writes there, "
        "and try again."
    )
