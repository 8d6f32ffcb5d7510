"""Reads mutated images one after the other, as a search and `predict` do, and answers with what each cost.

Started by `benchmarks/fuzz.py`, which writes numbers to its standard input and reads a JSON line for each.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from automl_cnn.data.decode import read_image
from automl_cnn.data.decoded import look
from automl_cnn.errors import DataError
from fuzzing.images import images
from fuzzing.mutations import mutated

ADDRESS_SPACE = 6 * 2**30  # bytes; an end to what goes wrong
SIZES = (4, 32, 96, 224)
LONGEST = 500  # characters of a reason


def content_of(seed: int, number: int, known: dict[str, bytes]) -> tuple[str, bytes]:
    """The mutated image of this number, and the name of what it was."""
    rng = np.random.default_rng([seed, number])
    names = sorted(known)
    name, other = names[number % len(names)], names[int(rng.integers(len(names)))]
    return name, mutated(rng, known[name], known[other])


def read(path: Path, number: int) -> tuple[str, str]:
    """(`problem`, `outcome`) of reading one file: an empty problem is none."""
    size, channels = SIZES[number % len(SIZES)], (1, 3)[number % 2]
    try:
        probe = look(path)
        reason = probe.reason
        if not reason:
            pixels, _ = read_image(path, size, channels)
            if pixels.dtype != np.uint8 or pixels.shape != (size, size, channels):
                return f"the result is {pixels.dtype} {pixels.shape}", ""
            return "", "read"
    except DataError as error:
        reason = str(error)
    except BaseException as error:
        return f"{type(error).__name__}: {error}", ""
    if "\n" in reason or len(reason) > LONGEST or not reason.isprintable():
        return f"the reason is no sentence: {reason!r}", ""
    return "", "refused"


def peak() -> int:
    """The most memory used since `reset`, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def reset() -> None:
    """Count the peak from now on."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def main(seed: int) -> None:
    """Answer numbers until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    answers = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)  # whatever a library prints is a finding
        known = images(np.random.default_rng(seed))
        path = Path(folder) / "image.img"
        answers.write("ready\n")
        answers.flush()
        for line in sys.stdin:
            number = int(line)
            name, content = content_of(seed, number, known)
            path.write_bytes(content)
            reset()
            before, started = peak(), time.process_time()
            problem, outcome = read(path, number)
            seconds = time.process_time() - started
            sys.stdout.flush()
            words = os.pread(printed.fileno(), 300, 0)
            os.ftruncate(printed.fileno(), 0)
            os.lseek(printed.fileno(), 0, os.SEEK_SET)
            if words and not problem:
                problem = f"something was printed: {words.decode('utf-8', 'replace')!r}"
            answer = {"number": number, "name": name, "problem": problem, "outcome": outcome, "seconds": seconds, "megabytes": (peak() - before) / 1e6}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
