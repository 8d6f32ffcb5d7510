"""Where the decoded images of a saved data set lie, also after its store was moved or copied.

The description lies in `STORE/studies/NAME/`, the images in `STORE/cache/`. So the description names them relative to
itself, and descriptions that name an absolute place, as earlier versions wrote, look into their own store first.
"""

from __future__ import annotations

import os
from pathlib import Path

CACHE = "cache"


def kept_array(array: str, description: Path) -> str:
    """How the file `description` names the decoded images: relative to itself if both are in one store, else as they are."""
    own = _own(description)
    return os.path.relpath(own / Path(array).name, description.absolute().parent) if _same(Path(array).parent, own) else array


def found_array(array: str, description: Path) -> str:
    """Where the decoded images that the file `description` names are now. An absolute path, which need not exist."""
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
