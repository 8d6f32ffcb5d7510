"""The workers of a search: how many, what each is given, and what the user should know of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
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
from automl_cnn.study.running.executors.shares import Share, part, shares, short_of_memory
from automl_cnn.workers import Place


class Team(Protocol):
    """Who trains. `part` is the part of the machine's cores that each worker has."""

    @property
    def part(self) -> float: ...

    def crew(self, folder: StudyFolder, local: Callable[..., Executor]) -> Crew:
        """The workers, which begin to start. `local` makes an executor on this machine."""

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
        team = OnThisMachine(shares_of(config, note, alone=alone))
    try:
        yield team
    finally:
        team.close()


class OnThisMachine:
    """Workers that share the cores or the GPUs of this machine."""

    def __init__(self, shares: tuple[Share, ...]) -> None:
        self.shares = shares

    @property
    def part(self) -> float:
        return part(self.shares)

    def crew(self, folder: StudyFolder, local: Callable[..., Executor]) -> Crew:
        return crew_of(self.shares, folder, local)

    def close(self) -> None: ...


def shares_of(config: StudyConfig, note: Callable[[str], None], *, alone: bool = False) -> tuple[Share, ...]:
    """What each worker is given; one worker with everything where networks are trained `alone`, one by one.

    Raises:
        ConfigError: this machine has too few cores or GPUs for them.
    """
    if alone or config.workers == 1:
        if config.workers not in (1, "auto"):
            note(f"workers = {config.workers} counts for a search alone: here, one network is trained at a time.")
        return shares(1, (), ())
    given = shares(config.workers, processes.core_numbers(), gpus(backend.require()))
    short = short_of_memory(len(given), int(psutil.virtual_memory().available))
    if short:
        note(short)
    if len(given) > 1 and (config.max_latency is not None or "latency" in (config.objectives or ())):
        note("A network is timed only while no other is trained, so that the workers wait for each other: latency is what it would be on an idle machine.")
    return given


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
