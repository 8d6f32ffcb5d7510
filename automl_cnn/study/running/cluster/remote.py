"""An executor whose trials are trained on a node of a cluster."""

from __future__ import annotations

import dataclasses
import os
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

from automl_cnn import places
from automl_cnn.errors import AutomlCnnError, Cause, ConfigError
from automl_cnn.records import Event, Finished, Job, State
from automl_cnn.study.running.cluster.agent import Agent
from automl_cnn.study.running.cluster.exchange import Exchange
from automl_cnn.study.running.cluster.link import Cluster, Message
from automl_cnn.study.running.cluster.terms import Brief, Greeting, Item, Needs, Terms
from automl_cnn.study.running.executors.protocol import Setting

SILENCE = 300.0  # how long a trial may give no sign of life, where nobody says otherwise
FAILURES = 3  # to start, in a row, after which no other attempt is made
LOOK = 0.5  # seconds between two looks at the clock while nothing is reported


class RemoteExecutor:
    """One slot of a cluster. Its agent is placed at once, and placed again, on another node if need be, when it is lost.

    It trains and nothing else: what is asked between trials is asked of an executor on the search's machine. `briefed` says what every trial shares,
    `placed` is called with the name of each node that it is placed on, and with None when it is lost.
    """

    def __init__(
        self,
        cluster: Cluster,
        needs: Needs,
        terms: Terms,
        *,
        exchange: Exchange,
        briefed: Callable[[Setting], Brief],
        placed: Callable[[str | None], None] = lambda node: None,
        agent: type[Agent] = Agent,
    ) -> None:
        self._cluster, self._needs, self._terms = cluster, needs, terms
        self._exchange, self._briefed, self._placed, self._agent = exchange, briefed, placed, agent
        self._setting: Setting | None = None
        self._configured = self._closed = False
        self._trial: int | None = None
        self.node: str | None = None  # the machine that it is placed on; None: it waits for one
        self.waits_since = time.monotonic()
        self._hired = cluster.hire(needs, terms, agent)
        self._is_lost = False
        self._failures = 0  # to start, in a row

    def configure(self, setting: Setting) -> None:
        self._setting, self._configured = setting, False

    def wait(self, seconds: float) -> bool:
        """Whether it has a node and may be given a trial.

        Raises:
            ConfigError: the node cannot be used as it is.
        """
        until = time.monotonic() + seconds
        while True:
            if self._is_lost and self._cluster.up and not self._closed:
                self._hire()
            try:
                self._note(self._hired.inbox.get(timeout=0 if self.node else max(0.0, min(LOOK, until - time.monotonic()))))
            except queue.Empty:
                if self.node or time.monotonic() >= until:
                    return self.node is not None and not self._closed

    def run(self, job: Job, number: int, patience: Callable[[], float] | None = None) -> Iterator[Event]:
        began, patience, self._trial = time.monotonic(), patience or (lambda: SILENCE), number
        try:
            self._prepare(patience)
            self._cluster.call(self._hired, "begin", job, number, self._start(job))
            for word, value in self._reports(patience):
                if word == "event":
                    yield value
                elif word == "finished":
                    yield self._kept(*value, number=number)
                    return
        except _Gone as gone:
            yield Finished(State.FAILED, failure=str(gone), cause=gone.cause, seconds=time.monotonic() - began)
        except (AutomlCnnError, OSError) as error:
            yield Finished(State.FAILED, failure=f"its files could not travel: {error}", cause=Cause.OTHER, seconds=time.monotonic() - began)
        finally:
            self._trial = None

    def stop(self) -> None:
        number = self._trial
        if number is not None:
            self._cluster.call(self._hired, "stop", number)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._cluster.dismiss(self._hired)
            self._hired.inbox.put(("lost", "the search ends", False))  # whoever listens ends

    def _hire(self) -> None:
        self._hired, self._is_lost = self._cluster.hire(self._needs, self._terms, self._agent), False

    def _lose(self) -> None:
        """Let the agent go; the next look at the slot asks for another one."""
        self._cluster.dismiss(self._hired)
        if self.node is not None:
            self.waits_since = time.monotonic()
            self._placed(None)
        self.node, self._configured, self._is_lost = None, False, True

    def _note(self, message: Message) -> None:
        """Take in what is reported while no trial runs."""
        word, *given = message
        if word == "hired":
            greeting: Greeting = given[0]
            if greeting.refused:
                raise ConfigError(f"The node {greeting.node} {greeting.refused}")
            self.node, self._failures = greeting.node, 0
            self._placed(greeting.node)
        elif word == "lost":
            self._lose()
        elif word == "failed":
            self._failures += 1
            if self._failures >= FAILURES:
                raise ConfigError(
                    f"No worker could be started on the cluster, {FAILURES} times in a row: {given[0]}. "
                    "Each node needs the same Python, Ray and automl-cnn as this machine: pip install 'automl-cnn[ray]'."
                )
            self._lose()

    def _prepare(self, patience: Callable[[], float]) -> None:
        """See to it that the agent knows what every trial shares."""
        if self._configured:
            return
        if self._setting is None:
            raise RuntimeError("the executor was not configured")
        self._cluster.call(self._hired, "configure", self._briefed(self._setting))
        for word, value in self._reports(patience):
            if word == "failed":
                raise _Gone(f"the node {self.node} could not be set up: {value}", Cause.OTHER)
            if word == "configured":
                break
        self._configured = True

    def _reports(self, patience: Callable[[], float]) -> Iterator[tuple[str, Any]]:
        """What the agent reports.

        Raises:
            _Gone: it was lost, or silent for too long, and is placed again.
        """
        last = time.monotonic()
        while True:
            try:
                word, *given = self._hired.inbox.get(timeout=LOOK)
            except queue.Empty:
                silence = min(SILENCE, patience())
                if time.monotonic() - last <= silence:
                    continue
                node = self.node
                self._lose()
                raise _Gone(f"no sign of life for {silence:.0f} s, so its worker on {node} was ended", Cause.WORKER) from None
            last = time.monotonic()
            if word == "news":
                yield from given[0]
            elif word == "lost":
                raise self._gone(*given)

    def _gone(self, why: str, of_node: bool) -> _Gone:
        if self._closed:
            return _Gone("the worker was ended", Cause.INTERRUPTED)
        node = self.node
        self._lose()
        return _Gone(f"the node {node} was lost: {why}" if of_node else f"the worker on {node} was lost: {why}", Cause.NODE if of_node else Cause.WORKER)

    def _start(self, job: Job) -> Item | None:
        """The checkpoint that a job goes on from, in the exchange."""
        if job.continue_from is None or self._setting is None:
            return None
        file = places.checkpoint(self._setting.checkpoints, job.continue_from)
        if not file.is_file():
            return None
        item = Item(f"{self._terms.study}/from/{file.name}", file.stat().st_size)
        if not self._exchange.has(item.name, item.size):
            self._exchange.put(file, item.name)
        return item

    def _kept(self, outcome: Finished, sent: Item | None, *, number: int) -> Finished:
        """An outcome whose checkpoint was brought here."""
        if sent is None or self._setting is None:
            return outcome
        checkpoint = places.checkpoint(self._setting.checkpoints, number)
        arriving = checkpoint.parent.parent / f".arriving-{checkpoint.name}"
        self._exchange.get(sent.name, arriving, sent.size)
        os.replace(arriving, checkpoint)
        self._exchange.drop(sent.name)
        return dataclasses.replace(outcome, checkpoint=str(checkpoint))


class _Gone(Exception):
    """A trial that ends without a result of its own."""

    def __init__(self, why: str, cause: Cause) -> None:
        super().__init__(why)
        self.cause = cause
