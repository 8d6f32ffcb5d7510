"""The search's hand on a node, with a formula in place of networks."""

import json
import socket
import threading
from pathlib import Path

import pytest
from cluster_fakes import Formula, setting_in, terms_in

from automl_cnn.records import Epoch, Fidelity, Finished, Job, State
from automl_cnn.study.nodes import Briefs
from automl_cnn.study.running.cluster import exchange as exchange_module
from automl_cnn.study.running.cluster.agent import CACHE, MARK, Agent
from automl_cnn.study.running.cluster.terms import Item

JOB = Job({"architecture": "a"}, Fidelity(1), "why")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


class Office:
    """A search and an agent of it, and what the agent reported."""

    def __init__(self, folder, host="elsewhere", **formula):
        self.exchange, self.terms = terms_in(folder, host)
        self.executor = Formula(None, **formula)
        self.agent = Agent(self.terms, executor=lambda *given: self.executor)
        self.setting = setting_in(folder)
        self.briefs = Briefs(self.exchange, "s")
        self.last = 0

    def until(self, word):
        """(word, value) of the reports up to the next `word`."""
        seen = []
        while True:
            news = self.agent.poll(self.last, 30)
            assert news, f"no {word} within 30 s: {seen}"
            for one in news:
                self.last = one.number
                seen.append((one.word, one.value))
                if one.word == word:
                    return seen


def test_images_come_once_and_stay(tmp_path, cache):
    first, second = Office(tmp_path), Office(tmp_path)
    for office in (first, second):
        assert office.agent.greet().refused == ""
        office.agent.configure(office.briefs(office.setting))
        assert office.until("configured")[-1] == ("configured", None)
    array = cache / "images" / "0a1b-8.npy"
    assert array.read_bytes() == b"pixels" * 100
    setting = first.executor.settings[-1]
    assert json.loads(Path(setting.dataset).read_text())["array"] == str(array)
    assert setting.dataset != first.setting.dataset
    first.agent.close()
    assert array.exists()
    assert not first.agent.folder.exists()
    assert first.executor.closed


def test_on_the_machine_of_the_search_images_are_read_where_they_are(tmp_path, cache):
    office = Office(tmp_path, host=socket.gethostname())
    office.agent.configure(office.briefs(office.setting))
    office.until("configured")
    assert json.loads(Path(office.executor.settings[-1].dataset).read_text())["array"] == str(tmp_path / "0a1b-8.npy")
    assert not (cache / "images").exists()


def test_a_trial_reports_its_events_and_sends_its_checkpoint(tmp_path):
    office = Office(tmp_path)
    office.agent.configure(office.briefs(office.setting))
    office.until("configured")
    office.agent.begin(JOB, 7, None)
    seen = office.until("finished")
    assert [value.number for word, value in seen if isinstance(value, Epoch)] == [1, 2]
    outcome, sent = seen[-1][1]
    assert outcome.state is State.COMPLETE
    assert sent == Item("s/trial-0007.keras", len(b"weights of 7"))
    office.exchange.get(*[sent.name, tmp_path / "back", sent.size])
    assert (tmp_path / "back").read_bytes() == b"weights of 7"
    assert not list((office.agent.folder / "trials").iterdir())


def test_a_job_that_goes_on_finds_the_checkpoint(tmp_path):
    office = Office(tmp_path)
    office.agent.configure(office.briefs(office.setting))
    office.until("configured")
    (tmp_path / "trial-0003.keras").write_bytes(b"weights of 3")
    office.exchange.put(tmp_path / "trial-0003.keras", "s/from/trial-0003.keras")
    there = []
    run = office.executor.run
    office.executor.run = lambda job, number: (there.append((office.agent.folder / "trials" / "trial-0003.keras").read_bytes()), (yield from run(job, number)))
    office.agent.begin(JOB, 8, Item("s/from/trial-0003.keras", 12))
    office.until("finished")
    assert there == [b"weights of 3"]


def test_only_the_trial_that_runs_is_stopped(tmp_path):
    office = Office(tmp_path, epochs=50, hold=threading.Semaphore(1))
    office.agent.configure(office.briefs(office.setting))
    office.until("configured")
    office.agent.begin(JOB, 5, None)
    office.until("event")
    office.agent.stop(4)
    assert not office.executor.stopped
    office.agent.stop(5)
    assert office.until("finished")[-1][1][0].state is State.STOPPED


def test_what_was_seen_is_not_reported_again_and_a_lost_answer_is(tmp_path):
    office = Office(tmp_path)
    office.agent.configure(office.briefs(office.setting))
    office.until("configured")
    assert office.agent.poll(office.last, 0) == []
    office.agent._report("event", "a")
    office.agent._report("event", "b")
    first = office.agent.poll(office.last, 1)
    assert [one.value for one in office.agent.poll(office.last, 1)] == [one.value for one in first] == ["a", "b"]
    assert [one.value for one in office.agent.poll(first[0].number, 1)] == ["b"]


def test_another_version_and_a_place_that_it_does_not_see_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange_module, "ARRIVAL", 0.1)
    _, terms = terms_in(tmp_path, version="0.0.1")
    greeting = Agent(terms, executor=Formula).greet()
    assert greeting.node == socket.gethostname()
    assert "and the search has 0.0.1. Install the same version on every node." in greeting.refused
    office = Office(tmp_path)
    office.exchange.drop("s/probe")
    refused = office.agent.greet().refused
    assert refused.startswith(f"does not see {tmp_path} (")
    assert refused.endswith("Put --store in a folder that all nodes share, or name such a folder, or a URL, by --exchange.")


def test_files_that_cannot_travel_fail_the_trial_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange_module, "ARRIVAL", 0.1)
    office = Office(tmp_path)
    office.agent.configure(office.briefs(office.setting))
    office.until("configured")
    office.agent.begin(JOB, 1, Item("s/from/gone.keras", 5))
    outcome, sent = office.until("finished")[-1][1]
    assert isinstance(outcome, Finished)
    assert outcome.failure.startswith("its files could not travel: ")
    assert sent is None
    office.agent.begin(JOB, 2, None)
    assert office.until("finished")[-1][1][0].state is State.COMPLETE


def test_what_a_killed_agent_left_on_this_machine_is_deleted(tmp_path, cache):
    here = socket.gethostname()
    for name in (f"old{MARK}{here}{MARK}99999999", f"old{MARK}elsewhere{MARK}99999999", f"old{MARK}{here}{MARK}1"):
        (cache / "studies" / name).mkdir(parents=True)
    Office(tmp_path)
    assert sorted(path.name for path in (cache / "studies").iterdir()) == sorted([f"old{MARK}elsewhere{MARK}99999999", f"old{MARK}{here}{MARK}1"])
