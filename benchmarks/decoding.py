"""How fast a folder of photos becomes pixels: this project's reader, a plain Pillow loop, and Keras' `image_dataset_from_directory`.

    python benchmarks/decoding.py FOLDER [--size 224] [--rounds 5] [--no-keras]

Each reads every file once per round, in turns, with a cold cache of its own (the files are in the system's memory for all). This project's reader also lists
the folder, hashes every file, reads its header and writes the pixels to disk. Printed are the medians, and how many times faster it is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from automl_cnn.data import read, scan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-keras", action="store_true", help="without Keras")
    options = parser.parse_args()
    ways: dict[str, Callable[[Path, int], int]] = {"automl-cnn": ours, "plain Pillow": pillow}
    if not options.no_keras:
        ways["keras.utils.image_dataset_from_directory"] = with_keras()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(options.rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            images = way(options.folder, options.size)
            if number:  # the first round brings the files into memory
                seconds[name].append(time.perf_counter() - began)
            elif name != "automl-cnn":
                print(f"{name}: {images:,} images")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    mine = seconds["automl-cnn"]
    for name, taken in seconds.items():
        ratios = [other / own for other, own in zip(taken, mine, strict=True)]
        print(f"{name:44} {statistics.median(taken):6.2f} s   {statistics.median(ratios):5.2f} times ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"{cores} cores, {options.rounds} rounds, {options.size} px")


def ours(folder: Path, size: int) -> int:
    """Read as a search does, into an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        return len(read(scan(folder), Path(cache), max_size=size).good)


def pillow(folder: Path, size: int) -> int:
    """Open, convert and resize, one file after the other."""
    done = 0
    for path in sorted(folder.rglob("*.*")):
        try:
            with Image.open(path) as image:
                np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))
        except OSError:
            continue
        done += 1
    return done


def with_keras() -> Callable[[Path, int], int]:
    """Keras' reader, with its defaults. It may read nested folders of classes only, so that each split is read in turn."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    def read_all(folder: Path, size: int) -> int:
        splits = [part for part in sorted(folder.iterdir()) if part.is_dir() and any(inner.is_dir() for inner in part.iterdir())] or [folder]
        done = 0
        for part in splits:
            for images, _ in keras.utils.image_dataset_from_directory(part, image_size=(size, size), shuffle=False, verbose=False):
                done += len(images)
        return done

    return read_all


if __name__ == "__main__":
    main()
