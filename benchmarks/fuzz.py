"""Mutated images of every format, or mutated archives, tables and lists of labels: nothing but what they hold or an error of ours may come out.

    python benchmarks/fuzz.py [images|inputs] [--count 10000] [--seed 0] [--only NUMBER] [--out fuzz-findings]

The files are made here and damaged. Of `images`, of every format and mode: bits flipped, cut, spliced, fields set to extremes,
parts repeated or zeroed. Of `inputs` mostly what they say: names that lead elsewhere, links, bombs, sizes that lie, cells of every
kind, tables of every encoding. They are read in a process of their own, as a search and `predict` read them. A finding is an
exception that is not ours, a message that is not a sentence, a result of another kind, anything printed, a file outside of the cache,
what must be refused and is read, a crash, more memory or processor time than `fuzzing/targets.py` allows, or no answer for
3 minutes. Each is kept in `--out` under its target, seed and number, which make it again (`--only`).
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

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fuzzing.targets import TARGETS

from automl_cnn.processes import environment, python

WORKER = Path(__file__).resolve().parent / "fuzzing" / "worker.py"
PATIENCE = 180.0
START = 300.0  # seconds that a new process may take to begin
EVERY = 1000  # files between two lines of progress


class Reader:
    """A process that reads files; a new one takes its place when it dies or hangs."""

    def __init__(self, target: str, seed: int) -> None:
        self.words = [target, str(seed)]
        self.process: subprocess.Popen[str] | None = None

    def answer(self, number: int) -> dict[str, Any]:
        """What reading the case of this number came to."""
        if self.process is None:
            self.process = subprocess.Popen([*python(), str(WORKER), *self.words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
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


def fuzz(numbers: Iterable[int], seed: int, out: Path | None = None, target: str = "images") -> tuple[list[dict[str, Any]], Counter[str]]:
    """The findings among these cases of a target, and how many were read and refused."""
    aim, reader = TARGETS[target], Reader(target, seed)
    limits = {"seconds": aim.seconds, "megabytes": aim.megabytes}
    findings: list[dict[str, Any]] = []
    outcomes: Counter[str] = Counter()
    most = dict.fromkeys(limits, (0.0, -1))
    try:
        for done, number in enumerate(numbers, 1):
            answer = reader.answer(number)
            for what, limit in limits.items():
                most[what] = max(most[what], (answer[what], number))
                if answer[what] > limit and not answer["problem"]:
                    answer["problem"] = f"{answer[what]:,.1f} {what}, at most {limit:,.0f} are allowed"
            outcomes["finding" if answer["problem"] else answer["outcome"]] += 1
            if answer["problem"]:
                case = aim.case(seed, number, aim.known(seed))
                findings.append({**answer, "name": case.name})
                print(f"FINDING {target}, seed {seed}, number {number} ({case.name}): {answer['problem']}", flush=True)
                if out is not None:
                    case.written(out / f"{target}-{seed}-{number}")
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
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS), default="images", help="what is mutated (default: images)")
    parser.add_argument("--count", type=int, help=f"how many cases (default: {', '.join(f'{aim.count} {name}' for name, aim in TARGETS.items())})")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other files (default: 0)")
    parser.add_argument("--only", type=int, help="this number alone")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"), help="where findings are kept (default: fuzz-findings)")
    options = parser.parse_args()
    if not os.path.exists("/proc/self/clear_refs"):
        print("This needs Linux: the peak of memory is read from /proc.")
        return 2
    numbers = [options.only] if options.only is not None else range(options.count or TARGETS[options.target].count)
    findings, outcomes = fuzz(numbers, options.seed, options.out, options.target)
    print(f"{sum(outcomes.values()):,} {options.target}, seed {options.seed}: {outcomes['read']:,} read, {outcomes['refused']:,} refused with a reason.")
    print(f"{len(findings)} findings; the files are in {options.out}." if findings else "No finding.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
