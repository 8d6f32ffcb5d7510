"""When a worker has grown so large that it is better replaced: libraries, plugins and fragmented memory leave something behind with every trial."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

SHARE = 0.25  # of the memory there is
GROWTH = 512 * 2**20  # bytes beyond what it held after its first trial: restarting a worker that is large from the start would not make it smaller
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container, version 2 and 1


def outgrown(first: int | None, now: int | None, total: int) -> bool:
    """Whether a worker that held `first` bytes after its first trial and holds `now` should give way, of `total` there are; None: not known."""
    return first is not None and now is not None and now > SHARE * total and now - first > GROWTH


def held(pid: int) -> int | None:
    """Bytes of memory that a process alone holds: resident, without the files it only maps. None where it is gone."""
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return None
    return int(memory.rss - getattr(memory, "shared", 0))


def total(limits: tuple[str, ...] = LIMITS) -> int:
    """Bytes of memory that the worker may use: the machine's, or its container's."""
    allowed = int(psutil.virtual_memory().total)
    for file in limits:
        with contextlib.suppress(OSError, ValueError):  # no such file; "max"
            allowed = min(allowed, int(Path(file).read_text(encoding="ascii")))
    return allowed
