"""What networks cost, asked of the worker once for each and kept in the record."""

from __future__ import annotations

import dataclasses
import json
import math

from automl_cnn.errors import TrialError, WorkerLost
from automl_cnn.records import NetCost
from automl_cnn.space import Configuration
from automl_cnn.study.executors.protocol import Executor
from automl_cnn.study.record import Record
from automl_cnn.transfer import FINETUNE, MIRROR, PRETRAINED, SIZES, STAGES, readout_of

COSTS, LATENCIES = "costs", "latencies"
UNKNOWN = NetCost(0, 1, 1)


class Prices:
    """`cost` and `latency` of a configuration's network; a network that cannot be built costs nothing here: its trial will say what is wrong."""

    def __init__(self, record: Record, executor: Executor) -> None:
        self._record, self._executor = record, executor
        self._costs = {key: NetCost(*value) for key, value in record.group(COSTS).items()}
        self._latencies: dict[str, float] = record.group(LATENCIES)
        self._broken: dict[str, str] = {}
        self._unmeasured: set[str] = set()

    def broken(self, configuration: Configuration) -> str | None:
        """Why no network of this architecture is built any more: one of them killed the worker, or made it hang."""
        return self._broken.get(str(configuration["architecture"]))

    def cost(self, configuration: Configuration) -> NetCost:
        key = _network(configuration)
        if key not in self._costs and self.broken(configuration):
            return UNKNOWN
        if key not in self._costs:
            try:
                self._costs[key] = self._executor.cost(configuration)
            except WorkerLost as error:
                self._broken[str(configuration["architecture"])] = str(error)
                return UNKNOWN
            except TrialError:
                self._costs[key] = UNKNOWN
            self._record.keep_one(COSTS, key, list(dataclasses.astuple(self._costs[key])))
        return self._costs[key]

    def latency(self, configuration: Configuration) -> float:
        """Milliseconds for one image; infinite where it could not be measured, so that such a network passes no limit. Only what was measured is kept."""
        found = self.measured(configuration)
        return math.inf if found is None else found

    def measured(self, configuration: Configuration) -> float | None:
        """The same; None where it could not be measured, which is not recorded: the next session tries again."""
        key = _network(configuration)
        if key in self._unmeasured:
            return None
        if not self._latencies.get(key):  # earlier versions kept a 0 for what could not be measured
            try:
                self._latencies[key] = self._executor.latency(configuration)
            except TrialError:
                self._unmeasured.add(key)
                return None
            self._record.keep_one(LATENCIES, key, self._latencies[key])
        return self._latencies[key]


def _network(configuration: Configuration) -> str:
    """What shapes the network, and nothing else."""
    architecture = str(configuration["architecture"])
    shaping = ["architecture", "resolution", "width", "depth", f"{PRETRAINED}{architecture}"]
    if not readout_of(configuration).plain:
        shaping += [f"{prefix}{architecture}" for prefix in (FINETUNE, SIZES, STAGES, MIRROR)]
    return json.dumps({key: value for key, value in configuration.items() if key in shaping or key.startswith(f"{architecture}.")}, sort_keys=True)
