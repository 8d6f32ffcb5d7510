"""Whether a folder of very many tiny images can be checked: time, memory, and the longest pause of the progress display.

    python benchmarks/many_files.py [--count 200000] [--folder FOLDER] [--quick]

The images are 32 px JPEG files of ten classes, generated once and kept with `--folder`. The check runs in a process of its own: its peak of memory is that
of this process, and a pause is the longest time in which what is shown does not change. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES, SIDE, BLOCK = 10, 32, 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="where the images are, or are to be kept")
    parser.add_argument("--quick", action="store_true", help="without a network")
    parser.add_argument("--measure", nargs=2, type=Path, metavar=("FOLDER", "CACHE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(*options.measure, quick=options.quick)))
        return
    with tempfile.TemporaryDirectory() as work:
        folder = options.folder or Path(work) / "images"
        if not folder.exists():
            generate(folder, options.count)
        command = [sys.executable, __file__, "--measure", str(folder), str(Path(work) / "cache"), *(["--quick"] if options.quick else [])]
        answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    print(f"{answer['images']:,} images checked in {answer['seconds']:.0f} s, at most {answer['megabytes']:,.0f} MB")
    paused = max(answer["pauses"], key=answer["pauses"].get)
    print(f"longest pause of the progress display: {answer['pauses'][paused]:.1f} s, in '{paused}'")
    for what, seconds in answer["steps"].items():
        print(f"  {what:36} {seconds:6.1f} s, its numbers stand still for at most {answer['pauses'][what]:.1f} s")
    print("not checked:", *answer["unchecked"] or ["nothing"], sep="\n  ")


def generate(folder: Path, count: int) -> None:
    """Write that many different JPEG files in ten folders."""
    for number in range(CLASSES):
        (folder / f"class{number}").mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        list(pool.map(_some, [(folder, start, min(start + BLOCK, count)) for start in range(0, count, BLOCK)]))


def _some(work: tuple[Path, int, int]) -> None:
    folder, start, end = work
    draw = np.random.default_rng(start)
    for number in range(start, end):
        coarse = draw.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        coarse[number % CLASSES % 4, number % CLASSES // 4] = 255
        picture = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        picture.save(folder / f"class{number % CLASSES}" / f"{draw.integers(1 << 60):015x}.jpg", quality=85)


def measured(folder: Path, cache: Path, *, quick: bool) -> dict[str, object]:
    """Check the folder, and measure it."""
    from automl_cnn import registry
    from automl_cnn.check import check

    began = last = time.monotonic()
    doing, steps, pauses = "start", {}, {}
    shown: tuple[str, int] = ("", 0)

    def report(what: str, done: int, of: int) -> None:
        nonlocal last, doing, shown
        if (what, done) == shown:
            return
        now, shown = time.monotonic(), (what, done)
        steps[doing] = steps.get(doing, 0.0) + now - last
        pauses[doing] = max(pauses.get(doing, 0.0), now - last)
        last, doing = now, what.partition(",")[0]

    checked = check(folder, cache, None if quick else registry.load(), report=report)
    report("end", 1, 1)
    return {
        "images": checked.facts["images"],
        "seconds": time.monotonic() - began,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "steps": steps,
        "pauses": pauses,
        "unchecked": checked.unchecked,
        "cores": len(os.sched_getaffinity(0)),
    }


if __name__ == "__main__":
    main()
