"""An MLflow server for tests: a team's, with its own database and files, on a free port of this machine, ended by its process id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from automl_cnn.processes import environment
from automl_cnn.track.quiet import ENVIRONMENT

HOST = "127.0.0.1"
WAIT = 90.0


class Server:
    """`stop` and `start` keep its data and its port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://{HOST}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        given = {"--backend-store-uri": f"sqlite:///{self.folder}/server.db", "--artifacts-destination": f"{self.folder}/files", "--host": HOST}
        words = [part for pair in {**given, "--port": str(self.port), "--workers": "1"}.items() for part in pair]
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-P", "-m", "mlflow", "server", *words]
            self._process = subprocess.Popen(command, cwd=self.folder, env=environment(ENVIRONMENT), start_new_session=True, stdout=log, stderr=log)
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.address}/health", timeout=2):
                return
            time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self) -> None:
        """End it and its workers."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)  # a group of its own
            self._process.wait(WAIT)
        self._process = None
