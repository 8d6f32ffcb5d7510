"""Keep the image libraries from writing to the user's terminal: their messages name no file, ours do.

libtiff prints to standard error. Its messages are captured instead, because a file that it complains about is damaged,
even if it can be decoded. Pillow's warnings and log entries repeat its exceptions or do not matter here.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PATTERN = r"PIL\."
_caught = threading.local()
_setting = threading.Lock()
_kept: list[Any] = []  # the handler, which must live as long as the process


@contextmanager
def listening() -> Iterator[list[str]]:
    """A list that collects libtiff's messages in this thread within the block; nothing reaches standard error."""
    _handler()
    _ignore_warnings()
    outer = getattr(_caught, "lines", None)
    lines: list[str] = []
    _caught.lines = lines
    try:
        yield lines
    finally:
        _caught.lines = outer


def _ignore_warnings() -> None:
    """Ignore Pillow's warnings. `warnings.catch_warnings` is not used, because other threads would undo it."""
    if not any(entry[0] == "ignore" and getattr(entry[3], "pattern", None) == _PATTERN for entry in warnings.filters):
        warnings.filterwarnings("ignore", module=_PATTERN)


def _handler() -> Any:
    """The handler of libtiff's errors, set by the first call; None where libtiff cannot be reached."""
    with _setting:  # a handler that two threads set at once would be freed by one of them, and called all the same
        if not _kept:
            logging.getLogger("PIL").addHandler(logging.NullHandler())
            _kept.append(_set())
        return _kept[0]


def _set() -> Any:
    try:
        from PIL import _imaging

        library = ctypes.CDLL(_imaging.__file__)
        setter = library.TIFFSetErrorHandler
    except (ImportError, OSError, AttributeError):  # linked into Pillow, as on Windows, or left out of it
        return None

    @ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
    def handle(module: bytes | None, text: bytes | None, values: int | None) -> None:
        lines = getattr(_caught, "lines", None)
        if lines is not None and len(lines) < 100:
            lines.append((text or b"").decode("ascii", "replace"))

    setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
    setter(ctypes.cast(handle, ctypes.c_void_p))
    atexit.register(setter, None)  # Python cannot be called any more after that
    return handle
