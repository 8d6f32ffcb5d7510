"""Trials that sleep instead of training: what an executor is to the search, at no cost to the machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from automl_cnn.records import Epoch, Event, Finished, Job, NetCost, Progress, Started, State
from automl_cnn.study.running.cluster.agent import Agent
from automl_cnn.study.running.cluster.terms import Terms

EPOCHS = 3


class Sleeper:
    """An executor whose trials take `seconds`, and nothing of the machine. Where it was configured, each leaves a small checkpoint."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._stopped, self._folder = seconds, False, ""

    def configure(self, setting: Any) -> None:
        self._folder = setting.checkpoints

    def wait(self, seconds: float) -> bool:
        return True

    def run(self, job: Job, number: int, patience: Callable[[], float] | None = None) -> Iterator[Event]:
        self._stopped = False
        yield Started(NetCost(1000, 1_000_000, 5), EPOCHS)
        score = 0.9 - abs(float(job.configuration["rate"]) - 0.01)
        for epoch in range(1, EPOCHS + 1):
            time.sleep(self.seconds / EPOCHS)
            yield Progress(epoch, EPOCHS, 1, 1)
            yield Epoch(epoch, EPOCHS, epoch * self.seconds / EPOCHS, 1.0, 0.5, 1.0, 0.5, score, 0.01)
            if self._stopped:
                break
        if self._folder:
            Path(self._folder, f"trial-{number:04d}.keras").write_bytes(b"no network")
        yield Finished(State.STOPPED if self._stopped else State.COMPLETE, score, EPOCHS, self.seconds, interval=(score - 0.05, score + 0.05))

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None: ...


class SleepingAgent(Agent):
    """An agent on a node whose trials sleep. How long, the study's name in its terms says: `sleep-4.0`."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms, executor=lambda log, begin: Sleeper(float(terms.study.rpartition("-")[2])))
