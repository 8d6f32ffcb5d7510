"""The search's hand on a node: a local executor there, and the files that its trials need. It knows nothing of Ray, which runs it as an actor."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from automl_cnn import __version__, places
from automl_cnn.data import arrays, claims
from automl_cnn.errors import AutomlCnnError, Cause, TrialError
from automl_cnn.records import Finished, Job, State
from automl_cnn.study.running.cluster.exchange import exchange_of
from automl_cnn.study.running.cluster.terms import Brief, Greeting, Item, News, Terms
from automl_cnn.study.running.executors.local import LocalExecutor
from automl_cnn.study.running.executors.process import START_SECONDS, WorkerProcess
from automl_cnn.study.running.executors.protocol import Executor, Setting
from automl_cnn.study.running.executors.shares import Share

CACHE = "AUTOML_CNN_NODE_CACHE"  # the variable that names a node's folder of images
MARK = "@"  # in the names of folders
FETCHING = 2.0  # seconds between two reports of a copy under way


def cache_folder() -> Path:
    """Where a node keeps images: `$AUTOML_CNN_NODE_CACHE`, else a folder of the user's cache."""
    named = os.environ.get(CACHE)
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "automl-cnn" / "node"


class Agent:
    """One slot on a node. Every method but `greet` returns within seconds: what takes longer is reported by `poll`."""

    def __init__(self, terms: Terms, executor: Callable[..., Executor] = LocalExecutor) -> None:
        self.terms, self.exchange = terms, exchange_of(terms.exchange)
        self.cache = cache_folder()
        studies = self.cache / "studies"
        self.folder = studies / f"{terms.study}-{secrets.token_hex(4)}{MARK}{socket.gethostname()}{MARK}{os.getpid()}"
        _swept(studies)
        share = Share(threads=terms.threads)
        self._executor = executor(self.folder / "worker.log", partial(WorkerProcess, share=share))
        self._news: list[News] = []
        self._numbered, self._changed = 0, threading.Condition()
        self._trial: int | None = None
        self._claim = ExitStack()

    def greet(self) -> Greeting:
        """Whether it can work here; the answer comes when its worker process is ready, so that no trial waits for a start."""
        node = socket.gethostname()
        if __version__ != self.terms.version:
            return Greeting(node, f"has automl-cnn {__version__}, and the search has {self.terms.version}. Install the same version on every node.")
        try:
            self.exchange.get(self.terms.probe, self.folder / "probe", self.terms.probe_size)
        except AutomlCnnError as error:
            return Greeting(
                node,
                f"does not see {self.terms.keeper} ({str(error).rstrip('.')}). Put --store in a folder that all nodes share, or name such a folder, or a URL, "
                "by --exchange.",
            )
        except OSError as error:
            return Greeting(node, f"cannot keep images in {self.cache}: {error.strerror}. Set {CACHE} to a folder that can be written.")
        self._executor.wait(START_SECONDS)
        return Greeting(node)

    def configure(self, brief: Brief) -> None:
        """Fetch what every trial shares; reports `configured` or `failed`."""
        self._thread(self._configure, brief)

    def begin(self, job: Job, number: int, start: Item | None) -> None:
        """Train; reports each `event`, and at last `finished` with the checkpoint's place in the exchange (None: there is none)."""
        self._trial = number
        self._thread(self._run, job, number, start)

    def stop(self, number: int) -> None:
        """Ask a trial to end at its next step; nothing where it has ended."""
        if self._trial == number:
            self._executor.stop()

    def poll(self, after: int, seconds: float) -> list[News]:
        """What was reported after number `after`, waited for at most so long."""
        with self._changed:
            self._news = [one for one in self._news if one.number > after]
            self._changed.wait_for(lambda: bool(self._news), seconds)
            return list(self._news)

    def close(self) -> None:
        """End the worker process, and leave no files but images."""
        self._executor.close()
        self._claim.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _thread(self, function: Callable[..., None], *given: Any) -> None:
        threading.Thread(target=function, args=given, daemon=True).start()

    def _report(self, word: str, value: Any) -> None:
        with self._changed:
            self._numbered += 1
            self._news.append(News(self._numbered, word, value))
            self._changed.notify_all()

    def _configure(self, brief: Brief) -> None:
        try:
            self._executor.configure(self._setting(brief))
        except Exception as error:  # whoever waits for it must hear of it, whatever it is
            self._report("failed", str(error) or type(error).__name__)
        else:
            self._report("configured", None)

    def _setting(self, brief: Brief) -> Setting:
        """The search's setting with the places of this node."""
        manifest = self.folder / "dataset.json"
        self.exchange.get(brief.manifest.name, manifest, brief.manifest.size)
        described = json.loads(manifest.read_bytes())
        described["array"] = str(self._images(brief))
        manifest.write_text(json.dumps(described), encoding="utf-8")
        checkpoints = self.folder / "trials"
        checkpoints.mkdir(exist_ok=True)
        weights = None
        if brief.weights is not None:
            weights = self.folder / Path(brief.weights.name).name
            self.exchange.get(brief.weights.name, weights, brief.weights.size, self._moved())
        for path, content in brief.plugins.items():
            file = self.folder / "plugins" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return dataclasses.replace(
            brief.setting,
            dataset=str(manifest),
            checkpoints=str(checkpoints),
            weights=str(weights) if weights else None,
            plugins_dir=str(self.folder / "plugins") if brief.plugins else None,
        )

    def _images(self, brief: Brief) -> Path:
        """Where the decoded images lie on this node: where they are if it is the search's own machine, else in the node's cache, copied once."""
        if socket.gethostname() == self.terms.host and Path(brief.original).is_file():
            return Path(brief.original)
        folder = self.cache / "images"
        file = folder / Path(brief.array.name).name
        folder.mkdir(parents=True, exist_ok=True)
        self._claim.enter_context(claims.claimed(folder, arrays.family(file)))
        with FileLock(folder / f".{file.name}.lock"):
            if not file.is_file() or file.stat().st_size != brief.array.size:
                arrays.trim(folder, arrays.LIMIT_BYTES - brief.array.size, keep=file)
                self.exchange.get(brief.array.name, file, brief.array.size, self._moved())
        os.utime(file)
        return file

    def _moved(self) -> Callable[[int], None]:
        """Reports a copy under way, so that nobody takes it for a hang."""
        state = [0, time.monotonic()]

        def moved(count: int) -> None:
            state[0] += count
            if time.monotonic() - state[1] >= FETCHING:
                state[1] = time.monotonic()
                self._report("fetching", state[0])

        return moved

    def _run(self, job: Job, number: int, start: Item | None) -> None:
        checkpoints = self.folder / "trials"
        sent: Item | None = None
        outcome = Finished(State.FAILED, failure="it gave no result", cause=Cause.OTHER)
        try:
            if start is not None and not (checkpoints / Path(start.name).name).is_file():
                self.exchange.get(start.name, checkpoints / Path(start.name).name, start.size, self._moved())
            for event in self._executor.run(job, number):
                if isinstance(event, Finished):
                    outcome = event
                else:
                    self._report("event", event)
            sent = self._sent(places.checkpoint(checkpoints, number))
        except Exception as error:
            cause = error.cause if isinstance(error, TrialError) else Cause.OTHER
            outcome = Finished(State.FAILED, failure=f"its files could not travel: {error}", cause=cause)
        finally:
            self._trial = None
            self._report("finished", (outcome, sent))

    def _sent(self, checkpoint: Path) -> Item | None:
        """Put a checkpoint into the exchange; None where the trial left none."""
        if not checkpoint.is_file():
            return None
        item = Item(f"{self.terms.study}/{checkpoint.name}", checkpoint.stat().st_size)
        self.exchange.put(checkpoint, item.name)
        for other in checkpoint.parent.glob("*"):
            other.unlink(missing_ok=True)  # what is trained on later comes back through the exchange
        return item


def _swept(studies: Path) -> None:
    """Delete what agents left on this machine that were killed. Others may keep theirs in the same folder."""
    for folder in studies.glob(f"*{MARK}*{MARK}*"):
        _, host, number = folder.name.rsplit(MARK, 2)
        if host == socket.gethostname() and number.isdigit() and not psutil.pid_exists(int(number)):
            shutil.rmtree(folder, ignore_errors=True)
