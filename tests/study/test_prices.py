"""What networks cost: each a line of its own in the journal."""

import dataclasses
import itertools

from automl_cnn.errors import TrialError
from automl_cnn.records import NetCost
from automl_cnn.study.plan.limits import Limits
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.prices import COSTS, LATENCIES, Prices


class Counting:
    def __init__(self):
        self.asked = 0

    def cost(self, configuration):
        self.asked += 1
        return NetCost(configuration["resnet.depth"], 2, 3, 4)

    def latency(self, configuration):
        self.asked += 1
        return configuration["resnet.depth"] / 8


def network(depth):
    return {"architecture": "resnet", "resolution": 96, "resnet.depth": depth, "rate": 0.1}


def test_the_journal_grows_by_the_new_network_alone(tmp_path):
    journal, executor = tmp_path / "j", Counting()
    prices = Prices(Record(journal, "s"), lambda: executor)
    sizes = []
    for depth in range(100, 200):
        prices.cost(network(depth))
        prices.latency(network(depth))
        sizes.append(journal.stat().st_size)
    growth = [after - before for before, after in itertools.pairwise(sizes)]
    assert max(growth) <= min(growth) + 20, "an entry repeats what others hold"
    again = Prices(Record(journal, "s"), lambda: executor)
    assert again.cost(network(150)) == NetCost(150, 2, 3, 4)
    assert again.latency(network(150)) == 150 / 8
    assert executor.asked == 200


def test_what_an_earlier_version_kept_is_read(tmp_path):
    record, executor = Record(tmp_path / "j", "s"), Counting()
    key = '{"architecture": "resnet", "resnet.depth": 5, "resolution": 96}'
    record.keep(COSTS, {key: list(dataclasses.astuple(NetCost(7, 8, 9, 10)))})
    record.keep(LATENCIES, {key: 1.5})
    prices = Prices(record, lambda: executor)
    assert prices.cost(network(5)) == NetCost(7, 8, 9, 10)
    assert prices.latency(network(5)) == 1.5
    assert executor.asked == 0


def test_a_latency_that_could_not_be_measured_passes_no_limit_and_is_not_kept(tmp_path):
    class Failing(Counting):
        def latency(self, configuration):
            self.asked += 1
            raise TrialError("the worker is busy")

    record, executor = Record(tmp_path / "j", "s"), Failing()
    prices = Prices(record, lambda: executor)
    limits = Limits(latency=1000.0, measure=prices.latency)
    assert "could not be measured" in limits.broken(network(5), NetCost(1, 2, 3, 4))
    assert prices.measured(network(5)) is None
    assert executor.asked == 1, "not again within a session"
    assert record.group(LATENCIES) == {}
    later = Prices(record, Counting)
    assert later.latency(network(5)) == 5 / 8


def test_a_zero_that_an_earlier_version_kept_is_measured_again(tmp_path):
    record, executor = Record(tmp_path / "j", "s"), Counting()
    record.keep(LATENCIES, {'{"architecture": "resnet", "resnet.depth": 8, "resolution": 96}': 0.0})
    assert Prices(record, lambda: executor).latency(network(8)) == 1.0
