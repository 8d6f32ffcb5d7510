"""The cells of a table as text: paths that stay within a folder, labels and the like that are text or numbers."""

from __future__ import annotations

import contextlib
import numbers
import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from automl_cnn import urls
from automl_cnn.errors import DataError
from automl_cnn.paths import shortened
from automl_cnn.text import readable
from automl_cnn.urls import Url

_LONGEST = {"path": 4096, "group": 4096}  # characters
_LONG = 255
_DRIVE = re.compile(r"[A-Za-z]:")
_NO_PARTS = frozenset({"", ".", ".."})
_MISSING = frozenset({"NAType", "NaTType"})  # pandas' own


def text_of(value: Any, role: str) -> str:
    """A cell as text, "" where it is empty, None or not a number.

    Raises:
        DataError: it is neither text nor a number, or far too long; a clause.
    """
    if role == "path" and isinstance(value, Mapping) and isinstance(value.get("path"), str):  # Hugging Face's images that lie beside the table
        value = value["path"]
    text = value.strip() if isinstance(value, str) else _plain(value, role)
    most = _LONGEST.get(role, _LONG)
    if len(text) > most:
        raise DataError(f"the {role} has {len(text):,} characters, expected at most {most:,}")
    return text if text.isascii() or role == "path" else readable(text)  # a file's name may be other bytes than UTF-8


def _plain(value: Any, role: str) -> str:
    if value is None or type(value).__name__ in _MISSING:
        return ""
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, numbers.Number):
        return _number(value)
    if isinstance(value, date):
        return str(value)
    if isinstance(value, bytes):  # of tables that do not say that it is text
        with contextlib.suppress(UnicodeDecodeError):
            return value.decode().strip()
    raise DataError(f"the {role} is of the type {type(value).__name__}, expected text or a number")


def _number(value: Any) -> str:
    if value != value:  # noqa: PLR0124  # NaN
        return ""
    real = float(value) if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral) else 0.5
    return str(int(real)) if real.is_integer() else str(value)


def path_within(given: str, base: Path, above: str = "") -> str:
    """The path of a row, relative to the folder `base`. If `base` is a copy of the URL `above`, a row may have the whole URL of an image below it.

    Raises:
        DataError: there is none, or it leads out of the folder; a clause.
    """
    url = urls.parse(given) if ":" in given else None
    if url is not None:
        given = _below(url, base, above)
    if _is_plain(given):
        return given
    if not given:
        raise DataError(f"the path is missing: expected that of an image, relative to {base}")
    shown = shortened(given)
    if "\0" in given or not _can_be(given):
        raise DataError(f"'{shown}' is not a path: a path cannot hold a NUL character or a lone surrogate")
    path, own = PurePosixPath(given.replace("\\", "/")), Path(given)
    if path.is_absolute() or own.is_absolute():
        try:
            path = PurePosixPath(own.relative_to(base.absolute()).as_posix())
        except ValueError:
            raise DataError(f"'{shown}' lies outside of {base}. {_ABOVE}") from None
    if ".." in path.parts or _DRIVE.match(str(path)):
        raise DataError(f"'{shown}' leads out of the folder {base}. {_ABOVE}")
    return path.as_posix()


_ABOVE = "Put the table above the images, with paths relative to its folder"


def _below(url: Url, base: Path, above: str) -> str:
    """The path of an image at a URL, relative to the URL `above`.

    Raises:
        DataError: it lies elsewhere; a clause.
    """
    if above and url.text.startswith(f"{above}/"):
        return url.text.removeprefix(f"{above}/")
    if above:
        raise DataError(
            f"{url} lies outside of {above}, the folder of the table. Expected an image below that folder: its path from there, or its whole URL. "
            "Copy the images to below the table, or put the table above them"
        )
    raise DataError(
        f"{url} is a URL. In a table on this computer, expected the path of an image below {base}. Download the images to there, or put the table above the "
        "images at their URL and pass its URL"
    )


def _is_plain(path: str) -> bool:
    """Whether a path is clearly within the folder: a fast check that suffices for most tables."""
    return path.isascii() and not ("\\" in path or ":" in path or "\0" in path) and _NO_PARTS.isdisjoint(path.split("/"))


def _can_be(path: str) -> bool:
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
