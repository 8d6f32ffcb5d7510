"""A virtual environment for a tool that cannot share ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

READY = "installed.txt"  # what is in it, written when all of it is


def python_with(pins: tuple[str, ...], folder: Path) -> Path:
    """The interpreter of an environment with exactly these packages and what they need, made where it is missing.

    Raises:
        RuntimeError: it cannot be made; the message is pip's last line.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = "\n".join(pins)
    ready = folder / READY
    if ready.exists() and ready.read_text() == wanted:
        return python
    steps = ([sys.executable, "-m", "venv", "--clear", str(folder)], [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins])
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            output = (done.stderr or done.stdout).strip().splitlines() or ["no reason was given"]
            raise RuntimeError(f"the environment with {', '.join(pins)} could not be made: {output[-1]}")
    ready.write_text(wanted)
    return python
