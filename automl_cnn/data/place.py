"""Locate the decoded images of a saved data set, also after its store was moved or copied.

The description is in `STORE/studies/NAME/`, the images in `STORE/cache/`. The description names them by a path relative to
itself. Earlier versions wrote absolute paths; for these, the description's own store is searched first.
"""

from __future__ import annotations

import os
from pathlib import Path

CACHE = "cache"


def kept_array(array: str, description: Path) -> str:
    """The path of the decoded images to write into the file `description`: relative to it if both are in one store, else unchanged."""
    own = _own(description)
    return os.path.relpath(own / Path(array).name, description.absolute().parent) if _same(Path(array).parent, own) else array


def located_array(array: str, description: Path) -> str:
    """The current path of the decoded images that the file `description` names. It is absolute and need not exist."""
    place = os.path.normpath(description.absolute().parent / array)
    own = _own(description) / Path(array).name
    return str(own) if own.is_file() else place


def _own(description: Path) -> Path:
    """The folder of decoded images in the store that a description lies in."""
    return Path(os.path.normpath(description.absolute().parent / ".." / ".." / CACHE))


def _same(folder: Path, other: Path) -> bool:
    try:
        return folder.samefile(other)
    except OSError:
        return False
