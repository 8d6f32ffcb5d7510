"""The workers of a search on a Ray cluster: how many, what each needs, and the files that they share."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from automl_cnn import __version__
from automl_cnn.config import StudyConfig
from automl_cnn.data.place import located_array
from automl_cnn.errors import ConfigError
from automl_cnn.store import StudyFolder
from automl_cnn.study.running.cluster.agent import Agent
from automl_cnn.study.running.cluster.exchange import Exchange, exchange_of, written
from automl_cnn.study.running.cluster.link import Cluster
from automl_cnn.study.running.cluster.remote import RemoteExecutor
from automl_cnn.study.running.cluster.terms import Brief, Item, Needs, Node, Terms
from automl_cnn.study.running.crew import Crew, Slot
from automl_cnn.study.running.executors.protocol import Executor, Setting
from automl_cnn.workers import WAITING, Place

TRAVELS = "exchange-"  # how the folder begins through which files travel
PATIENCE = 600.0  # seconds after which a search whose cluster has no node for it ends
MOST_PLUGINS = 20 * 2**20  # bytes of --plugins-dir


class OnCluster:
    """A team on the nodes of a Ray cluster. Opening it joins the cluster.

    Raises:
        ConfigError: the cluster cannot be joined.
    """

    notes: Sequence[str] = ()
    part = 1.0  # a trial is as fast as it would be alone
    agent: type[Agent] = Agent

    def __init__(self, config: StudyConfig, note: Callable[[str], None]) -> None:
        config.store.mkdir(parents=True, exist_ok=True)
        self._config = config
        self._executors: list[RemoteExecutor] = []
        self._cluster = Cluster(config.address, config.store / "cluster.log")
        self._own: tuple[Exchange, str] | None = None  # what to delete at the end
        nodes = self._cluster.nodes()
        self.needs = needs_of(config, nodes)
        room = sum(map(self.needs.fitting, nodes))
        self.count = max(1, room) if config.workers == "auto" else config.workers
        if not room:
            note(_no_room(self.needs, nodes))
        elif self.count > room:
            note(f"The cluster has room for {room} trial{'' if room == 1 else 's'} with {self.needs.words} each; the others of {self.count} wait for nodes.")

    def crew(self, folder: StudyFolder, local: Callable[..., Executor], side: Callable[[], int | None] = lambda: None) -> Crew:
        """One slot for each trial at a time, and an executor on this machine for all else."""
        for left in folder.folder.glob(f"{TRAVELS}*"):  # by a search that was killed
            shutil.rmtree(left, ignore_errors=True)
        folder.folder.mkdir(parents=True, exist_ok=True)
        home = local(folder.log)
        place, study = written(self._config.exchange or folder.folder), f"{TRAVELS}{uuid.uuid4().hex[:12]}"
        exchange = exchange_of(place)
        self._own = (exchange, study)
        terms = Terms(
            study=study,
            exchange=place,
            probe=_probe(exchange, study, folder.folder),
            probe_size=len(study),
            host=socket.gethostname(),
            version=__version__,
            threads=self.needs.cpus,
            keeper=str(self._config.exchange or folder.folder),
        )
        briefed = Briefs(exchange, study)
        slots = [self._slot(number, terms, exchange, briefed) for number in range(1, self.count + 1)]
        return Crew(slots, home=home, each=self.needs.words, stranded=functools.partial(_stranded, self._executors, self.needs))

    def close(self) -> None:
        """Leave the cluster, and delete what travelled."""
        self._cluster.close()
        if self._own is not None:
            exchange, study = self._own
            exchange.drop(study)

    def _slot(self, number: int, terms: Terms, exchange: Exchange, briefed: Callable[[Setting], Brief]) -> Slot:
        slot: Slot

        def placed(node: str | None) -> None:
            slot.place = dataclasses.replace(slot.place, node=node or WAITING)

        executor = RemoteExecutor(self._cluster, self.needs, terms, exchange=exchange, briefed=briefed, placed=placed, agent=self.agent)
        self._executors.append(executor)
        slot = Slot(executor, Place(number, WAITING))
        return slot


class Briefs:
    """What every trial shares, put into the exchange once."""

    def __init__(self, exchange: Exchange, study: str) -> None:
        self._exchange, self._study = exchange, study
        self._made: dict[str, Brief] = {}
        self._lock = threading.Lock()

    def __call__(self, setting: Setting) -> Brief:
        """
        Raises:
            StoreError: a file cannot be put into the exchange.
            OSError: one cannot be read.
        """
        with self._lock:
            manifest = Path(setting.dataset)
            key = hashlib.blake2b(manifest.read_bytes() + repr(setting).encode()).hexdigest()
            if key not in self._made:
                self._made[key] = self._brief(setting, manifest)
            return self._made[key]

    def _brief(self, setting: Setting, manifest: Path) -> Brief:
        array = Path(located_array(str(json.loads(manifest.read_bytes())["array"]), manifest))
        weights = None if setting.weights is None else self._item(Path(setting.weights), f"{self._study}/{Path(setting.weights).name}")
        return Brief(
            setting,
            self._item(manifest, f"{self._study}/{uuid.uuid4().hex[:8]}.json"),
            self._item(array, f"{self._study}/images/{array.name}"),
            str(array),
            weights,
            {} if setting.plugins_dir is None else plugins_in(Path(setting.plugins_dir)),
        )

    def _item(self, file: Path, name: str) -> Item:
        item = Item(name, file.stat().st_size)
        if not self._exchange.has(*item):
            self._exchange.put(file, name)
        return item


def needs_of(config: StudyConfig, nodes: list[Node]) -> Needs:
    """What each trial is given: a GPU and its share of the CPUs where there are GPUs, else the CPUs of the smallest node."""
    gpus = config.gpus_per_trial if config.gpus_per_trial is not None else (1.0 if any(node.gpus >= 1 for node in nodes) else 0.0)
    if config.cpus_per_trial is not None:
        return Needs(config.cpus_per_trial, gpus)
    able = [node for node in nodes if node.cpus >= 1 and node.gpus >= gpus]
    return Needs(max(1, min((int(node.cpus * gpus / node.gpus if gpus else node.cpus) for node in able), default=1)), gpus)


def plugins_in(folder: Path) -> dict[str, bytes]:
    """The files of a folder of plugins, by path.

    Raises:
        ConfigError: they are too large to be sent to every node.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    if sum(path.stat().st_size for path in files) > MOST_PLUGINS:
        raise ConfigError(f"{folder} holds more than {MOST_PLUGINS // 2**20} MB. Install large plugins as a package on every node.")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _probe(exchange: Exchange, study: str, folder: Path) -> str:
    """A file in the exchange by which a node sees that it is the same one; its name."""
    file = folder / f".{study}"
    file.write_text(study, encoding="ascii")
    try:
        exchange.put(file, f"{study}/probe")
    finally:
        file.unlink(missing_ok=True)
    return f"{study}/probe"


def _no_room(needs: Needs, nodes: list[Node]) -> str:
    largest = max(nodes, key=lambda node: (node.gpus, node.cpus), default=None)
    has = "it has no node" if largest is None else f"its largest has {Needs(int(largest.cpus), largest.gpus).words}"
    return f"No node of the cluster has room for a trial with {needs.words}: {has}. Waiting for one, {PATIENCE / 60:.0f} minutes at most."


def _stranded(executors: list[RemoteExecutor], needs: Needs) -> str | None:
    """Why the search ends where no slot has had a node for too long."""
    if any(executor.node for executor in executors):
        return None
    waits = time.monotonic() - max(executor.waits_since for executor in executors)
    if waits < PATIENCE:
        return None
    return f"No node of the cluster had room for a trial with {needs.words} for {PATIENCE / 60:.0f} minutes. The same command goes on when there is one."
