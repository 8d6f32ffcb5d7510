"""The cluster that runs on this machine, as Ray's file has it: joined where it answers, and not waited for where it crashed."""

import socket

import pytest

services = pytest.importorskip("ray._private.services", reason="Ray is not installed")

from automl_cnn.study.running.cluster import broker  # noqa: E402


@pytest.fixture
def noted(monkeypatch):
    """`noted(address)`: what Ray's file is to have; None: no cluster was ever begun."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(services, "find_gcs_addresses", set)
    return lambda address: monkeypatch.setattr(services, "find_bootstrap_address", lambda folder: address)


@pytest.fixture
def joined(monkeypatch):
    """The addresses that Ray should join, `local` for a cluster of our own."""
    import ray

    addresses = []
    monkeypatch.setattr(ray, "init", lambda *, address, **settings: addresses.append(address))
    return addresses


def test_a_cluster_that_answers_is_joined(noted, joined):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        noted(address)
        broker.connect(None)
    assert joined == [address]


def test_one_that_crashed_is_not_waited_for(noted, joined):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    noted(f"127.0.0.1:{port}")
    broker.connect(None)
    assert joined == ["local"]


def test_without_one_a_cluster_is_begun(noted, joined):
    noted(None)
    broker.connect(None)
    broker.connect("local")
    assert joined == ["local", "local"]


def test_a_named_one_that_does_not_answer_is_an_error(noted, joined, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(ConnectionError, match="nothing answers there"):
        broker.connect(address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ConnectionError, match="nothing answers there"):
        broker.connect(None)
    assert joined == []
