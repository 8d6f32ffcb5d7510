"""Whole searches on real Ray clusters whose nodes, workers, lines and driver are killed. The trials sleep; all else is real."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from cluster import Cluster
from formula import SleepingAgent

TESTS = Path(__file__).parent.parent
sys.path.append(str(TESTS / "study"))

from session_fakes import FakeWorker, Notes  # noqa: E402

from automl_cnn.config import study_config  # noqa: E402
from automl_cnn.data import prepare_arrays  # noqa: E402
from automl_cnn.errors import Cause, ConfigError  # noqa: E402
from automl_cnn.modelfile.file import read_card  # noqa: E402
from automl_cnn.processes import environment, python  # noqa: E402
from automl_cnn.records import State  # noqa: E402
from automl_cnn.study import session  # noqa: E402
from automl_cnn.study.nodes import OnCluster  # noqa: E402
from automl_cnn.study.running.cluster import link  # noqa: E402
from automl_cnn.workers import WAITING  # noqa: E402

PATH = os.pathsep.join([str(TESTS / "cluster"), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture
def sleepers(monkeypatch):
    """Trials sleep, and a silent node is lost after 8 s."""
    for name, value in (("AUTOML_CNN_NODE_GRACE", "8"), ("PYTHONPATH", PATH), ("RAY_AUTH_MODE", "disabled")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(OnCluster, "agent", SleepingAgent)
    monkeypatch.setattr(session, "LocalExecutor", FakeWorker)
    monkeypatch.setattr(link, "AGAIN", 1.0)
    FakeWorker.made = []


@pytest.fixture(scope="module")
def nodes_settings(tmp_path_factory):
    """What the agents of this module find on their nodes."""
    return {"AUTOML_CNN_NODE_CACHE": str(tmp_path_factory.mktemp("nodes")), "PYTHONPATH": PATH}


@pytest.fixture
def one_machine(nodes_settings):
    cluster = Cluster(single=True, cpus=2, settings=nodes_settings)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def head(nodes_settings):
    """A head without cores, to which tests add nodes."""
    cluster = Cluster(cpus=0, settings=nodes_settings)
    yield cluster
    cluster.close()


class Nodes:
    """A cluster and the two nodes of one test."""

    def __init__(self, cluster):
        self.cluster, self.address = cluster, cluster.address
        self.nodes = [cluster.add_node(), cluster.add_node()]

    def add_node(self):
        self.nodes.append(self.cluster.add_node())

    def pids(self):
        return self.cluster.pids()


@pytest.fixture
def two_nodes(head, sleepers):
    made = Nodes(head)
    yield made
    for node in made.nodes:
        node.restore()
        node.stop()


class Watch(Notes):
    """An observer that does something once, after a number of trials have begun."""

    def __init__(self, after=None, deed=None):
        super().__init__()
        self.after, self.deed, self.places, self.workers_seen, self.begun = after, deed, {}, [], 0

    def workers(self, places):
        self.workers_seen.append([place.node for place in places])

    def trial_started(self, job, number, place=None):
        self.places[number], self.begun = place, self.begun + 1
        if self.begun == self.after:
            threading.Thread(target=self._do, daemon=True).start()

    def _do(self):
        time.sleep(0.7)  # in the middle of a trial
        self.deed(self)


def run(folder, cluster, observer=None, **settings):
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    given = {"data": folder, "name": "s", "store": folder / "store", "pretrained": "none", "architectures": ("simple_cnn", "vgg"), "sampler": "random"}
    given |= {
        "executor": "ray",
        "address": cluster.address,
        "exchange": str(folder / "exchange"),
        "guided": "off",
        "scaling": "off",
        "pruner": "none",
        "refit": "off",
    }
    config = study_config({**given, **({} if "budget" in settings else {"trials": 6}), **settings})
    (folder / "exchange").mkdir(exist_ok=True)
    dataset = prepare_arrays(images, [0, 1] * 20, config.store / "cache")
    return session.run(config, observer=observer or Watch(), track=False, dataset=dataset)


def every_trial_once(result, folder, trials=6):
    """Every trial finished exactly once, none was lost, the best model loads, and nothing was left behind."""
    complete = [trial for trial in result.leaderboard if trial.state is State.COMPLETE]
    assert len(complete) == trials, [(trial.number, trial.state, trial.cause, trial.failure) for trial in result.leaderboard]
    configurations = Counter(json.dumps(dict(trial.configuration), sort_keys=True) for trial in complete)
    assert set(configurations.values()) == {1}
    lost = [trial for trial in result.leaderboard if trial.state is not State.COMPLETE]
    assert all(json.dumps(dict(trial.configuration), sort_keys=True) in configurations for trial in lost if trial.cause is Cause.NODE)
    assert read_card(Path(result.model_path))["trial"] == result.trial
    with zipfile.ZipFile(result.model_path) as archive:
        assert json.loads(archive.read("config.json"))
    assert list((folder / "exchange").iterdir()) == []
    return lost


def brokers() -> list[psutil.Process]:
    """The processes that talk to Ray for a search here. One that has ended, but is not reaped yet, has no command line."""
    running = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie's error is a kind of it
            running += [child] if "broker" in " ".join(child.cmdline()) else []
    return running


def test_a_search_on_one_machine(tmp_path, one_machine, sleepers):
    observer = Watch()
    result = run(tmp_path, one_machine, observer, cpus_per_trial=1)
    assert every_trial_once(result, tmp_path) == []
    assert result.workers.count == 2
    assert {trial.node for trial in result.leaderboard} == {os.uname().nodename}
    assert observer.workers_seen[0] == [WAITING, WAITING]
    assert observer.workers_seen[-1] == [os.uname().nodename] * 2
    assert brokers() == []


def test_nodes_without_the_package_are_an_error(tmp_path, single, sleepers):
    with pytest.raises(ConfigError, match=r"No worker could be started on the cluster, 3 times in a row: .*No module named 'formula'.*pip install"):
        run(tmp_path, single)


def test_an_address_where_no_cluster_is(tmp_path, sleepers, monkeypatch):
    class Nowhere:
        address = "127.0.0.1:9"

    monkeypatch.setattr(link, "CONNECT", 5.0)
    with pytest.raises(ConfigError, match=r"The Ray cluster at 127\.0\.0\.1:9 cannot be joined: .* Expected the HOST:PORT that `ray start --head` prints"):
        run(tmp_path, Nowhere)
    assert not (tmp_path / "store" / "studies").exists()


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["kill", "lose", "cut"])
def test_a_node_that_fails_costs_time_and_no_trial(tmp_path, two_nodes, failure):
    victim = two_nodes.nodes[1]

    def deed(observer):
        getattr(victim, failure)()
        time.sleep(12)
        if failure == "cut":
            victim.restore()  # it finds that it was taken for dead, and ends

    observer = Watch(3, deed)
    result = run(tmp_path, two_nodes, observer, trials=10)
    lost = every_trial_once(result, tmp_path, 10)
    assert [trial.cause for trial in lost] == [Cause.NODE]
    assert WAITING in observer.workers_seen[-1] or len(set(observer.workers_seen[-1])) == 1


@pytest.mark.slow
def test_a_node_that_is_lost_is_replaced_by_one_that_joins(tmp_path, two_nodes):
    def deed(observer):
        two_nodes.nodes[1].kill()
        two_nodes.add_node()

    observer = Watch(3, deed)
    result = run(tmp_path, two_nodes, observer, trials=14)
    lost = every_trial_once(result, tmp_path, 14)
    assert [trial.cause for trial in lost] == [Cause.NODE]
    assert WAITING not in observer.workers_seen[-1]


@pytest.mark.slow
def test_a_cut_that_is_short_costs_nothing(tmp_path, two_nodes):
    def deed(observer):
        two_nodes.nodes[1].cut()
        time.sleep(2)
        two_nodes.nodes[1].restore()

    assert every_trial_once(run(tmp_path, two_nodes, Watch(3, deed)), tmp_path) == []


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_own_trial(tmp_path, two_nodes):
    def deed(observer):
        os.kill(agents(two_nodes.pids())[0], signal.SIGKILL)

    result = run(tmp_path, two_nodes, Watch(2, deed))
    failed = [trial for trial in result.leaderboard if trial.state is State.FAILED]
    assert [trial.cause for trial in failed] == [Cause.WORKER]
    assert failed[0].failure.startswith("the worker on ")
    assert sum(trial.state is State.COMPLETE for trial in result.leaderboard) == 5


@pytest.mark.slow
def test_the_process_that_holds_the_driver_is_replaced(tmp_path, two_nodes):
    def deed(observer):
        (broker,) = brokers()
        broker.kill()

    result = run(tmp_path, two_nodes, Watch(3, deed))
    lost = every_trial_once(result, tmp_path)
    assert {trial.cause for trial in lost} == {Cause.NODE}
    assert all("the connection to the cluster was lost" in trial.failure for trial in lost)


@pytest.mark.slow
def test_the_command_ends_on_budget_when_every_node_is_gone(tmp_path, two_nodes):
    def deed(observer):
        for node in two_nodes.nodes:
            node.lose()

    began = time.monotonic()
    result = run(tmp_path, two_nodes, Watch(4, deed), budget="30s")
    assert result.stopped_by == "budget"
    assert any(trial.state is State.COMPLETE for trial in result.leaderboard)
    assert read_card(Path(result.model_path))["trial"] == result.trial
    assert time.monotonic() - began < 60  # no measurement: it neither hangs nor waits for nodes


@pytest.mark.slow
def test_a_head_that_is_killed_ends_the_search_on_budget_with_its_best_model(tmp_path, nodes_settings, sleepers):
    cluster = Cluster(cpus=0, settings=nodes_settings)
    try:
        cluster.add_node()

        def deed(observer):
            for pid in cluster.pids():
                os.kill(pid, signal.SIGKILL)

        began = time.monotonic()
        result = run(tmp_path, cluster, Watch(3, deed), budget="30s")
        assert result.stopped_by == "budget"
        assert any(trial.state is State.COMPLETE for trial in result.leaderboard)
        assert time.monotonic() - began < 75  # no measurement: it neither hangs nor waits for nodes
    finally:
        cluster.close()


@pytest.mark.slow
def test_a_coordinator_that_is_killed_leaves_no_worker_and_the_same_command_goes_on(tmp_path, two_nodes):
    before = {pid for pid in two_nodes.pids() if agents([pid])}
    command = python(str(TESTS / "cluster" / "coordinator.py"), str(tmp_path), two_nodes.address)
    paths = {"PYTHONPATH": os.pathsep.join([PATH, str(TESTS / "study"), str(TESTS.parent), str(TESTS.parent / "plugins")])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(paths)) as first:
        for _ in range(3):
            assert first.stdout.readline().strip(), "it ended before three trials had"
        first.kill()
    until = time.monotonic() + 30
    while set(agents(two_nodes.pids())) - before and time.monotonic() < until:
        time.sleep(0.2)
    assert set(agents(two_nodes.pids())) <= before
    result = run(tmp_path, two_nodes, trials=8)
    complete = [trial for trial in result.leaderboard if trial.state is State.COMPLETE]
    assert len(complete) == 8
    assert read_card(Path(result.model_path))["trial"] == result.trial
    assert all(trial.cause is Cause.INTERRUPTED for trial in result.leaderboard if trial.state is not State.COMPLETE)
    assert len(list((tmp_path / "exchange").iterdir())) <= 1  # of the killed one; the other left nothing


def agents(pids):
    """Those of the processes in which an agent of ours works."""
    named = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            if "SleepingAgent" in " ".join(psutil.Process(pid).cmdline()):
                named.append(pid)
    return named
