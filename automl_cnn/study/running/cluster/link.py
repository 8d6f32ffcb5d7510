"""The line to the broker, and what each slot hears over it."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import queue
import secrets
import subprocess
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from automl_cnn.errors import ConfigError
from automl_cnn.processes import environment, python
from automl_cnn.study.running.cluster.agent import Agent
from automl_cnn.study.running.cluster.terms import Needs, Node, Terms
from automl_cnn.study.running.executors.lastwords import last_words

CONNECT = 90.0  # seconds that joining a cluster may take
SILENT = 60.0  # seconds without a sign of life after which the broker hangs
AGAIN = 10.0  # seconds between two attempts to join again
POLL = 0.2
LEAVE = 10.0  # seconds that the broker may take to end

Message = tuple[Any, ...]  # a word and what belongs to it


@dataclass(frozen=True)
class Hired:
    """An agent that was asked for, by the number of its `ticket`, and what is reported of it."""

    ticket: int
    inbox: queue.SimpleQueue[Message] = field(default_factory=queue.SimpleQueue, compare=False)


class Cluster:
    """A Ray cluster, at the end of a line to a process of its own. When that process dies, every slot hears that it is lost, and another one is begun.

    `address` is as `--address` gives it; None: RAY_ADDRESS, or the cluster on this machine, or a new one on this machine alone.
    """

    def __init__(self, address: str | None, log: Path) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("--executor ray needs Ray: pip install 'automl-cnn[ray]' on this machine and on every node.")
        self._address, self._log = address, log
        self._inboxes: dict[int, queue.SimpleQueue[Message]] = {}
        self._own: queue.SimpleQueue[Message] = queue.SimpleQueue()  # what is for no slot
        self._sending = threading.Lock()
        self._closed = threading.Event()
        self._up = threading.Event()
        self._joined = False  # at least once
        self._process: subprocess.Popen[bytes] | None = None
        self._start = 0  # where in the log the words of this broker begin
        self._line: Connection | None = None
        self._tickets = itertools.count(1)
        threading.Thread(target=self._keep, name="cluster", daemon=True).start()

    def nodes(self) -> list[Node]:
        """The machines of the cluster, once it is joined.

        Raises:
            ConfigError: it cannot be.
        """
        where = self._address or os.environ.get("RAY_ADDRESS") or "this machine"
        try:
            word, *given = self._own.get(timeout=CONNECT)
        except queue.Empty:
            word, given = "refused", [f"no answer within {CONNECT:.0f} s"]
        if word == "refused":
            self.close()
            raise ConfigError(
                f"The Ray cluster at {where} cannot be joined: {given[0]}. Expected the HOST:PORT that `ray start --head` prints, in --address or RAY_ADDRESS."
            )
        return list(given[0])

    def hire(self, needs: Needs, terms: Terms, agent: type[Agent] = Agent) -> Hired:
        """Ask for an agent. What it and Ray report arrives in its queue, `hired` first."""
        hired = Hired(next(self._tickets))
        self._inboxes[hired.ticket] = hired.inbox
        if not self._send("hire", hired.ticket, needs, terms, agent):
            hired.inbox.put(("lost", "the connection to the cluster is gone", True))
        return hired

    def call(self, hired: Hired, method: str, *given: Any) -> None:
        """Ask an agent for something. Its reports show whether that arrived."""
        self._send("call", hired.ticket, method, *given)

    def dismiss(self, hired: Hired) -> None:
        """End an agent. What it reports from now on is dropped."""
        self._inboxes.pop(hired.ticket, None)
        self._send("dismiss", hired.ticket)

    def close(self) -> None:
        """End every agent, and the cluster too if it is our own."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._send("close")
        process = self._process
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=LEAVE)
            process.kill()
            process.wait()

    @property
    def up(self) -> bool:
        """Whether the cluster is joined now."""
        return self._up.is_set()

    def _send(self, *message: Any) -> bool:
        with self._sending:
            line = self._line
            if line is None:
                return False
            try:
                line.send(message)
            except OSError:
                return False
            return True

    def _keep(self) -> None:
        """Hold the line; begin another broker when one is gone."""
        while not self._closed.is_set():
            with contextlib.suppress(OSError, EOFError):
                self._begin()
                self._listen()
            why = self._end() or "its process did not start"
            if not self._joined:  # the first time, somebody waits for it
                self._own.put(("refused", why))
                self._closed.set()
            for inbox in list(self._inboxes.values()):
                inbox.put(("lost", "the connection to the cluster was lost", True))
            self._closed.wait(AGAIN)

    def _begin(self) -> None:
        """Start a broker, and connect to it.

        Raises:
            EOFError: it ended at once.
        """
        key = secrets.token_bytes(16)
        with Listener(None, authkey=key) as listener, self._log.open("ab") as out:
            self._start = out.tell()
            self._process = subprocess.Popen(
                python("-m", "automl_cnn.study.running.cluster.broker"),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env=environment({"PYTHONUNBUFFERED": "1"}),
            )
            assert self._process.stdin is not None
            self._process.stdin.write(f"{listener.address}\n{key.hex()}\n".encode())
            self._process.stdin.flush()
            socket: Any = listener._listener._socket  # type: ignore[attr-defined]  # the library has no other way not to wait for ever
            until = time.monotonic() + CONNECT
            socket.settimeout(POLL)
            while True:
                if self._closed.is_set() or self._process.poll() is not None or time.monotonic() > until:
                    raise EOFError
                with contextlib.suppress(TimeoutError):
                    line = listener.accept()
                    break
        with self._sending:
            self._line = line
        self._send("connect", self._address)

    def _listen(self) -> None:
        """Pass on what the broker reports until it is gone or silent, or cannot join the cluster.

        Raises:
            EOFError: it is gone.
        """
        line, latest = self._line, time.monotonic()
        assert line is not None
        while time.monotonic() - latest < SILENT:
            if not line.poll(POLL):
                continue
            word, *given = line.recv()
            latest = time.monotonic()
            if word == "connected":
                if not self._joined:
                    self._own.put((word, *given))
                self._joined = True
                self._up.set()
            elif word == "refused":
                if not self._joined:
                    self._own.put((word, *given))
                    self._closed.set()
                return
            elif word in ("hired", "news", "lost", "failed") and (inbox := self._inboxes.get(given[0])) is not None:
                inbox.put((word, *given[1:]))

    def _end(self) -> str:
        """End a broker that is of no more use; its last words."""
        self._up.clear()
        with self._sending:
            line, self._line = self._line, None
        if line is not None:
            line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        return last_words(self._log, self._start)
