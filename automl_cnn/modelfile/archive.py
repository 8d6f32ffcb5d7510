"""Reading a `.keras` file (a zip archive) from a stranger: nothing is unpacked that is larger than a model plausibly is."""

from __future__ import annotations

import zipfile
from pathlib import Path

from automl_cnn.errors import StoreError
from automl_cnn.quantities import bytes_

MOST = {"automl_cnn.json": 16_000_000, "config.json": 64_000_000, "metadata.json": 1_000_000}  # bytes, unpacked
MEMBERS = 10_000
RATIO = 20  # weights are stored as they are; other tools may pack them
ALLOWANCE = 64_000_000  # bytes, for small files of mostly zeros
CHUNK = 1 << 20


def member(path: Path, name: str) -> bytes:
    """One file of an archive.

    Raises:
        KeyError: it is not in the archive.
        StoreError: it is too large.
        OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError: the archive cannot be read.
    """
    most = MOST[name]
    with zipfile.ZipFile(path) as archive:
        declared = archive.getinfo(name).file_size
        if declared > most:
            raise _too_large(path, name, declared, most)
        content = bytearray()
        with archive.open(name) as file:
            while block := file.read(CHUNK):
                content += block
                if len(content) > most:  # the directory of the archive need not be right
                    raise _too_large(path, name, len(content), most)
    return bytes(content)


def require_plausible(path: Path) -> None:
    """Refuse an archive that unpacks to far more than it is, before anybody unpacks it.

    Raises:
        StoreError: it does, or it is not an archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        size = path.stat().st_size
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise StoreError(f"The model file {path} cannot be read: {error}. It may be damaged or half copied: copy it again, or search again.") from None
    if len(members) > MEMBERS:
        raise StoreError(f"The model file {path} holds {len(members):,} parts; expected a .keras file with a few. It is not used.")
    for info in members:
        if info.file_size > MOST.get(info.filename, info.file_size):
            raise _too_large(path, info.filename, info.file_size, MOST[info.filename])
    total = sum(info.file_size for info in members)
    if total > RATIO * size + ALLOWANCE:
        raise StoreError(f"The model file {path} has {bytes_(size)} and would unpack to {bytes_(total)}: no model compresses that well. It was not used.")


def _too_large(path: Path, name: str, size: int, most: int) -> StoreError:
    return StoreError(f"The part '{name}' of the model file {path} unpacks to {bytes_(size)}, expected at most {bytes_(most)}. It is not used.")
