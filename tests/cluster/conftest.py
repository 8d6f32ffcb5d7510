"""Ray clusters of this machine. They start where Ray is installed, and those of several machines where the network may be changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster import Cluster, Node


@pytest.fixture(scope="session")
def single() -> Iterator[Cluster]:
    """A Ray of one machine with two cores, on loopback."""
    cluster = Cluster(single=True, cpus=2)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head without cores, to which a test adds nodes. What a test starts stays until the module's end."""
    cluster = Cluster(cpus=0)
    yield cluster
    cluster.close()


@pytest.fixture
def node(cluster: Cluster) -> Iterator[Node]:
    """A node with one core, gone after the test."""
    node = cluster.add_node()
    yield node
    node.stop()
