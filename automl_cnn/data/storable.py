"""Names from elsewhere as names of files here: none leads out of its folder, and what this system cannot store is left out with the reason."""

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
    """The reason to leave a file out whose path leads to a folder above; "" where it does not."""
    return "its name leads out of the folder" if ".." in path.replace("\\", "/").split("/") else ""


def unusable(path: str) -> str:
    """Why a file cannot lie at this path below a folder, in a clause; "" where it can."""
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
    """Why a file cannot lie beside those in `known`, by path in small letters, where a disk ignores case; "" where it can. It joins them."""
    other = known.setdefault(path.casefold(), path)
    return "" if other == path else f"this disk cannot tell its name from {other}"


def above(path: str) -> Iterator[str]:
    """The folders that a path lies in."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def fit(name: str) -> str:
    """A name of a URL as that of a folder or file. Of a long one the beginning and the endings are kept: `.tar.gz` says what it is, `.gz` does not."""
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
