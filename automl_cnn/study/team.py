"""The workers of a search: how many, what each is given, and what the user should know of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import psutil

from automl_cnn import backend, processes
from automl_cnn.config import StudyConfig
from automl_cnn.store import StudyFolder
from automl_cnn.study.running.crew import Crew, Slot
from automl_cnn.study.running.executors.gpus import gpus
from automl_cnn.study.running.executors.process import WorkerProcess
from automl_cnn.study.running.executors.protocol import Executor
from automl_cnn.study.running.executors.shares import EACH, Share, part, shares, short_of_memory
from automl_cnn.workers import Place

SMALL = 64  # px: a network for smaller images keeps few cores busy
MOST = 4  # workers that are chosen without being asked for
ROOMY = 2.0  # times the memory that a worker needs at least


class Team(Protocol):
    """Who trains. `part` is the part of the machine's cores that each worker has; `notes` are for the user, once the images turned out to be usable."""

    @property
    def part(self) -> float: ...

    @property
    def notes(self) -> Sequence[str]: ...

    def crew(self, folder: StudyFolder, local: Callable[..., Executor], side: Callable[[], int | None] = lambda: None) -> Crew:
        """The workers, which begin to start. `local` makes an executor on this machine; `side` gives the usual shorter side of the images in px."""

    def close(self) -> None:
        """Leave nothing behind. Called after the crew was closed."""


@contextlib.contextmanager
def team_of(config: StudyConfig, note: Callable[[str], None], *, alone: bool = False) -> Iterator[Team]:
    """The team that the settings ask for; one worker on this machine where networks are trained `alone`, one by one.

    Raises:
        ConfigError: this machine has too few cores or GPUs, or the cluster cannot be joined.
    """
    if config.executor == "ray" and not alone:
        from automl_cnn.study.nodes import OnCluster

        team: Team = OnCluster(config, note)
    else:
        if config.executor == "ray":
            note("executor = ray counts for a search: here, networks are trained one by one, on this machine.")
        team = OnThisMachine(config, note, alone=alone)
    try:
        yield team
    finally:
        team.close()


class OnThisMachine:
    """Workers that share the cores or the GPUs of this machine.

    Raises:
        ConfigError: it has too few for them.
    """

    def __init__(self, config: StudyConfig, note: Callable[[str], None], *, alone: bool = False) -> None:
        self._config, self._alone = config, alone
        self.notes: list[str] = []
        self._shares = () if config.workers == "auto" else shares_of(config, note, alone=alone)

    @property
    def part(self) -> float:
        return part(self._shares)

    def crew(self, folder: StudyFolder, local: Callable[..., Executor], side: Callable[[], int | None] = lambda: None) -> Crew:
        self._shares = self._shares or shares_of(self._config, self.notes.append, alone=self._alone, side=side)
        return crew_of(self._shares, folder, local)

    def close(self) -> None: ...


def shares_of(config: StudyConfig, note: Callable[[str], None], *, alone: bool = False, side: Callable[[], int | None] = lambda: None) -> tuple[Share, ...]:
    """What each worker is given; one worker with everything where networks are trained `alone`, one by one.

    `side` gives that of the images in px, if it is known; it is asked where `auto` depends on it.

    Raises:
        ConfigError: this machine has too few cores or GPUs for them.
    """
    if alone or config.workers == 1:
        if config.workers not in (1, "auto"):
            note(f"workers = {config.workers} counts for a search alone: here, one network is trained at a time.")
        return shares(1, (), ())
    cores, devices = processes.core_numbers(), gpus(backend.require())
    several = 1 if devices or config.workers != "auto" else worth_sharing(config, side, len(cores), int(psutil.virtual_memory().available))
    if several > 1:
        note(
            f"{several} workers share the {len(cores)} cores: networks for images of {side()} px gain little from more cores, so more of them are tried. "
            "With --workers 1, the same seed gives the same trials."
        )
    given = shares(several if several > 1 else config.workers, cores, devices)
    short = short_of_memory(len(given), int(psutil.virtual_memory().available))
    if short:
        note(short)
    if len(given) > 1 and (config.max_latency is not None or "latency" in (config.objectives or ())):
        note("A network is timed only while no other is trained, so that the workers wait for each other: latency is what it would be on an idle machine.")
    return given


def worth_sharing(config: StudyConfig, side: Callable[[], int | None], cores: int, free: int) -> int:
    """How many workers `auto` takes on a machine without GPUs: several where time is limited, the images are small, and `free` bytes of memory allow it.

    `benchmarks/results/workers_two.csv` has two workers against one: better on images of 32 px, no better on photos.
    """
    timed = config.max_latency is not None or "latency" in (config.objectives or ())
    if config.budget is None or timed or (px := side()) is None or px > SMALL:
        return 1
    return max(1, min(cores, MOST, int(free / (ROOMY * EACH))))


def crew_of(given: tuple[Share, ...], folder: StudyFolder, local: Callable[..., Executor]) -> Crew:
    """The workers, whose processes begin to start. `local` makes an executor of a log, and of what begins a process."""
    if len(given) == 1:
        return Crew([Slot(local(folder.log))])

    def made(name: str, share: Share, **more: Any) -> Executor:
        return local(folder.log.with_name(name), partial(WorkerProcess, share=share), **more)

    each, beside = part(given), len(given) - 1
    slots = [
        Slot(made(folder.log.name if number == 1 else f"worker-{number}.log", share, beside=beside), Place(number, part=each))
        for number, share in enumerate(given, start=1)
    ]
    whole = None if each == 1 else lambda: Slot(made("worker-all.log", Share()))
    return Crew(slots, whole)
