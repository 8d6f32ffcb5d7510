"""Check names from a URL or an archive before files are written: none may lead out of its folder, and names that this system cannot store are refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

LONGEST, DEEPEST = 255, 3000  # bytes of a name, and of a path below its folder
_UNFIT = re.compile(r'[<>:"|?*\\/\x00-\x1f]')  # characters that some system does not allow in a name
_SHORT, _BYTES = 100, 200  # characters and bytes of a name that is made of a URL, without its endings
_ENDINGS = re.compile(r"(?:\.[A-Za-z0-9_-]{1,12}){1,2}$")
_WINDOWS = re.compile(r'[<>:"|?*\\]')


def leads_out(path: str) -> str:
    """The reason to leave out a file whose path leads out of its folder; "" for any other path."""
    return "its name leads out of the folder" if ".." in path.replace("\\", "/").split("/") else ""


def unusable(path: str) -> str:
    """Why no file can have this path below a folder, in a clause; "" if one can."""
    parts = path.split("/")
    if outside := leads_out(path):
        return outside
    if "" in parts or "." in parts or "\0" in path:
        return "a part of its path is empty or not a name"
    if os.name == "nt" and _WINDOWS.search(path):
        return "its name holds a character that Windows does not allow"
    try:
        lengths = [len(os.fsencode(part)) for part in parts]
    except UnicodeEncodeError:
        return "its name is not valid Unicode"
    return "its name is too long for this system" if max(lengths) > LONGEST or sum(lengths) + len(parts) > DEEPEST else ""


def twin_of(path: str, known: dict[str, str]) -> str:
    """Why a file cannot be stored beside those in `known` (keys: paths in lower case) on a disk that ignores case; "" if it can, and add it to `known`."""
    other = known.setdefault(path.casefold(), path)
    return "" if other == path else f"this disk cannot tell its name from {other}"


def above(path: str) -> Iterator[str]:
    """The folders that a path lies in."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def fit(name: str) -> str:
    """A file name for a name in a URL. A long name keeps its beginning and all its extensions: `.tar.gz` says what the file is, `.gz` does not."""
    made = _UNFIT.sub("_", name)
    ending = _ENDINGS.search(made)
    at = ending.start() if ending else len(made)
    made = f"{_shortened(made[:at])}{made[at:]}"
    return made if made.strip(". ") else "_"


def _shortened(stem: str) -> str:
    """At most `_SHORT` characters, and no more than `_BYTES` bytes: letters of other alphabets have several."""
    stem = stem[:_SHORT]
    while len(stem.encode("utf-8", "surrogatepass")) > _BYTES:
        stem = stem[:-1]
    return stem
