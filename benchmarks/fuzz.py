"""Mutated images of every format, read as a search and `predict` read them: nothing but an array or a `DataError` may come out.

    python benchmarks/fuzz.py [--count 10000] [--seed 0] [--only NUMBER] [--out fuzz-findings]

The images are made here, of every format and mode, and damaged: bits flipped, cut, spliced, fields set to extremes, parts
repeated or zeroed. They are read in a process of their own. A finding is an exception other than `DataError`, a reason that is
no sentence, an array of another kind, anything printed, a crash, more than 1.2 GB of memory, more than 10 s of processor time,
or no answer for 3 minutes. Each is kept in `--out` under its seed and number, which make it again (`--only`).
Exits with 1 where there is one. Linux only, since it measures the peak of memory for each file.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fuzzing.images import images
from fuzzing.worker import content_of

from automl_cnn.processes import environment, python

WORKER = Path(__file__).resolve().parent / "fuzzing" / "worker.py"
MEGABYTES = 1200.0
SECONDS = 10.0
PATIENCE = 180.0
START = 300.0  # seconds that a new process may take to begin
EVERY = 1000  # files between two lines of progress


class Reader:
    """A process that reads images; a new one takes its place when it dies or hangs."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.process: subprocess.Popen[str] | None = None

    def answer(self, number: int) -> dict[str, Any]:
        """What reading this image came to."""
        if self.process is None:
            self.process = subprocess.Popen(
                [*python(), str(WORKER), str(self.seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
            )
            self._line(START)
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        line = self._line(PATIENCE)
        if line:
            return dict(json.loads(line))
        process = self.process
        self.close()
        problem = f"no answer for {PATIENCE:.0f} s" if line is None else f"the process ended: {_ending(process.returncode)}"
        return {"number": number, "problem": problem, "outcome": "", "seconds": 0.0, "megabytes": 0.0}

    def _line(self, seconds: float) -> str | None:
        """The next line of the process; "" where it ended, None where nothing came in time."""
        out = self.process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            return out.readline() if selector.select(seconds) else None

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.stdin.close()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


def fuzz(numbers: Iterable[int], seed: int, out: Path | None = None) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The findings among these images, and how many were read and refused."""
    known, reader = images(np.random.default_rng(seed)), Reader(seed)
    findings: list[dict[str, Any]] = []
    outcomes: Counter[str] = Counter()
    most = {"seconds": (0.0, -1), "megabytes": (0.0, -1)}
    try:
        for done, number in enumerate(numbers, 1):
            answer = reader.answer(number)
            for what, limit in (("seconds", SECONDS), ("megabytes", MEGABYTES)):
                most[what] = max(most[what], (answer[what], number))
                if answer[what] > limit and not answer["problem"]:
                    answer["problem"] = f"{answer[what]:,.1f} {what}, at most {limit:,.0f} are allowed"
            outcomes["finding" if answer["problem"] else answer["outcome"]] += 1
            if answer["problem"]:
                name, content = content_of(seed, number, known)
                findings.append({**answer, "name": name})
                print(f"FINDING seed {seed}, number {number} ({name}): {answer['problem']}", flush=True)
                if out is not None:
                    out.mkdir(parents=True, exist_ok=True)
                    (out / f"{seed}-{number}.img").write_bytes(content)
            if done % EVERY == 0:
                print(f"{done:,} files: {dict(outcomes)}; most {most}", file=sys.stderr, flush=True)
    finally:
        reader.close()
    return findings, outcomes


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="how many files (default: 10000)")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other files (default: 0)")
    parser.add_argument("--only", type=int, help="this number alone")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"), help="where findings are kept (default: fuzz-findings)")
    options = parser.parse_args()
    if not os.path.exists("/proc/self/clear_refs"):
        print("This needs Linux: the peak of memory is read from /proc.")
        return 2
    findings, outcomes = fuzz([options.only] if options.only is not None else range(options.count), options.seed, options.out)
    print(f"{sum(outcomes.values()):,} files, seed {options.seed}: {outcomes['read']:,} read, {outcomes['refused']:,} refused with a reason.")
    print(f"{len(findings)} findings; the files are in {options.out}." if findings else "No finding.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
