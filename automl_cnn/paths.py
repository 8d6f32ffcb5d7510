"""Paths as text that every file, database and locale can hold, and back.

written(Path("photos"))             # 'photos'
written(Path("/caf\\udce9"))         # 'file:///caf%E9': bytes that are not UTF-8 fit into no other text
read("file:///caf%E9")              # the path again
read("https://example.org/a.jpg")   # ValueError: download it first
location("s3://bucket/photos")      # a Url: images may lie there
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes
from urllib.request import url2pathname

from automl_cnn import urls
from automl_cnn.text import inline
from automl_cnn.urls import Url

_SHOWN = 200  # characters of a path in a message
WRAPPERS = frozenset({
    *("async_wrapper", "asyncwrapper", "asynclocal", "blockcache", "cached", "dask", "data", "dir", "filecache", "generic", "gist", "git", "github"),
    *("jlab", "jupyter", "libarchive", "pyscript", "reference", "simplecache", "tar", "zip"),
})  # fmt: skip  # what fsspec has besides places where files lie


def read(given: object) -> Path:
    """The path that a user, a flag or a TOML file names.

    Raises:
        ValueError: it is not text, holds a NUL character, or is an address on the web.
    """
    if not isinstance(given, (str, os.PathLike)) or isinstance(os.fspath(given), bytes):
        raise ValueError("expected a path")
    text = str(given)
    if "\0" in text:
        raise ValueError("a path cannot hold a NUL character")
    if text.lower().startswith("file:/"):
        return _of_uri(text)
    if why := address(text):
        raise ValueError(why)
    return local(Path(text))


def address(path: str | Path) -> str | None:
    """Why `path` cannot be read, in a sentence, where it is an address on the web or in a cloud (`https://…`, `s3://…`); else None."""
    url = urls.parse(path)
    return f"{url} is an address, not a path on this computer. Download it first, then pass the path of the file or folder" if url else None


def location(given: object) -> Path | Url:
    """Where a user says that images are: a path, or a URL.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(given, Url):
        return given
    if not isinstance(given, (str, os.PathLike)) or str(given).lower().startswith("file:/"):
        return read(given)
    if (chained := re.match(r"([\w+.-]+)::", str(given))) and "://" in str(given):
        raise ValueError(f"'{chained[1]}::' before a URL is not read: pass the URL of the folder, archive or table alone")
    url = urls.parse(given)
    if url is None or "\0" in url.text:
        return read(given)
    if url.scheme in WRAPPERS:
        raise ValueError(f"'{url.scheme}://' is not a source of images: pass the URL of the folder, archive or table itself, as in s3://bucket/photos.zip")
    return url


def stored(place: Path | Url) -> str:
    """A place of images as files and databases keep it: a URL, or a path in full."""
    return written(place if isinstance(place, Url) else Path(os.path.realpath(place)))


def named(place: Path | Url) -> str:
    """The last name of a place of images."""
    return place.name if isinstance(place, Url) else os.path.basename(os.path.realpath(place))


def unusable(path: str | Path) -> str | None:
    """Why `path` cannot be a file or folder, in a clause that begins with it, where it is too long, loops or holds a NUL; else None."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except (OSError, ValueError) as error:
        return f"{shortened(path)} cannot be used: {because(error)}"
    return None


def because(error: OSError | ValueError) -> str:
    """Why a path cannot be used, in a clause."""
    if isinstance(error, ValueError):
        return "a path cannot hold a NUL character or a lone surrogate"
    reasons = {errno.ELOOP: "the link leads to itself", errno.ENAMETOOLONG: "it is too long a path for this system"}
    return reasons.get(error.errno or 0, error.strerror or str(error))


def shortened(path: str | Path) -> str:
    """A path for a message, cut where it is very long."""
    text = inline(str(path))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"


def written(path: Path | Url) -> str:
    """`path` as valid Unicode, the same in every locale: as it is, or as a file: address where its bytes are not UTF-8. `read` takes both.

    A URL is written without its credentials.
    """
    if isinstance(path, Url):
        return path.text
    if os.name == "nt":
        return str(path)
    try:
        return os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return Path(os.path.realpath(path)).as_uri()
    except UnicodeEncodeError:
        return str(path)


def local(path: Path) -> Path:
    """`path` as this process can open it: where the locale knows ASCII only, other letters stand as their bytes in UTF-8."""
    try:
        os.fsencode(path)
        return path
    except UnicodeEncodeError:
        return Path(os.fsdecode(str(path).encode("utf-8", "surrogateescape")))


def _of_uri(text: str) -> Path:
    rest = text[len("file:") :]
    plain = "/" + rest.removeprefix("//localhost").lstrip("/")
    if os.name == "nt":
        return Path(url2pathname(plain))
    return Path(os.fsdecode(unquote_to_bytes(plain)))
