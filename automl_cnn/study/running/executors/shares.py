"""What each of several workers on one machine is given: its part of the cores, or a GPU of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from automl_cnn.errors import ConfigError
from automl_cnn.study.running.executors.gpus import VISIBLE

GB = 2**30
EACH = 1.2 * GB  # bytes that a worker with TensorFlow and a small network holds
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True)
class Share:
    """The `cores` that a worker may use (empty: all), and its GPU (None: it takes what there is).

    `threads` is how many it computes with where somebody else chose its cores or GPU, such as a cluster; None: one for each core.
    """

    cores: tuple[int, ...] = ()
    gpu: str | None = None
    threads: int | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that its process is started with."""
        count = self.threads or len(self.cores)
        threads = {name: str(count) for name in THREADS} if count else {}
        growth = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if self.gpu is not None or self.threads else {}
        return {**threads, **growth, **({VISIBLE: self.gpu} if self.gpu is not None else {})}

    def hold(self, pid: int) -> None:
        """Keep a process, which has no threads yet, on its cores. Where the system knows no such thing, its number of threads is limited alone."""
        if self.cores and hasattr(os, "sched_setaffinity"):
            try:
                os.sched_setaffinity(pid, self.cores)
            except OSError:  # it is gone already, or a container took a core away
                return


WHOLE = Share()


def shares(workers: int | Literal["auto"], cores: Sequence[int], gpus: Sequence[str]) -> tuple[Share, ...]:
    """A share for each of `workers` workers; auto: one for each GPU, else one. A single worker has all there is.

    Raises:
        ConfigError: there are more workers than GPUs or, where there is no GPU, than cores.
    """
    count = max(1, min(len(gpus), len(cores))) if workers == "auto" else workers
    if count == 1:
        return (WHOLE,)
    if gpus and count > len(gpus):
        raise ConfigError(
            f"--workers {count}: found {_count(len(gpus), 'GPU')}, and each worker needs one of its own. Pass at most {len(gpus)}, or auto. "
            f"To train on the CPU instead, set {VISIBLE}=-1."
        )
    if count > len(cores):
        raise ConfigError(
            f"--workers {count}: found {_count(len(cores), 'core')} that this process may use, and each worker needs one at least. "
            f"Pass at most {len(cores)}, or auto."
        )
    starts = [index * len(cores) // count for index in range(count + 1)]
    return tuple(Share(tuple(cores[starts[index] : starts[index + 1]]), gpus[index] if gpus else None) for index in range(count))


def part(shares: Sequence[Share]) -> float:
    """The part of the machine's speed that each worker has: that of its cores, unless it has a GPU."""
    return 1.0 if len(shares) == 1 or shares[0].gpu is not None else 1 / len(shares)


def short_of_memory(count: int, free: int) -> str | None:
    """A sentence where several workers will probably not fit into `free` bytes of memory; else None."""
    if count == 1 or count * EACH <= free:
        return None
    fitting = max(1, int(free / EACH))
    return (
        f"{count} workers hold about {count * EACH / GB:.1f} GB of memory, and {free / GB:.1f} GB are free: a worker that runs out of memory loses its trial. "
        f"Pass --workers {fitting}."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
