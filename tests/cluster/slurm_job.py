"""A SLURM job of stand-in commands: runs docs/cluster/search.sbatch with tests/cluster/stand_ins first on the PATH."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "cluster" / "search.sbatch"
STAND_INS = Path(__file__).parent / "stand_ins"
ARGUMENTS = ("--data", "/shared/photos", "--store", "/shared/studies", "--name", "photos")
WAIT = 60.0


@dataclass
class Job:
    """One job on the nodes n1, n2 and n3 that ends in an hour. `env` overrides its environment; None removes a variable."""

    folder: Path
    env: dict[str, str | None] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    err: str = ""

    def start(self, *arguments: str) -> Job:
        (self.folder / "temp").mkdir(exist_ok=True)
        known = {
            "PATH": f"{STAND_INS}:/usr/bin:/bin",
            "STAND_INS": str(self.folder),
            "NODES": "n1 n2 n3",
            "SLURM_JOB_ID": str(free_port() - 20000),
            "SLURM_JOB_NODELIST": "n[1-3]",
            "SLURM_CPUS_PER_TASK": "8",
            "SLURM_JOB_END_TIME": str(int(time.time()) + 3600),
            "AUTOML_CNN_TEMP": str(self.folder / "temp"),
            **self.env,
        }
        env = {name: value for name, value in known.items() if value is not None}
        signals = ("/usr/bin/env", "--default-signal=INT")  # a shell cannot trap a signal that the tests were started without
        self.process = subprocess.Popen(
            [*signals, "/bin/bash", SCRIPT, *(arguments or ARGUMENTS)],
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def end(self, timeout: float = WAIT) -> int:
        """Wait for the job; its exit code. Its messages are then in `err`."""
        assert self.process is not None
        _, self.err = self.process.communicate(timeout=timeout)
        return self.process.returncode

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def run(self, *arguments: str) -> int:
        return self.start(*arguments).end()

    def term(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the script alone, as `#SBATCH --signal=B:TERM@120` does."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End the script and all that it started, where a test failed."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    @property
    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def called(self, beginning: str) -> list[str]:
        return [call for call in self.calls if call.startswith(beginning)]

    def await_call(self, beginning: str) -> None:
        until(lambda: bool(self.called(beginning)))

    def kill_ray(self, node: str) -> None:
        os.kill(int((self.folder / f"ray-{node}.pid").read_text()), signal.SIGKILL)


def until(condition: Callable[[], bool], timeout: float = WAIT) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def free_port() -> int:
    """A port that nothing listens on, out of those that the script chooses from."""
    for port in range(20000 + os.getpid() % 5000, 30000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no free port")


def flag(call: str, name: str) -> str:
    """The value of `--name=value` or `--name value` in a recorded call."""
    words = call.split()
    for index, word in enumerate(words):
        if word == name:
            return words[index + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    raise AssertionError(f"no {name} in {call}")
