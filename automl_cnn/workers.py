"""Where trials are trained, and how well the workers were used: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WAITING = "waiting for a node"  # in place of a node's name


@dataclass(frozen=True)
class Place:
    """Where a trial is trained: by which `worker` (counted from 1) of which `node` (None: this machine), with which `part` of that machine's cores.

    A worker with a GPU of its own has a part of 1: it is as fast as it would be alone.
    """

    worker: int = 1
    node: str | None = None
    part: float = 1.0


@dataclass(frozen=True)
class Workers:
    """How the workers of a session were used, from its first trial's beginning on, `wall` seconds, until the last trial ended or one worker took all cores.

    `busy` and `idle` are seconds of all workers together, `part` is the part of the machine's cores that each has, `trials` the worker of each trial.
    """

    count: int
    part: float = 1.0
    busy: float = 0.0
    idle: float = 0.0
    wall: float = 0.0
    trials: Mapping[int, int] = field(default_factory=dict)
    each: str = ""  # what each has, where it is on a node of a cluster: 4 CPUs and 1 GPU
    nodes: int = 0  # how many nodes there were trials on

    @property
    def at_once(self) -> float:
        """Trials that ran at a time, on average: how many times the trial seconds of one such worker there were."""
        return self.busy / self.wall if self.wall else 0.0

    @property
    def unused(self) -> float:
        """The share of the workers' time in which they had no trial."""
        return self.idle / (self.busy + self.idle) if self.busy + self.idle else 0.0

    @property
    def sentence(self) -> str:
        """How they were used, for a summary."""
        each = self.each or ("a GPU of its own" if self.part == 1 else f"{self.part:.0%} of the cores")
        idle = f"idle for {self.unused:.0%} of the time ({self.idle:.0f} s together)"
        places = f" on {self.nodes} node{'' if self.nodes == 1 else 's'}" if self.nodes else ""
        return f"{self.count}{places}, each with {each}: {self.at_once:.2f} times the trial seconds of one such worker; {idle}"

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Workers | None:
        """What `as_dict` gave; None of None."""
        if kept is None:
            return None
        trials = {int(number): worker for number, worker in kept["trials"].items()}
        times = (kept["busy_seconds"], kept["idle_seconds"], kept["wall_seconds"])
        return cls(kept["count"], kept["part"], *times, trials, kept.get("each", ""), kept.get("nodes", 0))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        figures: dict[str, Any] = {"count": self.count, "part": self.part, "busy_seconds": self.busy, "idle_seconds": self.idle, "wall_seconds": self.wall}
        if self.each:
            figures |= {"each": self.each, "nodes": self.nodes}
        return {**figures, "speed_up": round(self.at_once, 2), "trials": {str(number): worker for number, worker in self.trials.items()}}
