"""A Ray cluster of several machines on this one: a head on the host, and nodes in network namespaces that can be killed and cut off.

Processes, namespaces and folders carry this process's id in their names, so that clusters run beside each other. What a
test left running ends with the cluster: every process inherits a mark in its environment, and only marked ones are killed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from network import Bridge, Machine, NoNetwork, signal_all

REQUIRE = "AUTOML_CNN_REQUIRE_CLUSTER"
MARK = "AUTOML_CNN_TEST_CLUSTER"
STORE = 80_000_000  # bytes; Ray refuses less than 75 MiB
WAIT = 60.0
LOOPBACK = "127.0.0.1"
SETTINGS = {
    "RAY_AUTH_MODE": "disabled",  # a token of this user's would be asked for at the head, and not be sent by the nodes
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # it kills workers when the memory of the real machine is short
}
STARTED = "Ray runtime started."


def unavailable(reason: str) -> None:
    """Skip, or fail where the cluster is demanded."""
    if os.environ.get(REQUIRE):
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True, kw_only=True)
class Health:
    """When the head takes a node for dead. The defaults of Ray 2.60 are 5, 3, 10 s and 5 misses."""

    delay: float = 0.5
    period: float = 0.5
    timeout: float = 1.0
    misses: int = 4

    @property
    def grace(self) -> float:
        """Seconds that a silent node is waited for, at most."""
        return (self.period + self.timeout) * self.misses

    def environment(self) -> dict[str, str]:
        """What `ray start --head` reads it from."""
        seconds = {"initial_delay_ms": self.delay, "period_ms": self.period, "timeout_ms": self.timeout}
        words = {f"RAY_health_check_{key}": str(round(value * 1000)) for key, value in seconds.items()}
        return {**words, "RAY_health_check_failure_threshold": str(self.misses)}


class Cluster:
    """`Cluster()` has a bridge, and `add_node` adds machines to it. `Cluster(single=True)` is a Ray of one machine, on loopback."""

    def __init__(self, *, cpus: int = 1, single: bool = False, health: Health | None = None, settings: Mapping[str, str] | None = None) -> None:
        if importlib.util.find_spec("ray") is None:
            unavailable("ray is not installed (pip install 'automl-cnn[ray]')")
        self.health = health or Health()
        self.home = Path(tempfile.mkdtemp(prefix="acr-", dir="/tmp"))  # short: a UNIX socket's path has at most 107 characters
        self.mark = f"{os.getpid()}-{self.home.name}"
        self.settings = {**self.health.environment(), **(settings or {})}
        self.nodes: list[Node] = []
        self._bridge: Bridge | None = None
        self._head: subprocess.Popen[bytes] | None = None
        try:
            if not single:
                self._bridge = _bridge()
            self.ip = self._bridge.address if self._bridge else f"127.{random.randrange(1, 255)}.{random.randrange(256)}.1"
            self.address = f"{self.ip}:{_free_port(self.ip)}"
            self._start_head(cpus)
        except BaseException:
            self.close()
            raise

    def _start_head(self, cpus: int) -> None:
        words = ["--head", f"--port={self.address.rpartition(':')[2]}", "--include-dashboard=false", "--no-monitor", f"--dashboard-port={_free_port(LOOPBACK)}"]
        if importlib.util.find_spec("grpc"):  # otherwise there is no such server
            words.append(f"--ray-client-server-port={_free_port(self.ip)}")
        with (self.home / "head.log").open("wb") as log:
            command = self._command("head", self.ip, cpus, *words)
            self._head = subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        _await_start(self._head, self.home / "head.log")

    def _command(self, name: str, address: str, cpus: int, *words: str) -> list[str]:
        """`ray start` for one node. It lasts as long as the node does, and takes its processes along when it ends."""
        sizes = [f"--num-cpus={cpus}", "--num-gpus=0", f"--object-store-memory={STORE}"]
        files = [f"--temp-dir={self.home / name}", "--include-log-monitor=false", "--disable-usage-stats"]
        return [sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--block", f"--node-ip-address={address}", *sizes, *files, *words]

    def environment(self) -> dict[str, str]:
        """What the cluster's processes inherit."""
        return {**os.environ, "PYTHONUNBUFFERED": "1", **SETTINGS, "RAY_TMPDIR": str(self.home), **self.settings, MARK: self.mark}

    def add_node(self, cpus: int = 1) -> Node:
        """A node on a machine of its own, which has joined the cluster."""
        assert self._bridge is not None, "a single machine takes no nodes"
        node = Node(self, self._bridge.machine(), cpus)
        self.nodes.append(node)
        node.start()
        return node

    @contextlib.contextmanager
    def driver(self, **options: Any) -> Iterator[Any]:
        """`ray`, connected from this process, which stays as it was: Ray takes SIGTERM for itself."""
        import signal

        import ray

        before = signal.getsignal(signal.SIGTERM)
        quiet = {"log_to_driver": False, "logging_level": "ERROR", "namespace": "tests"}
        ray.init(self.address, **{**quiet, **options})
        try:
            yield ray
        finally:
            ray.shutdown()
            signal.signal(signal.SIGTERM, before)

    def _started(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in (self._head, *(node.process for node in self.nodes)) if process is not None]

    def pids(self) -> list[int]:
        """The processes of this cluster: of the head's session, on its machines, or with its mark. A process that sets its title may lose the mark."""
        sessions = {process.pid for process in self._started() if process.returncode is None}
        there = {pid for machine in (self._bridge.machines if self._bridge else ()) for pid in machine.pids()}
        return sorted(there | {pid for pid in _processes() if _session(pid) in sessions or _marked(pid, self.mark)})

    def close(self) -> None:
        """End every process of the cluster, and remove its machines and files."""
        deadline = time.monotonic() + WAIT
        while (pids := self.pids()) and time.monotonic() < deadline:
            signal_all(pids)
            for process in self._started():
                process.poll()
            time.sleep(0.02)
        if self._bridge is not None:
            self._bridge.close()
        shutil.rmtree(self.home, ignore_errors=True)
        if pids:
            raise RuntimeError(f"processes {pids} of a cluster are still there {WAIT:.0f} s after SIGKILL")


class Node:
    """A node of a cluster."""

    def __init__(self, cluster: Cluster, machine: Machine, cpus: int) -> None:
        self.name, self.ip, self._cpus = machine.name, machine.address, cpus
        self.machine, self._cluster = machine, cluster
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a raylet. After a loss, one may be started on the same machine: to Ray it is another node."""
        cluster, path = self._cluster, self._cluster.home / f"{self.name}.log"
        command = cluster._command(self.name, self.ip, self._cpus, f"--address={cluster.address}", f"--node-name={self.name}")
        with path.open("wb") as log:
            self.process = self.machine.run(command, env=cluster.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        _await_start(self.process, path)

    def kill(self) -> None:
        """SIGKILL all its processes, as where memory runs out. Others see the connections close."""
        self.machine.kill()
        self._reap()

    def lose(self) -> None:
        """Its power fails: nobody is informed, and nothing that is sent to it is answered. `restore`, then `start` for another."""
        self.machine.cut()
        self.kill()

    def cut(self) -> None:
        """Unplug its network. Its processes go on."""
        self.machine.cut()

    def restore(self) -> None:
        """Plug its network in again."""
        self.machine.restore()

    def stop(self) -> None:
        """Take it out of the cluster in an orderly way, with SIGTERM, as a scheduler that takes its machine back."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(WAIT)
        self.kill()

    def _reap(self) -> None:
        if self.process is not None:
            self.process.wait(WAIT)
        self.process = None


def _bridge() -> Bridge:
    try:
        return Bridge()
    except NoNetwork as error:
        unavailable(str(error))
        raise


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _await_start(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `ray start` has a node that runs."""
    deadline = time.monotonic() + WAIT
    while STARTED not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"ray start did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _session(pid: int) -> int | None:
    """The session of a process, None if it ended meanwhile."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _marked(pid: int, mark: str) -> bool:
    """Whether a process inherited the mark of a cluster. One that ended has no environment."""
    try:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
