"""How the search scales with workers: trials that sleep, so that neither cores nor networks limit it.

    python benchmarks/workers.py --workers 1,2,4,8,16 --rounds 10 --sleep 4 --out workers.json

The loop, the planner, the record and the threads are those of a search; an executor sleeps in place of training. For each number of workers:
trials in a second, in times of what one worker does, and the CPU seconds and the growth of memory of the process that coordinates them, for 1,000
trials. Each epoch is written to the disk before anything else happens: with trials of a second, a slow disk limits sixteen workers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from automl_cnn.records import Epoch, Event, Finished, Job, NetCost, Progress, Started, State, Trial
from automl_cnn.space import Choice, Float, Parameter, Space
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.optuna import OptunaEngine
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.crew import Crew, Slot
from automl_cnn.study.running.loop import Loop
from automl_cnn.study.running.usage import Usage
from automl_cnn.track import NullTracker
from automl_cnn.workers import Place

SPACE = Space(
    (
        Parameter("architecture", Choice("a", "b")),
        Parameter("resolution", Choice(32, 64)),
        Parameter("width", Choice(0.5, 1.0, default=1.0)),
        Parameter("rate", Float(1e-4, 1e-1, log=True)),
    )
)
EPOCHS = 3


@dataclass(frozen=True)
class Row:
    """One number of workers: `trials` in `seconds`, in times of one worker's; the coordinator's CPU seconds and growth in MB for 1,000 trials."""

    workers: int
    trials: int
    seconds: float
    speed_up: float
    cpu_seconds: float
    megabytes: float


class Sleeper:
    """An executor whose trials take `seconds`, and nothing of the machine."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._stopped = seconds, False

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
        yield Finished(State.STOPPED if self._stopped else State.COMPLETE, score, EPOCHS, self.seconds, interval=(score - 0.05, score + 0.05))

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None: ...


def searched(executors: list[Sleeper], trials: int, sampler: str = "random") -> tuple[tuple[Trial, ...], float, float, float]:
    """The `trials`, the seconds until the last had ended, and the CPU seconds and bytes of memory that coordinating them took."""
    crew = Crew([Slot(executor, Place(number)) for number, executor in enumerate(executors, start=1)])  # type: ignore[arg-type]  # what a trial needs of it
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        record, began = Record(Path(folder) / "journal", "s"), time.monotonic()
        loop = Loop(
            record,
            Planner(Sizing(SPACE, lambda configuration: NetCost(1000, 1_000_000, 5), 100), OptunaEngine(SPACE, 0, sampler, "none"), EPOCHS),
            crew,
            NullTracker(),
            NullObserver(),
            lambda: Budget(None, 0.0, trials),
            lambda known: None,
            "session",
            began,
            usage=Usage(len(executors)),
        )
        before, held = process.cpu_times(), process.memory_info().rss
        loop.run()
        after = process.cpu_times()
        cpu = after.user + after.system - before.user - before.system
        return record.trials, time.monotonic() - began, cpu, float(process.memory_info().rss - held)


def main(words: list[str] | None = None) -> list[Row]:
    """Run the benchmark, and print and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", default="1,2,4,8,16", help="numbers of workers, the first one to compare with")
    parser.add_argument("--rounds", type=int, default=10, help="trials of each worker")
    parser.add_argument("--sleep", type=float, default=1.0, help="seconds of a trial")
    parser.add_argument("--out", type=Path, help="a JSON file")
    given = parser.parse_args(words)
    rows: list[Row] = []
    for workers in map(int, given.workers.split(",")):
        trials, seconds, cpu, memory = searched([Sleeper(given.sleep) for _ in range(workers)], given.rounds * workers)
        count = len(trials)
        speed_up = count / seconds * rows[0].seconds * rows[0].workers / rows[0].trials if rows else float(workers)
        rows.append(Row(workers, count, round(seconds, 2), round(speed_up, 2), round(1000 * cpu / count, 2), round(1000 * memory / count / 1e6, 1)))
        print(f"{workers:3d} workers: {count:5d} trials, {rows[-1].speed_up:.2f} times one; for 1,000 trials {rows[-1].cpu_seconds:.1f} s CPU")
    if given.out is not None:
        given.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return rows


if __name__ == "__main__":
    main()
