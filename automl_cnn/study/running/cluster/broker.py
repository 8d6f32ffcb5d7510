"""The process that holds Ray's driver: it places an agent for each slot, passes on what is asked, and reports what they say. The only module that knows Ray.

Started as `python -m automl_cnn.study.running.cluster.broker`, with the address and the key of a connection as two lines on standard input. It ends with
that connection. Every wait has a limit: an agent that cannot be reached for `GRACE` seconds is given up, and so is its node.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from automl_cnn import foreign, processes
from automl_cnn.study.record.disk import chain
from automl_cnn.study.running.cluster.agent import Agent
from automl_cnn.study.running.cluster.terms import Greeting, Needs, Node, Terms

REACH = 10.0  # seconds that a head node may take to answer at all
OWN = 10.0  # seconds between two looks at whether this machine is still a part of the cluster
GRACE = float(os.environ.get("AUTOML_CNN_NODE_GRACE", "60"))  # seconds without an answer after which a node counts as lost
LISTEN = 1.0  # seconds that an agent waits for something to report
BEAT = 5.0  # seconds between two signs of life
TIDY = 3.0  # seconds that an agent may take to end its worker and delete its files
LEAVE = 8.0  # seconds that ending may take altogether
ENDING = "ending"  # what threads are called that end an agent
STORE_BYTES = 100 * 2**20  # of a cluster of our own: nothing large goes through Ray
NODE_DIED = "node has died"  # in Ray's message: its class is the same whatever an actor died of
RAISED = re.compile(r"[\w.]*(Error|Exception)\b: ")  # an error's line in a traceback
OF_NODE = ("NodeDiedError", "LocalRayletDiedError")
LOCAL = "local"
AT_ONCE = 8  # calls that an agent answers at a time
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_AUTO_CONNECT": "0", "RAY_DEDUP_LOGS": "1", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def main() -> None:
    """Serve one connection."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the main process answers them; this one ends with its connection
    address, key = (sys.stdin.readline().strip() for _ in range(2))
    Broker(Client(address, authkey=bytes.fromhex(key))).serve()
    foreign.end(0)


@dataclass
class _Placed:
    """An agent, and what its thread should know."""

    agent: Any
    first: Any  # the reference to its greeting
    greeted: bool = False
    dismissed: threading.Event = field(default_factory=threading.Event)


class Broker:
    """Answers `connect`, `hire`, `call`, `dismiss` and `close`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._agents: dict[int, _Placed] = {}

    def serve(self) -> None:
        threading.Thread(target=self._beat, daemon=True).start()
        with contextlib.suppress(EOFError, OSError):
            while True:
                word, *given = self._connection.recv()
                if word == "close":
                    break
                getattr(self, f"_{word}")(*given)
        self._leave()

    def _connect(self, address: str | None) -> None:
        settings = {**QUIET, **({"RAY_AUTH_MODE": "token"} if _has_token() else {})}
        os.environ.update({name: value for name, value in settings.items() if name not in os.environ})  # Ray reads them when it is imported
        try:
            connect(address)
        except BaseException as error:  # Ray raises what it likes, SystemExit included
            self._say("refused", refusal(error))
        else:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ray has taken it for itself
            self._say("connected", nodes())
            threading.Thread(target=_end_with_own_node, daemon=True).start()

    def _hire(self, ticket: int, needs: Needs, terms: Terms, agent: type[Agent]) -> None:
        try:
            hired = self._asked_for(needs, terms, agent)
        except Exception as error:  # whatever Ray raises
            self._say("failed", ticket, _first_line(error), False)
            return
        self._agents[ticket] = hired
        threading.Thread(target=self._attend, args=(ticket, hired), daemon=True).start()

    @staticmethod
    def _asked_for(needs: Needs, terms: Terms, agent: type[Agent]) -> _Placed:
        import ray

        kind = ray.remote(agent).options(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus or None,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=AT_ONCE,
            scheduling_strategy="SPREAD",
        )
        actor = kind.remote(terms)
        return _Placed(actor, actor.greet.remote())

    def _call(self, ticket: int, method: str, *given: Any) -> None:
        if ticket in self._agents:
            with contextlib.suppress(Exception):  # whether it arrived, the next poll shows
                getattr(self._agents[ticket].agent, method).remote(*given)

    def _dismiss(self, ticket: int) -> None:
        if ticket in self._agents:
            gone = self._agents.pop(ticket)
            gone.dismissed.set()
            threading.Thread(target=_ended, args=(gone,), name=ENDING, daemon=True).start()

    def _attend(self, ticket: int, hired: _Placed) -> None:
        """Pass on what an agent reports, until it is dismissed or lost."""
        import ray
        from ray.exceptions import GetTimeoutError, RayError

        try:
            while not ray.wait([hired.first], timeout=LISTEN)[0]:
                if hired.dismissed.is_set():
                    return
            greeting: Greeting = ray.get(hired.first, timeout=GRACE)
            hired.greeted = True
            self._say("hired", ticket, greeting)
            last = 0
            while not hired.dismissed.is_set():
                news = _polled(hired, last)
                if news:
                    last = news[-1].number
                    self._say("news", ticket, [(one.word, one.value) for one in news])
        except GetTimeoutError:
            self._lose(ticket, hired, f"it did not answer for {GRACE:.0f} s", True)
        except RayError as error:
            self._lose(ticket, hired, *_death(error))
        except Exception as error:  # a defect: the slot must not hang for it
            self._lose(ticket, hired, f"{type(error).__name__}: {error}", False)

    def _lose(self, ticket: int, hired: _Placed, why: str, of_node: bool) -> None:
        import ray

        self._agents.pop(ticket, None)
        with contextlib.suppress(Exception):
            ray.kill(hired.agent)
        if not hired.dismissed.is_set():
            self._say("lost" if hired.greeted or of_node else "failed", ticket, why, of_node)

    def _say(self, word: str, *given: Any) -> None:
        with self._sending, contextlib.suppress(OSError):
            self._connection.send((word, *given))

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            self._say("alive")

    def _leave(self) -> None:
        """End the agents, and a cluster of our own."""
        threading.Timer(LEAVE, foreign.end, (1,)).start()
        if "ray" in sys.modules:
            import ray

            for ticket in list(self._agents):
                self._dismiss(ticket)
            for thread in threading.enumerate():
                if thread.name == ENDING:
                    thread.join(TIDY)
            with contextlib.suppress(Exception):
                ray.shutdown()


def _end_with_own_node() -> None:
    """End this process once the cluster takes this machine for dead: Ray would wait for it for ever. Another broker joins again."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    while all(node["Alive"] for node in ray.nodes() if node["NodeID"] == own):
        time.sleep(OWN)
    foreign.end(1)


def _ended(gone: _Placed) -> None:
    """Have an agent tidy up, and end it."""
    import ray

    with contextlib.suppress(Exception):  # it may be gone already
        if ray.wait([gone.first], timeout=0)[0]:
            ray.wait([gone.agent.close.remote()], timeout=TIDY)
        ray.kill(gone.agent)


def connect(address: str | None) -> None:
    """Join the cluster at `address`; without one, that of RAY_ADDRESS, else one on this machine, else begin one on this machine alone, as for `local`."""
    import ray

    calm = {"log_to_driver": False, "logging_level": "ERROR", "ignore_reinit_error": False}
    named = address or os.environ.get("RAY_ADDRESS")
    reachable(named)
    where = named or running()
    if where is not None and where != LOCAL:
        ray.init(address=where, **calm)
        return
    ray.init(address=LOCAL, num_cpus=processes.cores(), include_dashboard=False, object_store_memory=STORE_BYTES, **calm)


def running() -> str | None:
    """The address of the cluster that runs on this machine, as Ray has it in a file; None where there is none.

    The file outlives a cluster that crashed, and Ray itself waits minutes for it.
    """
    from ray._private import services

    with contextlib.suppress(ConnectionError):  # several clusters, none of them the latest; or one that does not answer
        address: str | None = services.get_ray_address_from_environment("auto", None)
        reachable(address)
        return address
    return None


def reachable(address: str | None) -> None:
    """Ask whether anything listens at HOST:PORT: Ray itself takes minutes to find out that nothing does.

    Raises:
        ConnectionError: nothing does.
    """
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH).close()
    except OSError as error:
        raise ConnectionError(f"nothing answers there ({error.strerror or error})") from None


def _has_token() -> bool:
    """Whether this user has a token for clusters that ask for one, as most do that `ray start` begins."""
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    return named or (Path.home() / ".ray" / "auth_token").is_file()


def refusal(error: BaseException) -> str:
    """Why a cluster cannot be joined, in a sentence or two without the last full stop."""
    if any(type(one).__name__ == "AuthenticationError" for one in chain(error)):
        return f"{_first_line(error)}. It asks for a token: copy ~/.ray/auth_token from its head node, or set RAY_AUTH_TOKEN"
    return _first_line(error)


def nodes() -> list[Node]:
    """The machines that live."""
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]
    return [Node(str(node["NodeManagerHostname"]), float(node["Resources"].get("CPU", 0)), float(node["Resources"].get("GPU", 0))) for node in alive]


def _polled(hired: _Placed, last: int) -> list[Any]:
    """What an agent reported after number `last`. A line that is broken for a while is waited for.

    Raises:
        GetTimeoutError: it does not answer.
        RayError: it is gone.
    """
    import ray
    from ray.exceptions import ActorUnavailableError, GetTimeoutError

    until = time.monotonic() + GRACE
    while True:
        try:
            return list(ray.get(hired.agent.poll.remote(last, LISTEN), timeout=max(0.1, until - time.monotonic())))
        except ActorUnavailableError:
            if time.monotonic() >= until:
                raise GetTimeoutError from None
            if hired.dismissed.wait(LISTEN):
                return []


def _death(error: Exception) -> tuple[str, bool]:
    """Why an agent is gone, in a clause, and whether its node went with it."""
    if getattr(error, "preempted", False) or type(error).__name__ in OF_NODE or NODE_DIED in " ".join(str(error).split()):
        return "it is gone", True
    if "memory" in type(error).__name__.lower() or "OOM" in type(error).__name__:
        return "the node ran out of memory", False
    return f"its process ended ({_reason(error)})", False


def _reason(error: BaseException) -> str:
    """What an agent died of: the last line of a traceback from its node, else the first line of Ray's message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if RAISED.match(line)]
    return raised[-1][:300].rstrip(".") if raised else _first_line(error)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300].rstrip(".")


if __name__ == "__main__":
    main()
