"""Reads mutated files one after the other, as a search and `predict` do, and answers with what each cost.

Started by `benchmarks/fuzz.py`, which writes numbers to its standard input and reads a JSON line for each.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fuzzing.targets import TARGETS

ADDRESS_SPACE = 6 * 2**30  # bytes; an end to what goes wrong


def peak() -> int:
    """The most memory used since `reset`, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def reset() -> None:
    """Count the peak from now on."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def main(name: str, seed: int) -> None:
    """Answer numbers until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    answers, target = os.fdopen(os.dup(1), "w"), TARGETS[name]
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)  # whatever a library prints is a finding
        known, folder = target.known(seed), Path(root) / "case"
        answers.write("ready\n")
        answers.flush()
        for line in sys.stdin:
            number = int(line)
            case = target.case(seed, number, known)
            folder.mkdir()
            path = case.written(folder)
            reset()
            before, started = peak(), time.process_time()
            problem, outcome = target.read(path, case, number)
            seconds = time.process_time() - started
            shutil.rmtree(folder)
            sys.stdout.flush()
            words = os.pread(printed.fileno(), 300, 0)
            os.ftruncate(printed.fileno(), 0)
            os.lseek(printed.fileno(), 0, os.SEEK_SET)
            if words and not problem:
                problem = f"something was printed: {words.decode('utf-8', 'replace')!r}"
            cost = {"seconds": seconds, "megabytes": (peak() - before) / 1e6}
            answers.write(json.dumps({"number": number, "name": case.name, "problem": problem, "outcome": outcome, **cost}) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
