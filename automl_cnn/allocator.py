"""Keep freed memory in our processes.

A training step allocates and frees the same tens of megabytes again and again. The C library of most Linux systems (glibc) hands such blocks back to
the system each time, which then clears each of their pages before the next step. That took a quarter to a half of the time of small networks.
"""

from __future__ import annotations

import ctypes
import os

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, ARENA_MAX = -1, -2, -3, -8  # as in glibc's malloc.h
SETTINGS = {
    ARENA_MAX: 1,  # the other arenas cannot hold blocks of over 64 MB
    MMAP_THRESHOLD: 2**30,  # bytes from which a block comes from the system and goes back to it
    TRIM_THRESHOLD: 2**31 - 1,  # bytes at the top of the heap from which they are given back
    TOP_PAD: 2**28,  # bytes that the heap grows by
}
VARIABLES = ("MALLOC_", "GLIBC_TUNABLES")  # the user's own settings


def keep_freed_memory() -> bool:
    """Let this process keep what it frees; whether that was possible.

    Elsewhere than on glibc, or where the user's environment has settings of its own, nothing is changed. Call it before anything large is allocated, and only
    in a process of ours: its memory stays at the highest that it ever was.
    """
    if any(name.startswith(VARIABLES) for name in os.environ):
        return False
    try:
        library = ctypes.CDLL(None)
        if not hasattr(library, "gnu_get_libc_version"):
            return False
        return all(library.mallopt(name, value) == 1 for name, value in SETTINGS.items())
    except (OSError, AttributeError, TypeError):  # TypeError: CDLL(None) on Windows
        return False
