"""A search on a cluster that is made up: how many trials at a time, what each needs, and a whole search with nodes that are lost."""

import itertools
import json
import threading

import pytest
from cluster_fakes import FakeCluster, setting_in
from session_fakes import FakeWorker, Notes, search

from automl_cnn.config import study_config
from automl_cnn.errors import Cause, ConfigError, TrialError
from automl_cnn.records import State
from automl_cnn.store import Store
from automl_cnn.study import nodes
from automl_cnn.study.nodes import Briefs, OnCluster, needs_of, plugins_in
from automl_cnn.study.running.cluster import link, remote
from automl_cnn.study.running.cluster.agent import CACHE
from automl_cnn.study.running.cluster.exchange import exchange_of
from automl_cnn.study.running.cluster.terms import Needs, Node
from automl_cnn.study.stored.overview import overview
from automl_cnn.workers import WAITING


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(remote, "LOOK", 0.02)


@pytest.fixture
def cluster(monkeypatch):
    """Makes a fake cluster that the next search joins."""

    def made(**given):
        fake = FakeCluster(**{"names": itertools.cycle(["n1", "n2"]), "executor": FakeWorker, **given})
        monkeypatch.setattr(nodes, "Cluster", lambda address, log: fake)
        return fake

    return made


def config(folder, **given):
    return study_config({"data": folder, "store": folder / "store", "trials": 3, "executor": "ray", **given})


@pytest.mark.parametrize(
    ("has", "given", "needs", "room"),
    [
        ([Node("a", 8, 0), Node("b", 4, 0)], {}, Needs(4, 0), 3),  # the CPUs of the smallest
        ([Node("head", 0, 0), Node("a", 8, 0)], {}, Needs(8, 0), 1),
        ([Node("a", 16, 4), Node("b", 8, 1)], {}, Needs(4, 1), 5),  # one for each GPU
        ([Node("a", 16, 4)], {"gpus_per_trial": 0.5}, Needs(2, 0.5), 8),
        ([Node("a", 16, 4)], {"gpus_per_trial": 0}, Needs(16, 0), 1),
        ([Node("a", 16, 0)], {"cpus_per_trial": 2}, Needs(2, 0), 8),
        ([], {}, Needs(1, 0), 0),
    ],
)
def test_what_a_trial_needs_and_how_many_have_room(tmp_path, has, given, needs, room):
    assert needs_of(config(tmp_path, **given), has) == needs
    assert sum(map(needs.fitting, has)) == room


def test_auto_takes_what_there_is_room_for_and_more_wait_for_nodes(tmp_path, cluster):
    cluster(has=(Node("a", 4, 0), Node("b", 4, 0)))
    notes = Notes()
    assert OnCluster(config(tmp_path, cpus_per_trial=2), notes.note).count == 4
    assert OnCluster(config(tmp_path, cpus_per_trial=2, workers=6), notes.note).count == 6
    assert OnCluster(config(tmp_path, cpus_per_trial=8), notes.note).count == 1
    assert notes.notes == [
        "The cluster has room for 4 trials with 2 CPUs each; the others of 6 wait for nodes.",
        "No node of the cluster has room for a trial with 8 CPUs: its largest has 4 CPUs. Waiting for one, 10 minutes at most.",
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"executor": "local", "address": "head:6379"}, "address belongs to a cluster: add executor = ray, or leave address out"),
        ({"executor": "local", "exchange": "s3://bucket/x"}, "exchange belongs to a cluster"),
        ({"address": "ray://head:10001"}, "Ray's client .* is not used: run this on a node of the cluster"),
        ({"exchange": "https://host/x"}, "nothing can be written to a web address"),
        ({"executor": "dask"}, "'local' or 'ray'"),
        ({"cpus_per_trial": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, given, words):
    with pytest.raises(ConfigError, match=words):
        config(tmp_path, **given)


def test_a_search_on_two_nodes(tmp_path, monkeypatch, cluster):
    fake = cluster(has=(Node("n1", 1, 0), Node("n2", 1, 0)))
    result, observer, _ = search(tmp_path, monkeypatch, trials=6, executor="ray")
    assert result.trials == 6
    assert {trial.node for trial in result.leaderboard} <= {"n1", "n2"}
    assert {trial.part for trial in result.leaderboard} == {1.0}
    assert fake.closed
    home = FakeWorker.made[0]
    assert home.log.name == "worker.log"
    assert home.jobs == []
    assert home.tested == 1
    used = json.loads(json.dumps(result.as_dict()))["workers"]
    assert (used["count"], used["each"]) == (2, "1 CPU")
    assert used["nodes"] in (1, 2)
    study = Store(tmp_path / "store").study("s").folder
    assert not list(study.glob("exchange-*"))
    assert not list(study.glob(".*"))
    assert overview(Store(tmp_path / "store"), "s").everything()["leaderboard"][0]["node"] in ("n1", "n2")
    assert "2 on" in result.workers.sentence
    assert "each with 1 CPU:" in result.workers.sentence
    assert not [note for note in observer.notes if "node" in note]


def test_the_exchange_may_be_elsewhere_and_is_left_empty(tmp_path, monkeypatch, cluster):
    cluster()
    result, _, _ = search(tmp_path, monkeypatch, executor="ray", exchange=str(tmp_path / "shared"))
    assert result.trials == 3
    assert list((tmp_path / "shared").iterdir()) == []


def test_a_node_that_is_lost_costs_nothing_but_time(tmp_path, monkeypatch, cluster):
    lost = []

    class Losing(FakeWorker):
        """Its first trial takes the node along."""

        def run(self, job, number, patience=None):
            if not lost:
                lost.append(number)
                fake.lose(executor=self)
                return
            yield from super().run(job, number, patience)

    fake = cluster(executor=Losing, has=(Node("n1", 1, 0),))
    result, observer, _ = search(tmp_path, monkeypatch, trials=4, executor="ray")
    states = {trial.number: trial for trial in result.leaderboard}
    assert states[lost[0]].cause is Cause.NODE
    assert states[lost[0]].failure == "the node n1 was lost: it is gone"
    complete = [trial for trial in result.leaderboard if trial.state is State.COMPLETE]
    assert len(complete) == 4
    assert [trial.configuration for trial in complete].count(states[lost[0]].configuration) == 1
    assert not [note for note in observer.notes if "node" in note]


def test_a_proposal_that_was_lost_is_trained_again_before_another_is_made(tmp_path, monkeypatch, cluster):
    lost = []

    class Losing(FakeWorker):
        """Its fifth trial takes the node along, while the other node is at work."""

        def run(self, job, number, patience=None):
            if number == 4 and not lost:
                lost.append(number)
                fake.lose(executor=self)
                return
            yield from super().run(job, number, patience)

    fake = cluster(executor=Losing, has=(Node("n1", 1, 0), Node("n2", 1, 0)))
    both = threading.Barrier(2, timeout=60)
    settings = {"sampler": "random", "pruner": "none", "guided": "off", "scaling": "off"}
    result, _, _ = search(tmp_path, monkeypatch, trials=8, executor="ray", seconds=lambda number: both.wait() if number in (0, 1) else None, **settings)
    trials = {trial.number: trial for trial in result.leaderboard}
    assert (trials[4].stage, trials[4].cause) == ("search", Cause.NODE)
    (again,) = [trial for trial in trials.values() if trial.configuration == trials[4].configuration and trial.number != 4]
    assert (again.reason, again.seed, again.stage) == ("trial 4 again, since its node was lost", 4, "search")
    assert again.state is State.COMPLETE
    configurations = [str(trial.configuration) for trial in trials.values() if trial.state is State.COMPLETE]
    assert len(set(configurations)) == 8


def test_a_configuration_that_takes_three_nodes_along_is_given_up(tmp_path, monkeypatch, cluster):
    class Deadly(FakeWorker):
        def run(self, job, number, patience=None):
            if job.configuration["architecture"] == "vgg":
                fake.lose(executor=self)
                return
            yield from super().run(job, number, patience)

    fake = cluster(executor=Deadly, has=(Node("n1", 1, 0),))
    result, _, _ = search(tmp_path, monkeypatch, trials=3, executor="ray")
    failures = [trial for trial in result.leaderboard if trial.cause is Cause.WORKER]
    assert failures
    assert failures[0].failure.startswith("3 nodes were lost while it was trained, so it is not tried again: the node n")
    same = [trial for trial in result.leaderboard if trial.configuration == failures[0].configuration]
    assert [trial.cause for trial in sorted(same, key=lambda trial: trial.number)] == [Cause.NODE, Cause.NODE, Cause.WORKER]


def test_a_search_without_nodes_ends_and_says_why(tmp_path, monkeypatch, cluster):
    monkeypatch.setattr(nodes, "PATIENCE", 0.5)
    reason = "No node of the cluster had room for a trial with 4 CPUs for "
    cluster(names=itertools.repeat(None))
    with pytest.raises(TrialError, match=f"No network could be trained. {reason}"):
        search(tmp_path, monkeypatch, executor="ray")
    fake = cluster(names=itertools.chain(["n1"], itertools.repeat(None)))
    result, observer, _ = search(tmp_path, monkeypatch, trials=3, executor="ray", seconds=lambda number: fake.lose() if number == 1 else None)
    assert any(note.startswith(reason) for note in observer.notes)
    assert [trial.state for trial in result.leaderboard].count(State.COMPLETE) == 1


def test_a_search_without_nodes_ends_at_the_end_of_its_budget(tmp_path, monkeypatch, cluster):
    cluster(names=itertools.repeat(None))
    result, _, _ = search(tmp_path, monkeypatch, executor="ray", workers="auto", budget="3s")
    assert result.stopped_by == "budget"


def test_slots_without_a_node_are_not_planned_for(tmp_path, cluster):
    fake = cluster(names=itertools.chain(["n1", "n2"], itertools.repeat(None)), has=(Node("n1", 1, 0), Node("n2", 1, 0)))
    crew = OnCluster(config(tmp_path, workers=4), lambda text: None).crew(Store(tmp_path / "store").study("s"), FakeWorker)
    assert crew.size == 1
    while len(crew.idle) < 2:
        pass
    assert (crew.size, [slot.place.node for slot in crew.slots]) == (2, ["n1", "n2", WAITING, WAITING])
    fake.lose(executor=fake.agents[1]._executor)
    assert len(crew.idle) == 1
    assert (crew.size, crew.slots[0].place.node) == (1, WAITING)
    crew.close()


def test_without_ray_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(link.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"--executor ray needs Ray: pip install 'automl-cnn\[ray\]' on this machine and on every node\."):
        OnCluster(config(tmp_path), lambda text: None)


def test_what_travels_is_put_once(tmp_path):
    exchange, setting = exchange_of(str(tmp_path / "x")), setting_in(tmp_path)
    briefs = Briefs(exchange, "s")
    assert briefs(setting) is briefs(setting)
    (tmp_path / "dataset.json").write_text(json.dumps({"array": str(tmp_path / "0a1b-8.npy"), "name": "another"}))
    assert briefs(setting).manifest != Briefs(exchange, "s")(setting).manifest


def test_plugins_travel_as_files(tmp_path, monkeypatch):
    (tmp_path / "deep" / "__pycache__").mkdir(parents=True)
    for name, content in (("a.py", b"1"), ("deep/b.py", b"2"), ("deep/__pycache__/b.pyc", b"3")):
        (tmp_path / name).write_bytes(content)
    assert plugins_in(tmp_path) == {"a.py": b"1", "deep/b.py": b"2"}
    monkeypatch.setattr(nodes, "MOST_PLUGINS", 1)
    with pytest.raises(ConfigError, match="Install large plugins as a package on every node"):
        plugins_in(tmp_path)
