"""A cluster in this process: agents in threads, which can be lost, be silent, or come back."""

import itertools
import json
import threading
from pathlib import Path

from automl_cnn import __version__
from automl_cnn.records import Epoch, Finished, NetCost, Started, State
from automl_cnn.study.nodes import Briefs
from automl_cnn.study.running.cluster.exchange import exchange_of
from automl_cnn.study.running.cluster.link import Hired
from automl_cnn.study.running.cluster.remote import RemoteExecutor
from automl_cnn.study.running.cluster.terms import Greeting, Needs, Node, Terms
from automl_cnn.study.running.executors.protocol import Setting

ONE = (Node("n1", 4, 0),)


class Formula:
    """Stands in for the local executor on a node: a trial has `epochs` epochs, waits for `hold` before each, and leaves a checkpoint."""

    def __init__(self, log, begin=None, *, epochs=2, hold=None):
        self.epochs, self.hold = epochs, hold
        self.settings, self.jobs, self.stopped, self.closed = [], [], False, False

    def wait(self, seconds):
        return True

    def configure(self, setting):
        self.settings.append(setting)

    def run(self, job, number, patience=None):
        self.jobs.append((job, number))
        self.stopped = False
        yield Started(NetCost(1, 1, 1), self.epochs)
        for epoch in range(1, self.epochs + 1):
            if self.hold is not None:
                self.hold.acquire(timeout=30)
            yield Epoch(epoch, self.epochs, epoch, 1.0, 0.5, 1.0, 0.5, 0.5 + number / 100, 0.01)
            if self.stopped:
                break
        Path(self.settings[-1].checkpoints, f"trial-{number:04d}.keras").write_bytes(b"weights of %d" % number)
        yield Finished(State.STOPPED if self.stopped else State.COMPLETE, 0.5 + number / 100, epoch)

    def stop(self):
        self.stopped = True
        if self.hold is not None:
            self.hold.release(100)

    def close(self):
        self.closed = True


class FakeCluster:
    """What `Cluster` is to an executor. `names` are the nodes that agents are placed on in turn; None: no node, for now."""

    def __init__(self, names=("n1", "n2", "n3"), *, executor=None, has=ONE, **formula):
        self.names, self.formula, self.up, self.has = iter(names), formula, True, has
        self.executor = executor or (lambda *given: Formula(*given, **self.formula))
        self.closed = False
        self.agents, self.hired, self.dismissed = {}, [], []
        self._tickets = itertools.count(1)

    def nodes(self):
        return list(self.has)

    def hire(self, needs, terms, agent):
        hired = Hired(next(self._tickets))
        self.hired.append(hired)
        name = next(self.names)
        if name is None:
            return hired
        self.agents[hired.ticket] = made = agent(terms, executor=self.executor)
        greeting = made.greet()
        hired.inbox.put(("hired", Greeting(name, greeting.refused)))
        threading.Thread(target=self._attend, args=(hired, made), daemon=True).start()
        return hired

    def _attend(self, hired, agent):
        last = 0
        while self.agents.get(hired.ticket) is agent:
            news = agent.poll(last, 0.05)
            if news and self.agents.get(hired.ticket) is agent:
                last = news[-1].number
                hired.inbox.put(("news", [(one.word, one.value) for one in news]))

    def call(self, hired, method, *given):
        if hired.ticket in self.agents:
            getattr(self.agents[hired.ticket], method)(*given)

    def dismiss(self, hired):
        self.dismissed.append(hired.ticket)
        gone = self.agents.pop(hired.ticket, None)
        if gone is not None:
            gone.close()

    def lose(self, why="it is gone", of_node=True, executor=None):
        """The agent with an executor is lost; the last one where none is named."""
        whose = [hired for hired in self.hired if hired.ticket in self.agents and self.agents[hired.ticket]._executor is executor]
        hired = (whose or self.hired)[-1]
        self.agents.pop(hired.ticket, None)
        hired.inbox.put(("lost", why, of_node))

    def close(self):
        self.closed = True


def setting_in(folder, **more):
    """What every trial shares, with a description of images and an array in `folder`."""
    (folder / "trials").mkdir(parents=True, exist_ok=True)
    array = folder / "0a1b-8.npy"
    array.write_bytes(b"pixels" * 100)
    (folder / "dataset.json").write_text(json.dumps({"array": str(array), "name": "s"}))
    return Setting(str(folder / "dataset.json"), "accuracy", "off", 0, None, str(folder / "trials"), **more)


def terms_in(folder, host="elsewhere", version=__version__):
    exchange = exchange_of(str(folder / "exchange"))
    (folder / "probe").write_text("here")
    exchange.put(folder / "probe", "s/probe")
    return exchange, Terms("s", str(folder / "exchange"), "s/probe", 4, host, version, 1, str(folder))


def remote(folder, cluster, **more):
    """An executor on a node of a fake cluster, configured."""
    exchange, terms = terms_in(folder)
    executor = RemoteExecutor(cluster, Needs(), terms, exchange=exchange, briefed=Briefs(exchange, "s"), **more)
    executor.configure(setting_in(folder))
    return executor
