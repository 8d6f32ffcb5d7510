"""The clusters that other tests use: nodes are machines of their own, and they can be killed, lost and cut off.

What Ray 2.60 does, with `Health()` of these tests (a silent node is taken for dead after 6 s at most; 65 s with Ray's own settings):

- A call in flight on a node that is killed raises a RayActorError after 1 to 2 s. Mostly it is ActorDiedError: connections are refused, and each
  try counts as a miss. Where the head takes longer than 1 s to notice, it is ActorUnavailableError, which would be raised for a live actor too.
- On a node that is lost or cut off it raises ActorDiedError after 5.8 s, at the moment at which `ray.nodes()` no longer has it alive.
- A call made while a node is cut off waits. `ray.get` with a timeout raises GetTimeoutError, and the call ends once the cable is back.
- A node that comes back after its grace finds that it was taken for dead, and ends with its workers. It never joins again; a new one does.
- While it is cut off, its workers go on working.
- The driver is not ended by any of this. It is ended, with exit code 1 and without an exception, 60 s after the head's GCS has gone
  (RAY_gcs_rpc_server_reconnect_timeout_s). Until then `ray.nodes()` blocks. So never kill the head under a driver of the test process.
- A driver that runs on a node (`node.machine.run`) attaches itself to the head's raylet, which it sees among the processes. For one that lives and
  dies with its node, use `ray.init(address, _node_ip_address=node.ip)`: once that node has died, its actors elsewhere are killed, calls raise
  ActorDiedError, and new actors wait for ever, but the driver goes on.
- A child of an actor that has a session of its own outlives the actor's worker when that is killed alone. It ends with the actor in any other case.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from cluster import MARK, Cluster, Node

LIMIT = 60.0


def actor(ray: Any, node: Node) -> Any:
    """An actor on a node. Its class is made here, so that workers need no module of the tests."""

    class Machine:
        def address(self) -> str:
            return ray.util.get_node_ip_address()

        def pid(self) -> int:
            return os.getpid()

        def sleep(self, seconds: float) -> str:
            time.sleep(seconds)
            return "awake"

    handle = ray.remote(num_cpus=1, resources={f"node:{node.ip}": 0.01})(Machine).remote()
    assert ray.get(handle.address.remote(), timeout=LIMIT) == node.ip
    return handle


def alive(ray: Any, ip: str) -> list[bool]:
    """Whether the nodes that have had an address are alive, sorted."""
    return sorted(node["Alive"] for node in ray.nodes() if node["NodeManagerAddress"] == ip)


def await_death(ray: Any, ip: str) -> None:
    deadline = time.monotonic() + LIMIT
    while any(alive(ray, ip)):
        assert time.monotonic() < deadline, f"the node at {ip} is still taken for alive"
        time.sleep(0.1)


def test_one_machine_runs_tasks_on_loopback(single):
    before = signal.getsignal(signal.SIGTERM)
    with single.driver() as ray:
        where = ray.remote(ray.util.get_node_ip_address)
        assert ray.get([where.remote() for _ in range(3)], timeout=LIMIT) == [single.ip] * 3
    assert single.ip.startswith("127.")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
def test_each_node_runs_actors(cluster, node):
    other = cluster.add_node()
    with cluster.driver() as ray:
        actors = [actor(ray, node), actor(ray, other)]
        assert ray.get([one.address.remote() for one in actors], timeout=LIMIT) == [node.ip, other.ip]
    other.stop()


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["kill", "lose"])
def test_a_node_that_fails_fails_its_calls(cluster, node, failure):
    with cluster.driver() as ray:
        call = actor(ray, node).sleep.remote(1000)
        time.sleep(0.5)
        getattr(node, failure)()
        with pytest.raises(ray.exceptions.RayActorError):
            ray.get(call, timeout=LIMIT)
        await_death(ray, node.ip)
    assert node.machine.pids() == []


@pytest.mark.slow
def test_a_node_that_is_back_within_its_grace_answers(cluster, node):
    with cluster.driver() as ray:
        handle = actor(ray, node)
        call = handle.sleep.remote(1)
        node.cut()
        with pytest.raises(ray.exceptions.GetTimeoutError):
            ray.get(handle.address.remote(), timeout=2)
        node.restore()
        assert ray.get(call, timeout=LIMIT) == "awake"
        assert ray.get(handle.address.remote(), timeout=LIMIT) == node.ip
        assert alive(ray, node.ip) == [True]


@pytest.mark.slow
def test_a_node_that_is_back_later_is_dead_and_another_may_join(cluster, node):
    with cluster.driver() as ray:
        handle = actor(ray, node)
        pid = ray.get(handle.pid.remote(), timeout=LIMIT)
        node.cut()
        with pytest.raises(ray.exceptions.ActorDiedError):
            ray.get(handle.sleep.remote(1000), timeout=LIMIT)
        await_death(ray, node.ip)
        assert pid in node.machine.pids()
        node.restore()
        assert node.process is not None
        assert node.process.wait(LIMIT) == 1
        with pytest.raises(ray.exceptions.ActorDiedError):
            ray.get(handle.address.remote(), timeout=LIMIT)
        node.kill()
        node.start()
        actor(ray, node)
        assert alive(ray, node.ip) == [False, True]


def test_nothing_is_left():
    cluster = Cluster(cpus=0)
    node = cluster.add_node()
    escaped = node.machine.run(["sleep", "1000"], env=cluster.environment(), start_new_session=True)
    strayed = subprocess.Popen(["sleep", "1000"], env=cluster.environment(), start_new_session=True)
    stranger = subprocess.Popen(["sleep", "1000"], env={**os.environ, MARK: "another"}, start_new_session=True)
    node.cut()
    cluster.close()
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    names = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert (escaped.wait(LIMIT), strayed.wait(LIMIT), stranger.poll()) == (-signal.SIGKILL, -signal.SIGKILL, None)
    stranger.kill()
    stranger.wait(LIMIT)
    assert node.name not in names
    assert node.name.partition("n")[0] not in links
    assert not Path(cluster.home).exists()


@pytest.mark.slow
def test_two_clusters_run_beside_each_other(cluster):
    other = Cluster(cpus=0)
    try:
        assert other.ip.rpartition(".")[0] != cluster.ip.rpartition(".")[0]
        assert not set(other.pids()) & set(cluster.pids())
    finally:
        other.close()
    assert cluster.pids()
