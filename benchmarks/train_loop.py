"""What a trial costs beside a bare `model.fit`, and whether the worker's memory grows.

    python benchmarks/train_loop.py [--rounds 3] [--trials 20]

Both train the same network on the same images in the same process, by turns; the bare fit has them
in memory, the trial reads them through the memory-mapped cache, sets the rate at every step, watches
the clock and reports. Then the same training with its batches read by Keras' own means and by ours, and in
a worker that keeps the memory it frees and in one that does not. Ratios of one run; the absolute
figures depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import deque
from pathlib import Path

import keras
import numpy as np
import psutil

from automl_cnn import registry
from automl_cnn.data import Dataset, pixels, prepare_arrays
from automl_cnn.data.batches import Batches
from automl_cnn.models.build import from_configuration
from automl_cnn.records import Fidelity, Finished, Job
from automl_cnn.study.running.executors.local import LocalExecutor
from automl_cnn.study.running.executors.protocol import Setting
from automl_cnn.train import TrialSpec, train
from automl_cnn.train.feed import feed

NETWORKS = {
    "vgg": {"architecture": "vgg", "resolution": 32, "width": 0.25},
    "resnet": {"architecture": "resnet", "resolution": 64, "width": 0.25},
    "mobilenet_v2": {"architecture": "mobilenet_v2", "resolution": 64, "width": 0.5},
}
BATCH = 32
EPOCHS = 3


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--trials", type=int, default=20)
    options.add_argument("--images", type=int, default=640)
    chosen = options.parse_args()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (chosen.images, 64, 64, 3), dtype=np.uint8)
    labels = np.arange(chosen.images) % 5
    plugins = registry.load()
    with tempfile.TemporaryDirectory() as folder:
        dataset = prepare_arrays(images, labels, Path(folder))
        print(f"{'network':<14}{'bare fit':>12}{'trial':>12}{'ratio':>8}{'augmented':>12}{'ratio':>8}   (training images/s, medians of {chosen.rounds})")
        for name, network in NETWORKS.items():
            runs = [
                (bare(network, dataset, plugins), trial(network, dataset, plugins, folder), trial(network, dataset, plugins, folder, augment=True))
                for _ in range(chosen.rounds)
            ]
            base, plain, augmented = (statistics.median(column) for column in zip(*runs, strict=True))
            ratios = [statistics.median(run[column] / run[0] for run in runs) for column in (1, 2)]
            print(f"{name:<14}{base:>12.0f}{plain:>12.0f}{ratios[0]:>8.2f}{augmented:>12.0f}{ratios[1]:>8.2f}", flush=True)
        feeding(dataset, plugins, chosen.rounds)
        freed(dataset, folder, chosen.rounds)
        memory(dataset, folder, chosen.trials)


def feeding(dataset: Dataset, plugins, rounds: int) -> None:
    """A whole `fit` of some epochs of seconds each, as Keras would read the batches, and as we have it read them."""
    model = from_configuration({"architecture": "efficientnet_lite", "resolution": 64, "width": 0.5}, plugins, classes=len(dataset.classes), channels=3, seed=0)
    model.compile(optimizer="adam", loss="categorical_crossentropy", jit_compile=False)

    def seconds(fed: bool) -> float:
        batches = Batches(pixels(dataset, 64), dataset.rows("train"), dataset.truth, dataset.task, BATCH, seed=0, shuffle=True)
        began = time.perf_counter()
        model.fit(**(feed(batches) if fed else {"x": batches}), epochs=EPOCHS, shuffle=False, verbose=0)
        return time.perf_counter() - began

    seconds(fed=True)  # compiles
    runs = [(seconds(fed=False), seconds(fed=True)) for _ in range(rounds)]
    left, ours = (sum(column) for column in zip(*runs, strict=True))
    each = ", ".join(f"{theirs / mine:.2f}" for theirs, mine in runs)
    print(f"read as Keras does, {EPOCHS} epochs take {left / ours:.2f} times as long as read by one reader ({each})", flush=True)


def bare(network: dict, dataset, plugins) -> float:
    """Images a second of `model.fit` on arrays in memory, the first (compiling) epoch left out."""
    model = from_configuration(network, plugins, classes=len(dataset.classes), channels=dataset.channels, seed=0)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3, global_clipnorm=5.0),
        loss="categorical_crossentropy",
        weighted_metrics=[keras.metrics.CategoricalAccuracy()],
        jit_compile=False,
    )
    rows = dataset.rows("train")
    x = np.array(pixels(dataset, network["resolution"])[rows])
    y = np.eye(len(dataset.classes), dtype="float32")[dataset.labels[rows]]
    model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    began = time.perf_counter()
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS - 1, verbose=0)
    speed = len(rows) * (EPOCHS - 1) / (time.perf_counter() - began)
    keras.backend.clear_session()
    return speed


def trial(network: dict, dataset, plugins, folder: str, *, augment: bool = False) -> float:
    """Images a second of a trial, waiting for batches included, scoring left out."""
    configuration = {**network, "depth": 1.0, "batch_size": BATCH, "optimizer": "adam", "regularizer.augment": augment}
    spec = TrialSpec(0, configuration, Fidelity(EPOCHS), "accuracy", "auto", 0, f"{folder}/x.keras")
    return train(spec, dataset, plugins, lambda event: True).images_per_second or 0.0


def memory(dataset: Dataset, folder: str, trials: int) -> None:
    """The resident memory of a worker process after each of several trials, of different networks by turns; each network is compared with itself."""
    executor = LocalExecutor(Path(folder) / "worker.log")
    try:
        manifest = Path(folder) / "dataset.json"
        dataset.save(manifest)
        executor.configure(Setting(str(manifest), "accuracy", "auto", 0, None, folder))
        sizes: dict[str, list[float]] = {name: [] for name in NETWORKS}
        for number in range(trials):
            name = list(NETWORKS)[number % len(NETWORKS)]
            network = {**NETWORKS[name], "resolution": 32, "width": 0.25, "depth": 1.0, "batch_size": BATCH, "optimizer": "adam"}
            last = deque(executor.run(Job({**network, "regularizer.augment": number % 2 == 0}, Fidelity(1), "measured"), number), maxlen=1)
            if not isinstance(last[0], Finished) or last[0].failure:
                raise SystemExit(f"trial {number} failed: {last[0]}")
            worker = max(psutil.Process().children(), key=lambda child: child.memory_info().rss)
            sizes[name].append(worker.memory_info().rss / 2**20)
            print(f"memory of the worker after trial {number + 1:>3} ({name}): {sizes[name][-1]:.0f} MiB", flush=True)
    finally:
        executor.close()
    for name, seen in sizes.items():
        half = seen[len(seen) // 2 :]
        if len(half) > 1:
            print(f"{name:<14}{(half[-1] - half[0]) / (len(half) - 1):+8.1f} MiB from one of its trials to the next, over the second half")


def freed(dataset: Dataset, folder: str, rounds: int) -> None:
    """Images a second of a trial in a worker that keeps the memory it frees, and in one that leaves this to the C library."""
    manifest = Path(folder) / "dataset.json"
    dataset.save(manifest)
    for name, network in NETWORKS.items():
        job = Job({**network, "depth": 1.0, "batch_size": BATCH, "optimizer": "adam"}, Fidelity(EPOCHS), "measured")
        ratios = []
        for _ in range(rounds):
            kept, left = (_speed(job, manifest, folder, variables) for variables in ({}, {"MALLOC_ARENA_MAX": "0"}))  # 0 is the C library's own setting
            ratios.append(kept / left)
        each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{name:<14}{statistics.median(ratios):>8.2f} times the images a second where freed memory is kept ({each})", flush=True)


def _speed(job: Job, manifest: Path, folder: str, variables: dict[str, str]) -> float:
    before = dict(os.environ)
    os.environ.update(variables)
    executor = LocalExecutor(Path(folder) / "worker.log")
    try:
        executor.configure(Setting(str(manifest), "accuracy", "auto", 0, None, folder))
        last = deque(executor.run(job, 0), maxlen=1)[0]
        if not isinstance(last, Finished) or not last.images_per_second:
            raise SystemExit(f"the trial failed: {last}")
        return last.images_per_second
    finally:
        executor.close()
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    main()
