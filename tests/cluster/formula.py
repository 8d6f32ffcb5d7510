"""Trials on a node that sleep: what the nodes of a test's cluster run in place of networks."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

from automl_cnn.records import Epoch, Finished, NetCost, Started, State
from automl_cnn.study.running.cluster.agent import Agent

EPOCHS = 4


class Sleeper:
    """An executor whose trials take 2 s and leave what passes for a model file."""

    def __init__(self, log, begin=None) -> None:
        self.setting, self.stopped = None, False

    def wait(self, seconds) -> bool:
        return True

    def configure(self, setting) -> None:
        self.setting = setting

    def run(self, job, number, patience=None):
        self.stopped = False
        yield Started(NetCost(1000, 1_000_000, 5), EPOCHS)
        score = 0.5 + 0.01 * (number % 7)
        for epoch in range(1, EPOCHS + 1):
            time.sleep(0.5)
            yield Epoch(epoch, EPOCHS, epoch / 2, 1.0, 0.5, 1.0, 0.5, score, 0.1)
            if self.stopped:
                break
        with zipfile.ZipFile(Path(self.setting.checkpoints) / f"trial-{number:04d}.keras", "w") as archive:
            archive.writestr("config.json", f'{{"trial": {number}}}')
        state = State.STOPPED if self.stopped else State.COMPLETE
        yield Finished(state, score, epoch, epoch / 2, setup=0.1, images_per_second=500.0, interval=(score - 0.05, score + 0.05))

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None: ...


class SleepingAgent(Agent):
    """An agent of this kind."""

    def __init__(self, terms) -> None:
        super().__init__(terms, executor=Sleeper)
