"""What networks cost and how long they take: measured once by the worker, kept in the record, looked up by the plan."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import TypeVar

from automl_cnn.errors import TrialError, WorkerLost
from automl_cnn.records import NetCost
from automl_cnn.space import Configuration
from automl_cnn.study.plan.wishes import Measure, Unknown, Unmeasured
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.executors.protocol import Executor
from automl_cnn.transfer import FINETUNE, MIRROR, PRETRAINED, SIZES, STAGES, readout_of

COSTS, LATENCIES = "costs", "latencies"
UNKNOWN = NetCost(0, 1, 1)
T = TypeVar("T")


class Known:
    """What was measured so far. It asks nobody: where something is missing, it raises `Unmeasured` with what is to be measured.

    A network that cannot be built costs nothing here: its trial will say what is wrong.
    """

    def __init__(self, costs: dict[str, NetCost], latencies: dict[str, float]) -> None:
        self._costs, self._latencies = costs, latencies
        self._broken: dict[str, str] = {}
        self._unmeasured: set[str] = set()

    def broken(self, configuration: Configuration) -> str | None:
        """Why no network of this architecture is built any more: one of them killed the worker, or made it hang."""
        return self._broken.get(str(configuration["architecture"]))

    def cost(self, configuration: Configuration) -> NetCost:
        key = network_key(configuration)
        if key not in self._costs:
            if self.broken(configuration):
                return UNKNOWN
            raise Unmeasured(Measure("cost", configuration))
        return self._costs[key]

    def latency(self, configuration: Configuration) -> float:
        """Milliseconds for one image; infinite where it could not be measured, so that such a network passes no limit."""
        milliseconds = self.measured(configuration)
        return math.inf if milliseconds is None else milliseconds

    def measured(self, configuration: Configuration) -> float | None:
        """The same; None where it could not be measured."""
        key = network_key(configuration)
        if self._latencies.get(key):  # earlier versions kept a 0 for what could not be measured
            return self._latencies[key]
        if key in self._unmeasured or self.broken(configuration):
            return None
        raise Unmeasured(Measure("latency", configuration))

    def add(self, need: Measure, outcome: NetCost | float | Unknown) -> None:
        """Take in what a measurement gave."""
        key = network_key(need.configuration)
        if isinstance(outcome, NetCost):
            self._costs[key] = outcome
        elif isinstance(outcome, float):
            self._latencies[key] = outcome
        elif need.what == "cost":
            self._costs[key] = UNKNOWN
        else:
            self._unmeasured.add(key)

    def give_up(self, need: Measure, reason: str) -> None:
        """Never again build a network of this architecture, which took the worker with it."""
        self._broken[str(need.configuration["architecture"])] = reason


class Prices:
    """Measures by an idle worker, which `executor` gives, and keeps what it measured in the record. `known` is what the plan looks up.

    `cost`, `latency` and `measured` measure at once whatever is missing. They are for callers outside the plan, such as limits of an ensemble.
    """

    def __init__(self, record: Record, executor: Callable[[], Executor]) -> None:
        self._record, self._executor = record, executor
        self.known = Known({key: NetCost(*value) for key, value in record.group(COSTS).items()}, record.group(LATENCIES))

    def measure(self, need: Measure) -> None:
        """Ask the worker, and keep what it answers. A latency that could not be measured is not kept: the next session tries again."""
        try:
            outcome = self._outcome(need)
        except WorkerLost as error:
            self.known.give_up(need, str(error))
            return
        self.known.add(need, outcome)
        key = network_key(need.configuration)
        if need.what == "cost":
            self._record.keep_one(COSTS, key, list(dataclasses.astuple(self.known.cost(need.configuration))))
        elif isinstance(outcome, float):
            self._record.keep_one(LATENCIES, key, outcome)

    def _outcome(self, need: Measure) -> NetCost | float | Unknown:
        """
        Raises:
            WorkerLost: building the network killed the worker, or made it hang.
        """
        try:
            executor = self._executor()
            return executor.cost(need.configuration) if need.what == "cost" else float(executor.latency(need.configuration))
        except WorkerLost:
            if need.what == "cost":
                raise
            return Unknown("the worker was lost")
        except TrialError as error:
            return Unknown(str(error))

    def cost(self, configuration: Configuration) -> NetCost:
        """What a network costs; nothing where it cannot be built."""
        return self._now(self.known.cost, configuration)

    def latency(self, configuration: Configuration) -> float:
        """Milliseconds for one image; infinite where they cannot be measured."""
        return self._now(self.known.latency, configuration)

    def measured(self, configuration: Configuration) -> float | None:
        """Milliseconds for one image; None where they cannot be measured."""
        return self._now(self.known.measured, configuration)

    def _now(self, look_up: Callable[[Configuration], T], configuration: Configuration) -> T:
        try:
            return look_up(configuration)
        except Unmeasured as missing:
            self.measure(missing.need)
            return look_up(configuration)


def network_key(configuration: Configuration) -> str:
    """What shapes the network, and nothing else."""
    architecture = str(configuration["architecture"])
    shaping = ["architecture", "resolution", "width", "depth", f"{PRETRAINED}{architecture}"]
    if not readout_of(configuration).plain:
        shaping += [f"{prefix}{architecture}" for prefix in (FINETUNE, SIZES, STAGES, MIRROR)]
    return json.dumps({key: value for key, value in configuration.items() if key in shaping or key.startswith(f"{architecture}.")}, sort_keys=True)
