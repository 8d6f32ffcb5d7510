"""What a dead worker printed last, without what TensorFlow prints at every start."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

MOST = 65_536  # bytes of the log that are looked at
GREETINGS = re.compile(
    r"[IW]\d{4} \d\d:\d\d:\d\d"  # absl's lines of level information or warning: `I0000 00:00:1760000000.000000 123 port.cc:153] oneDNN ...`
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] "  # the same from TensorFlow's own logger
    r"|WARNING: All log messages before absl::InitializeLog"
    r"|(WARNING|INFO):absl:"
    r"|To enable the following instructions: "
    r"|INFO: Created TensorFlow Lite "
    r"|.*Unable to register cu\w+ factory"  # where there is no GPU
    r"|.*failed call to cuInit|.*Could not find cuda drivers|.*Skipping registering GPU devices"
)


def last_words(log: Path, start: int = 0) -> str:
    """The last line of the log after byte `start` that says something, cut to 200 characters; "" where there is none."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(start, file.seek(0, 2) - MOST))
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
        spoken = [line for line in lines if line and not GREETINGS.match(line)]
        fatal = [line for line in spoken if line.startswith("Fatal Python error")]  # a long dump follows that line
        return (fatal or spoken or [""])[-1][:200]
    return ""
