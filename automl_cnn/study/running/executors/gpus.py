"""The GPUs that a worker may be given, found without importing a backend: that takes 10 s, and would take hold of every GPU."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Mapping

VISIBLE = "CUDA_VISIBLE_DEVICES"
PATIENCE = 20.0  # seconds that the driver's own tool may take; a GPU that sleeps takes some to wake


def gpus(backend: str, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """What `CUDA_VISIBLE_DEVICES` may name, one entry for each GPU that this process may use; none where the backend computes on CPUs only.

    Where the variable is set, its entries count; otherwise those that `nvidia-smi` lists.
    """
    if backend == "tensorflow" and _cpu_only():
        return ()
    if VISIBLE in environment:
        return _named(environment[VISIBLE])
    tool = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if tool is None:
        return ()
    try:
        listed = subprocess.run([tool, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):  # a driver that is broken, or does not answer
        return ()
    return tuple(line.strip() for line in listed.splitlines() if line.strip().isdigit())


def _named(variable: str) -> tuple[str, ...]:
    """The entries of the variable; like CUDA, all behind an invalid one (-1, say) are left out."""
    entries: list[str] = []
    for entry in (part.strip() for part in variable.split(",")):
        if not entry or entry.startswith("-"):
            break
        entries.append(entry)
    return tuple(entries)


def _cpu_only() -> bool:
    """Whether the installed TensorFlow is the one without GPUs."""
    try:
        importlib.metadata.version("tensorflow-cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
