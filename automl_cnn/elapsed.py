"""The clock for budgets: it counts elapsed seconds, also when the date and time of the machine are changed.

The wall clock (`time.time`) is for what people read, such as when a trial began.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

now = time.monotonic  # seconds since a moment that means nothing
LATEST = 600.0  # seconds: a process that appears older than this had its start time read wrongly


def process_start() -> float:
    """When this process began, as a reading of `now`. Where the system does not say, the time of the call."""
    age = _age_by_boot()
    if age is None:
        age = _age_by_wall()
    return now() - (age if 0.0 <= age <= LATEST else 0.0)


def _age_by_boot(status: Path = Path("/proc/self/stat")) -> float | None:
    """Seconds since this process began, from clocks that count from the start of the machine; None where there are none."""
    try:
        begun = int(status.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - begun
    except (OSError, AttributeError, ValueError, IndexError):  # not Linux
        return None


def _age_by_wall() -> float:
    import psutil

    return float(time.time() - psutil.Process().create_time())
