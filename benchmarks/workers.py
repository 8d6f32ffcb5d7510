"""How the search scales with workers: trials that sleep, so that neither cores nor networks limit it.

    python benchmarks/workers.py --workers 1,2,4,8,16 --rounds 10 --sleep 4 --out workers.json
    python benchmarks/workers.py --workers 1,2,4,8,16 --rounds 10 --sleep 4 --executor ray
    python benchmarks/workers.py --workers 16 --rounds 125 --sleep 0.1                          # memory over 2,000 trials

The loop, the planner, the record and the threads are those of a search; an executor sleeps in place of training. For each number of workers:
trials in a second, in times of what one worker does, and the CPU seconds and the growth of memory of the process that coordinates them, for 1,000
trials. Each epoch is written to the disk before anything else happens: with trials of a second, a slow disk limits sixteen workers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from sleeping import EPOCHS, Sleeper, SleepingAgent

from automl_cnn import __version__
from automl_cnn.records import NetCost, Trial
from automl_cnn.space import Choice, Float, Parameter, Space
from automl_cnn.study.nodes import Briefs
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.optuna import OptunaEngine
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.cluster.exchange import exchange_of
from automl_cnn.study.running.cluster.link import Cluster
from automl_cnn.study.running.cluster.remote import RemoteExecutor
from automl_cnn.study.running.cluster.terms import Needs, Terms
from automl_cnn.study.running.crew import Crew, Slot
from automl_cnn.study.running.executors.protocol import Setting
from automl_cnn.study.running.loop import Loop
from automl_cnn.study.running.usage import Usage
from automl_cnn.track import NullTracker
from automl_cnn.workers import Place

STARTED = "Ray runtime started."
SPACE = Space(
    (
        Parameter("architecture", Choice("a", "b")),
        Parameter("resolution", Choice(32, 64)),
        Parameter("width", Choice(0.5, 1.0, default=1.0)),
        Parameter("rate", Float(1e-4, 1e-1, log=True)),
    )
)


@dataclass(frozen=True)
class Row:
    """One number of workers: `trials` in `seconds`, in times of one worker's; the coordinator's CPU seconds and growth in MB for 1,000 trials.

    `held` is the coordinator's memory in MB after each tenth of the trials.
    """

    executor: str
    workers: int
    trials: int
    seconds: float
    speed_up: float
    cpu_seconds: float
    megabytes: float
    held: list[float]


@contextlib.contextmanager
def asleep(workers: int, seconds: float) -> Iterator[Crew]:
    """Workers of this process whose trials sleep."""
    yield Crew([Slot(Sleeper(seconds), Place(number)) for number in range(1, workers + 1)])


@contextlib.contextmanager
def on_ray(workers: int, seconds: float) -> Iterator[Crew]:
    """The same on a Ray cluster of one node, which is started and ended here. The crew is given when every worker has its place."""
    with tempfile.TemporaryDirectory() as place, started(workers, Path(place)) as address:
        folder = Path(place)
        exchange, study = exchange_of(str(folder / "exchange")), f"sleep-{seconds}"
        for file, text in (("probe", "here"), ("images-8.npy", "none"), ("dataset.json", json.dumps({"array": str(folder / "images-8.npy")}))):
            (folder / file).write_text(text)
        exchange.put(folder / "probe", f"{study}/probe")
        terms = Terms(study, str(folder / "exchange"), f"{study}/probe", 4, "elsewhere", __version__, 1)
        with contextlib.closing(Cluster(address, folder / "cluster.log")) as cluster:
            cluster.nodes()
            made = [RemoteExecutor(cluster, Needs(), terms, exchange=exchange, briefed=Briefs(exchange, study), agent=SleepingAgent) for _ in range(workers)]
            (folder / "trials").mkdir()
            for executor in made:
                executor.configure(Setting(str(folder / "dataset.json"), "accuracy", "off", 0, None, str(folder / "trials")))
                if not executor.wait(120):
                    raise TimeoutError("a worker has no place after 120 s")
            crew = Crew([Slot(executor, Place(number, executor.node)) for number, executor in enumerate(made, start=1)], home=Sleeper(0))  # type: ignore[arg-type]  # nothing else is asked of it
            with contextlib.closing(crew):
                yield crew


@contextlib.contextmanager
def started(cpus: int, folder: Path) -> Iterator[str]:
    """A Ray cluster of this machine alone that counts `cpus` CPUs; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [f"--port={port}", f"--num-cpus={cpus}", "--object-store-memory=100000000", "--include-dashboard=false", "--disable-usage-stats", "--block"]
    ray = Path(sys.executable).with_name("ray")
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    os.environ["PYTHONPATH"] = paths.rstrip(os.pathsep)  # the agents' module, for the cluster and for the process that holds its driver
    environment = {**os.environ, "AUTOML_CNN_NODE_CACHE": str(folder / "node")}
    with (folder / "ray.log").open("wb") as log:
        head = subprocess.Popen([str(ray), "start", "--head", *words], stdout=log, stderr=log, env=environment)
    try:
        until = time.monotonic() + 60
        while STARTED not in (folder / "ray.log").read_text(errors="replace"):
            if head.poll() is not None or time.monotonic() > until:
                raise TimeoutError(f"ray start: {(folder / 'ray.log').read_text(errors='replace')[-500:]}")
            time.sleep(0.1)
        text = (folder / "ray.log").read_text(errors="replace")
        yield f"{text.partition('Local node IP: ')[2].split()[0]}:{port}"
    finally:
        head.send_signal(signal.SIGTERM)
        head.wait(60)


def searched(crew: Crew, trials: int, sampler: str = "random") -> tuple[tuple[Trial, ...], float, float, list[float]]:
    """The `trials`, the seconds until the last had ended, the CPU seconds that coordinating them took, and the bytes of memory held after each tenth.

    The process that holds Ray's driver counts as a part of coordinating.
    """
    processes = [psutil.Process(), *filter(_holds_driver, psutil.Process().children())]
    held: list[float] = []
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
            usage=Usage(len(crew.slots)),
        )

        def look(known: object) -> None:
            if loop.usage.trials * 10 // trials > len(held):
                held.append(float(sum(process.memory_info().rss for process in processes)))

        loop.shelve = look
        before = _cpu(processes)
        loop.run()
        return record.trials, time.monotonic() - began, _cpu(processes) - before, held


def _holds_driver(process: psutil.Process) -> bool:
    """Whether a process is the one of a cluster's driver."""
    try:
        return any("cluster.broker" in word for word in process.cmdline())
    except psutil.Error:  # it has ended
        return False


def _cpu(processes: list[psutil.Process]) -> float:
    """CPU seconds of several processes so far."""
    times = [process.cpu_times() for process in processes]
    return float(sum(one.user + one.system for one in times))


def main(words: list[str] | None = None) -> list[Row]:
    """Run the benchmark, and print and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", default="1,2,4,8,16", help="numbers of workers, the first one to compare with")
    parser.add_argument("--rounds", type=int, default=10, help="trials of each worker")
    parser.add_argument("--sleep", type=float, default=1.0, help="seconds of a trial")
    parser.add_argument("--executor", choices=("local", "ray"), default="local", help="where the workers are; ray: a cluster of one node, started here")
    parser.add_argument("--out", type=Path, help="a JSON file")
    given = parser.parse_args(words)
    rows: list[Row] = []
    place = {"local": asleep, "ray": on_ray}[given.executor]
    for workers in map(int, given.workers.split(",")):
        with place(workers, given.sleep) as crew:
            trials, seconds, cpu, held = searched(crew, given.rounds * workers)
        count = len(trials)
        speed_up = count / seconds * rows[0].seconds * rows[0].workers / rows[0].trials if rows else float(workers)
        growth = (held[-1] - held[0]) / max(1, count - count // 10) if held else 0.0
        figures = (round(seconds, 2), round(speed_up, 2), round(1000 * cpu / count, 2), round(1000 * growth / 1e6, 1))
        rows.append(Row(given.executor, workers, count, *figures, [round(one / 1e6, 1) for one in held]))
        print(
            f"{workers:3d} workers: {count:5d} trials, {rows[-1].speed_up:.2f} times one; for 1,000 trials {rows[-1].cpu_seconds:.1f} s CPU "
            f"and {rows[-1].megabytes:+.1f} MB"
        )
    if given.out is not None:
        given.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return rows


if __name__ == "__main__":
    main()
