"""An executor whose trials run on a node, with nodes that are lost, silent, or not there."""

import threading
from pathlib import Path

import pytest
from cluster_fakes import FakeCluster, remote

from automl_cnn.errors import Cause, ConfigError
from automl_cnn.records import Epoch, Fidelity, Finished, Job, State
from automl_cnn.study.running.cluster import remote as module
from automl_cnn.study.running.cluster.agent import CACHE

JOB = Job({"architecture": "a"}, Fidelity(1), "why")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(module, "LOOK", 0.02)


def outcome(executor, number, job=JOB, patience=None):
    *_, last = executor.run(job, number, patience)
    assert isinstance(last, Finished)
    return last


def test_a_trial_brings_its_checkpoint_home(tmp_path):
    placed = []
    executor = remote(tmp_path, FakeCluster(), placed=placed.append)
    assert executor.wait(10)
    assert placed == ["n1"]
    assert executor.node == "n1"
    events = list(executor.run(JOB, 3))
    assert [event.number for event in events if isinstance(event, Epoch)] == [1, 2]
    kept = tmp_path / "trials" / "trial-0003.keras"
    assert events[-1].checkpoint == str(kept)
    assert kept.read_bytes() == b"weights of 3"
    assert not (tmp_path / "exchange" / "s" / "trial-0003.keras").exists()
    assert not list(tmp_path.glob(".arriving*"))


def test_a_job_goes_on_from_a_checkpoint_of_the_search(tmp_path):
    cluster = FakeCluster()
    executor = remote(tmp_path, cluster)
    assert executor.wait(10)
    Path(tmp_path, "trials", "trial-0001.keras").write_bytes(b"weights of 1")
    assert outcome(executor, 4, Job({"architecture": "a"}, Fidelity(1), "why", continue_from=1)).state is State.COMPLETE
    assert (tmp_path / "exchange" / "s" / "from" / "trial-0001.keras").read_bytes() == b"weights of 1"


def test_the_agent_is_configured_once_and_again_after_a_change(tmp_path):
    cluster = FakeCluster()
    executor = remote(tmp_path, cluster)
    assert executor.wait(10)
    (formula,) = [agent._executor for agent in cluster.agents.values()]
    outcome(executor, 0)
    outcome(executor, 1)
    assert len(formula.settings) == 1
    executor.configure(executor._setting)
    outcome(executor, 2)
    assert len(formula.settings) == 2


@pytest.mark.parametrize(
    ("of_node", "cause", "words"),
    [(True, Cause.NODE, "the node n1 was lost: it is gone"), (False, Cause.WORKER, "the worker on n1 was lost: it is gone")],
)
def test_a_lost_node_costs_its_trial_and_the_next_trial_has_another_node(tmp_path, of_node, cause, words):
    cluster = FakeCluster(hold=threading.Semaphore(1))
    executor = remote(tmp_path, cluster)
    assert executor.wait(10)
    events = executor.run(JOB, 0)
    while not isinstance(next(events), Epoch):
        pass
    cluster.lose(of_node=of_node)
    last = next(events)
    assert (last.state, last.cause, last.failure) == (State.FAILED, cause, words)
    assert executor.node is None
    cluster.formula = {}
    assert executor.wait(10)
    assert executor.node == "n2"
    assert outcome(executor, 1).state is State.COMPLETE


def test_a_node_that_is_lost_while_nothing_runs_is_replaced(tmp_path):
    cluster = FakeCluster(names=("n1", None, "n3"))
    executor = remote(tmp_path, cluster)
    assert executor.wait(10)
    cluster.lose()
    assert not executor.wait(0)
    assert not executor.wait(0.1)
    waits_since = executor.waits_since
    cluster.lose()
    assert executor.wait(10)
    assert executor.node == "n3"
    assert executor.waits_since == waits_since


def test_without_a_line_to_the_cluster_nobody_is_asked(tmp_path):
    cluster = FakeCluster()
    executor = remote(tmp_path, cluster)
    assert executor.wait(10)
    cluster.up = False
    cluster.lose()
    assert not executor.wait(0.1)
    assert len(cluster.hired) == 1
    cluster.up = True
    assert executor.wait(10)
    assert len(cluster.hired) == 2


def test_a_silent_trial_is_given_up_and_its_agent_is_replaced(tmp_path):
    cluster = FakeCluster(hold=threading.Semaphore(0))
    executor = remote(tmp_path, cluster)
    assert executor.wait(10)
    last = outcome(executor, 0, patience=lambda: 0.3)
    assert (last.state, last.cause) == (State.FAILED, Cause.WORKER)
    assert last.failure == "no sign of life for 0 s, so its worker on n1 was ended"
    assert cluster.dismissed == [1]
    cluster.formula = {}
    assert executor.wait(10)
    assert outcome(executor, 1).state is State.COMPLETE


def test_a_trial_is_stopped_and_keeps_its_checkpoint(tmp_path):
    executor = remote(tmp_path, FakeCluster(epochs=50, hold=threading.Semaphore(1)))
    assert executor.wait(10)
    last = None
    for event in executor.run(JOB, 0):
        if isinstance(event, Epoch):
            executor.stop()
        last = event
    assert last.state is State.STOPPED
    assert (tmp_path / "trials" / "trial-0000.keras").exists()


def test_a_node_that_cannot_be_used_is_an_error_that_names_it(tmp_path):
    class Refusing(FakeCluster):
        def hire(self, needs, terms, agent):
            import dataclasses

            return super().hire(needs, dataclasses.replace(terms, version="0.0.1"), agent)

    executor = remote(tmp_path, Refusing())
    with pytest.raises(ConfigError, match=r"^The node n1 has automl-cnn .*, and the search has 0\.0\.1\. Install the same version on every node\.$"):
        executor.wait(10)


def test_closing_ends_a_trial_that_runs(tmp_path):
    executor = remote(tmp_path, FakeCluster(hold=threading.Semaphore(0)))
    assert executor.wait(10)
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(executor.run(JOB, 0)))
    thread.start()
    executor.close()
    thread.join(30)
    assert not thread.is_alive()
    assert seen[-1].cause is Cause.INTERRUPTED
    assert not executor.wait(0)
