"""A process under a deadline: the memory of its tree, and every model that it keeps as its best so far."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

TICK = 1.0  # seconds between two looks
GRACE = 30.0  # seconds after the deadline at which a tool is ended
PATIENCE = 10.0  # seconds between asking a process to end and ending it


@dataclass(frozen=True)
class Snapshot:
    """A best model so far, and the seconds after the start at which it was complete."""

    path: Path
    seconds: float


@dataclass(frozen=True)
class Watched:
    """What was seen of a run."""

    seconds: float
    peak_memory: int  # bytes; pages that two processes share count twice
    snapshots: tuple[Snapshot, ...]
    code: int
    ended: bool  # by us, after the deadline


def watch(
    command: Sequence[str], *, folder: Path, model: Path, keep: Path, seconds: float, environment: Mapping[str, str], log: Path, started: float
) -> Watched:
    """Run `command` in `folder` until it ends, or `GRACE` seconds after the deadline, and keep each version of `model` in `keep`."""
    snapshots: list[Snapshot] = []
    tree: set[psutil.Process] = set()
    peak, ended = 0, False
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                peak = max(peak, _memory(process.pid, tree))
                _keep(model, keep, snapshots, started)
                if time.time() - started > seconds + GRACE:
                    ended = True
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(TICK)
            if ended:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE)
        finally:
            _end(tree)
            process.kill()
            process.wait()
    used = time.time() - started
    _keep(model, keep, snapshots, started)
    return Watched(used, peak, tuple(snapshots), process.returncode, ended)


def at(snapshots: Sequence[Snapshot], seconds: float) -> Snapshot | None:
    """The best model there was after that number of seconds."""
    return max((snapshot for snapshot in snapshots if snapshot.seconds <= seconds), key=lambda snapshot: snapshot.seconds, default=None)


def marks(budget: int) -> list[int]:
    """The seconds at which accuracy is measured: every minute, and the end of the budget."""
    return [min(60 * minute, budget) for minute in range(1, -(-budget // 60) + 1)]


def cores() -> int:
    """The processor cores that this process, and what it starts, may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def disk(folder: Path) -> int:
    """Bytes of all files in a folder; a file with several names counts once."""
    sizes = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it may go while one looks
            known = path.lstat()
            if not path.is_dir():
                sizes[known.st_dev, known.st_ino] = known.st_size
    return sum(sizes.values())


def _memory(root: int, tree: set[psutil.Process]) -> int:
    """Resident bytes of a process and all below it, which are added to `tree`."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(root)
        for process in (top, *top.children(recursive=True)):
            tree.add(process)
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total


def _keep(model: Path, keep: Path, snapshots: list[Snapshot], started: float) -> None:
    """A second name for the model, if it is a new one: tools put it in place in one step, so that its content stays."""
    with contextlib.suppress(FileNotFoundError):
        when = model.stat().st_mtime - started
        if snapshots and snapshots[-1].seconds >= when:
            return
        path = keep / f"{len(snapshots):04d}{model.suffix}"
        try:
            os.link(model, path)
        except OSError:
            shutil.copy2(model, path)
        snapshots.append(Snapshot(path, path.stat().st_mtime - started))


def _end(tree: set[psutil.Process]) -> None:
    """End what the run left behind; psutil knows a process from a later one of the same number."""
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
