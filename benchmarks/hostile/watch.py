"""One command under limits of time and memory, and what is looked at in every one of them."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "AUTOML_CNN_HOSTILE"  # in the environment of everything that a case starts, so that what stays behind is found
POLL = 0.1
LARGEST_FILE = 8 * 2**30
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SHOWN = 600  # characters of output in a finding


class Finding(Exception):
    """What is wrong, in a sentence."""


@dataclass(frozen=True)
class Ended:
    """A command that ended, or was ended. The texts may hold surrogates, where the tool wrote bytes that are not valid UTF-8."""

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float
    why: str  # it could not end by itself, or left something; empty where all is well

    def tail(self) -> str:
        """The end of what it wrote, for a finding."""
        return f"\n  stdout: {self.out[-SHOWN:]!r}\n  stderr: {self.err[-SHOWN:]!r}"


def run(command: Sequence[str | bytes | Path], *, seconds: float, megabytes: float, cwd: Path, env: Mapping[str, str], stdin: bytes | None) -> Ended:
    """Run a command to its end, or until it takes too long or too much memory; then all of its processes are gone."""
    mark = uuid.uuid4().hex
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin or b"")
        given.seek(0)
        began = time.monotonic()
        process = subprocess.Popen(list(command), stdin=given, stdout=out, stderr=err, cwd=cwd, env={**env, MARK: mark}, start_new_session=True)
        _limit(process.pid)
        peak, why = 0.0, ""
        while process.poll() is None:
            peak = max(peak, _held(process.pid))
            taken = time.monotonic() - began
            if taken > seconds:
                why = f"no end after {taken:.0f} s"
            elif peak > megabytes:
                why = f"{peak:.0f} MB of memory after {taken:.0f} s, expected at most {megabytes:.0f}"
            if why:
                break
            time.sleep(POLL)
        taken = time.monotonic() - began
        left = _end(process, mark)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(50_000_000).decode("utf-8", "surrogateescape"))
    if left and not why:
        why = f"it left processes behind: {', '.join(left)}"
    return Ended(process.returncode, texts[0], texts[1], taken, peak, why)


def clean(ended: Ended, *, raw: bool = False) -> None:
    """What holds of every command. `raw`: its standard output is data, in which names of files are what they are.

    Raises:
        Finding: it did not end well, printed a traceback or control characters, or asks to report a defect.
    """
    if ended.why:
        raise Finding(f"{ended.why}.{ended.tail()}")
    for name, text in (("stdout", ended.out), ("stderr", ended.err)):
        if "Traceback (most recent call last)" in text or "Traceback (innermost" in text:
            raise Finding(f"a traceback on {name}.{ended.tail()}")
        if "report this defect" in text.lower():
            raise Finding(f"{name} asks to report a defect.{ended.tail()}")
        match = CONTROL.search(text)
        if match and not (raw and name == "stdout"):
            raise Finding(f"{name} has the control character {match.group()!r} at {text[max(0, match.start() - 40) : match.end() + 20]!r}.")


def _limit(pid: int) -> None:
    with contextlib.suppress(OSError):  # it has ended already
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


def _held(pid: int) -> float:
    """Megabytes that a process and its children hold."""
    total = 0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total / 1e6


def _end(process: subprocess.Popen[bytes], mark: str) -> list[str]:
    """End what still runs of a command, and name what should have ended by itself: everything, where the command did."""
    by_itself = process.poll() is not None
    if not by_itself:
        process.kill()
    process.wait()
    left = []
    for other in _marked(mark):
        with contextlib.suppress(psutil.Error):
            if by_itself:
                psutil.wait_procs([other], timeout=10)
                if not other.is_running() or other.status() == psutil.STATUS_ZOMBIE:
                    continue
                left.append(" ".join(other.cmdline())[:100] or other.name())
            other.send_signal(signal.SIGKILL)
    return left


def _marked(mark: str) -> list[psutil.Process]:
    processes = []
    for other in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if other.pid != os.getpid() and other.environ().get(MARK) == mark:
                processes.append(other)
    return processes
