"""What the search and the nodes say to each other: plain data, a few kilobytes at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from automl_cnn.study.running.executors.protocol import Setting


@dataclass(frozen=True)
class Node:
    """A machine of the cluster and what it has for trials."""

    name: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class Needs:
    """What each trial is given of a node."""

    cpus: int = 1
    gpus: float = 0.0

    def fitting(self, node: Node) -> int:
        """How many trials a node has room for."""
        by_gpu = [int(node.gpus / self.gpus)] if self.gpus else []
        return min([int(node.cpus / self.cpus), *by_gpu])

    @property
    def words(self) -> str:
        """As in `2 CPUs and 1 GPU`."""
        gpus = f" and {self.gpus:g} GPU{'' if self.gpus == 1 else 's'}" if self.gpus else ""
        return f"{self.cpus} CPU{'' if self.cpus == 1 else 's'}{gpus}"


@dataclass(frozen=True)
class Terms:
    """What an agent knows when it begins: the study's name on the nodes, the place of the exchange, and a file there that proves that it is the same one."""

    study: str
    exchange: str
    probe: str
    probe_size: int
    host: str  # the search's
    version: str
    threads: int
    keeper: str = ""  # what the place is called in messages


@dataclass(frozen=True)
class Greeting:
    """What an agent says when it is placed; `refused` is why it cannot work there, or ""."""

    node: str
    refused: str = ""


class Item(NamedTuple):
    """A file in the exchange."""

    name: str
    size: int


@dataclass(frozen=True)
class Brief:
    """What every trial shares, for another machine. `manifest` describes the images, `array` holds them; `original` is where they lie at the search's."""

    setting: Setting
    manifest: Item
    array: Item
    original: str
    weights: Item | None = None
    plugins: Mapping[str, bytes] = field(default_factory=dict)  # the files of --plugins-dir, by path


class News(NamedTuple):
    """What an agent reports: `event`, `finished`, `fetching`, `configured` or `failed`, with a running number."""

    number: int
    word: str
    value: Any
