"""The MLflow UI on this machine, for `automl-cnn dashboard`."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from automl_cnn.errors import StoreError
from automl_cnn.processes import environment, python
from automl_cnn.store import Store
from automl_cnn.text import visible
from automl_cnn.track import database
from automl_cnn.track.quiet import ENVIRONMENT

HOST = "127.0.0.1"
PAGE = "/#/experiments?workflowType=machine_learning"  # otherwise MLflow opens its chat pages
PATIENCE = 120.0  # seconds for the server to answer; a first start migrates the database
PORTS_TRIED = 50


def serve(store: Store | Path, port: int = 5000, open_browser: bool = False, ended: Callable[[str], bool] | None = None) -> int:
    """Show the studies of `store` in MLflow's UI until Ctrl-C; the exit code.

    Only this machine can reach it. Where `port` is busy, the next free one is taken; the address is printed.
    `ended` says whether no search works on a study: a run that a kill left RUNNING there is first marked KILLED.

    Raises:
        StoreError: the store holds nothing to show, no port is free, or the server does not start.
    """
    store = store if isinstance(store, Store) else Store(store)
    if not store.database.exists():
        raise StoreError(
            f"There is nothing to show: the store {store.root} has no mlflow.db. Run `automl-cnn search --data FOLDER` first, or name another --store."
        )
    words = command(store, port := free_port(port))
    database.check(store.database)
    database.relocate(store.database, store.artifacts)
    if ended is not None:
        database.end_runs(store.database, ended, "KILLED")
    address = f"http://{HOST}:{port}"
    log = store.root / "dashboard.log"
    with tempfile.TemporaryDirectory(prefix="automl-cnn-") as away:  # its web server searches its current folder for modules, even with `python -P`
        with log.open("wb") as out:
            server = subprocess.Popen(words, cwd=away, env=environment(ENVIRONMENT), start_new_session=True, stdout=out, stderr=out)
        try:
            with _terminable():
                _await(server, address, log)
                print(f"MLflow shows {visible(str(store.root))} at {address}{PAGE} (Ctrl-C ends it).", flush=True)
                if open_browser:
                    webbrowser.open(address + PAGE)
                return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _end(server)


def command(store: Store, port: int) -> list[str]:
    """The command line of the server."""
    options = {
        "--backend-store-uri": store.mlflow_uri,
        "--default-artifact-root": store.artifacts.as_uri(),
        "--artifacts-destination": store.artifacts.as_uri(),
        "--host": HOST,
        "--port": str(port),
        "--workers": "1",
    }
    return python("-m", "mlflow", "server", *(word for pair in options.items() for word in pair))


def free_port(first: int) -> int:
    """The first free port from `first` on.

    Raises:
        StoreError: none of the next fifty is free.
    """
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a server just ended would keep its port for a minute
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return port
    raise StoreError(f"No port from {first} to {first + PORTS_TRIED - 1} is free on {HOST}. Name another with --port.")


def _await(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Until the server answers."""
    deadline = time.monotonic() + PATIENCE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for this machine
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise StoreError(f"The MLflow server ended at once (exit code {server.returncode}): {_last_line(log)} See {log}.")
        with contextlib.suppress(OSError), opener.open(f"{address}/health", timeout=2):
            return
        time.sleep(0.2)
    raise StoreError(f"The MLflow server did not answer at {address} within {PATIENCE:.0f} s: {_last_line(log)} See {log}, and try again.")


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it printed nothing.")


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM within is a KeyboardInterrupt, so that the server does not outlive us."""

    def leave(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(server: subprocess.Popen[bytes]) -> None:
    def tell(number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "nt":
                server.terminate()
            else:
                os.killpg(server.pid, number)

    tell(signal.SIGTERM)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        tell(getattr(signal, "SIGKILL", signal.SIGTERM))
        server.wait(10)
