"""What may be expected of networks that were trained for a while, and what is trained at the end of a search."""

import dataclasses

import pytest
from planner_fakes import IMAGES, SETUP, TRANSFER, trained, transfer_cost

from automl_cnn.records import MAJORITY, Epoch, Fidelity, Job, State
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.limits import Limits
from automl_cnn.study.plan.stages import Final, Situation, Sizing
from automl_cnn.study.plan.stages.final import WORTH
from automl_cnn.study.plan.stages.outlook import FLATTEST, STEEPEST, expected, hopeful, within_reach


def network(number=0, score=0.8, *, curve=None, seconds=20.0, setup=0.0, **given):
    """A trained network; `curve` are its scores by epoch."""
    job = Job({"architecture": "big", "resolution": 32, "width": 0.5}, Fidelity(60, 30.0), "", "search")
    scores = [score] if curve is None else curve
    epochs = tuple(Epoch(place, len(scores), float(place), 1.0, 0.5, 1.0, 0.5, value, 0.1) for place, value in enumerate(scores, 1))
    return dataclasses.replace(trained(number, job, score, seconds), **{"epochs": epochs, "setup": setup, **given})


def readout(number=9, score=0.9, **given):
    configuration = TRANSFER.defaults({"architecture": "small", "pretrained.small": "known", "finetune.small": "probe", "resolution": 96})
    made = network(number, score, curve=[score], stage="defaults")
    return dataclasses.replace(made, configuration=configuration, mult_adds=transfer_cost(configuration).mult_adds, images_per_second=200.0, **given)


def situation(*done, total=600.0, used=300.0, share=30.0):
    return Situation(tuple(done), Budget(total, used), share, 3, 60)


def test_an_error_falls_by_a_power_of_the_time():
    trial = network(score=0.6, curve=[0.2, 0.2, 0.5, 0.6])
    assert expected(trial, 0.0) == pytest.approx(0.4)
    assert expected(trial, 20.0) == pytest.approx(0.4 / 2), "as steep as its curve: 0.8 became 0.4 while its time doubled"
    assert expected(trial, 60.0) == pytest.approx(0.4 / 4)


def test_the_steepness_has_bounds():
    flat = network(score=0.6, curve=[0.6, 0.6, 0.6, 0.6])
    falling = network(score=0.6, curve=[0.7, 0.7, 0.5, 0.6])
    steep = network(score=0.9, curve=[0.1, 0.1, 0.8, 0.9])
    alone = network(score=0.6)
    assert expected(flat, 20.0) == expected(falling, 20.0) == expected(alone, 20.0) == pytest.approx(0.4 * 0.5**FLATTEST)
    assert expected(steep, 20.0) == pytest.approx(0.1 * 0.5**STEEPEST)
    assert expected(network(score=1.0, curve=[0.5, 1.0]), 20.0) == 0.0
    assert expected(network(epochs=()), 20.0) > 0


def test_time_for_building_teaches_nothing():
    assert expected(network(seconds=20.0, setup=10.0), 10.0) == pytest.approx(expected(network(seconds=10.0), 10.0))


def test_a_network_is_within_reach_if_it_may_come_into_the_interval_of_the_best():
    best = readout(interval=(0.84, 0.95))
    trial = network(score=0.8)
    assert 0.2 * 0.5**FLATTEST > 1 - 0.84, "the case is worth it"
    assert not within_reach(trial, best, 20.0)
    assert within_reach(trial, best, 60.0)
    assert within_reach(trial, None, 0.0)
    assert within_reach(trial, dataclasses.replace(best, interval=None), 0.0), "nothing is known against it"


def test_the_most_hopeful_is_the_one_with_the_lowest_expected_error():
    best = readout(score=0.9)
    steep = network(1, 0.8, curve=[0.3, 0.3, 0.7, 0.8])
    flat = network(2, 0.82, curve=[0.82] * 4)
    now = situation(flat, steep, best)
    assert expected(steep, now.budget.left) < expected(flat, now.budget.left)
    assert hopeful(now).number == 1
    assert hopeful(situation(flat, best)).number == 2
    assert hopeful(situation(network(3, 0.3, curve=[0.3] * 4), best)) is None
    assert hopeful(situation(best)) is None
    assert hopeful(situation()) is None


@pytest.mark.parametrize(
    "given",
    [{"state": State.PRUNED}, {"state": State.FAILED, "score": None}, {"epochs": ()}, {"stage": MAJORITY}],
    ids=["pruned", "failed", "without epochs", "majority"],
)
def test_only_networks_that_were_trained_are_hopeful(given):
    best = readout()
    assert hopeful(situation(network(0, 0.85), best)) is not None
    assert hopeful(situation(dataclasses.replace(network(0, 0.85), **given), best)) is None


@pytest.fixture
def final():
    return Final(Sizing(TRANSFER, transfer_cost, IMAGES, 64))


def test_a_network_that_leads_is_trained_longer(final):
    best = network(4, 0.9, setup=3.0)
    now = situation(network(1, 0.5), best)
    job = final.next(now)
    assert (job.stage, job.continue_from, job.configuration) == ("final", 4, best.configuration)
    assert job.fidelity.seconds == pytest.approx(now.budget.left - 3.0)
    assert job.reason == "trial 4, the best so far, trained longer"


def test_where_a_readout_leads_a_rival_within_reach_is_trained_longer(final):
    rival = network(2, 0.86, setup=3.0)
    now = situation(network(1, 0.5), rival, readout())
    job = final.next(now)
    assert (job.stage, job.continue_from, job.configuration) == ("final", 2, rival.configuration)
    assert job.fidelity.seconds == pytest.approx(now.budget.left - 3.0), "its network is built once more"
    assert job.fidelity.rung == rival.fidelity.rung + 1
    assert job.reason == "trial 2, which may yet overtake the best readout, trained longer"


def test_a_rival_that_was_trained_longer_is_not_trained_again(final):
    rival = network(2, 0.86)
    again = network(10, 0.88, stage="final", continue_from=2, curve=[0.86, 0.86, 0.88, 0.88])
    assert final.next(situation(rival, readout(), again)) is None


def test_where_no_rival_is_within_reach_the_readouts_network_is_fine_tuned(final):
    now = situation(network(1, 0.4), readout())
    job = final.next(now)
    assert job.stage == "final"
    assert job.continue_from is None
    assert (job.configuration["pretrained.small"], job.configuration["finetune.small"]) == ("known", "head_first")
    assert job.fidelity.seconds < now.budget.left
    assert job.reason == "trial 9, the best so far, trained on"


def test_without_time_for_three_epochs_nothing_is_fine_tuned(final):
    done = (network(1, 0.4), readout())
    least = min(total for total in range(20, 600, 5) if final.next(situation(*done, total=float(total), used=10.0)) is not None)
    left = Budget(float(least), 10.0).left
    configuration = final.next(situation(*done, total=float(least), used=10.0)).configuration
    needed = final.sizing.epochs(configuration, done, WORTH)
    assert needed <= left
    assert Budget(float(least - 5), 10.0).left < needed
    assert needed > SETUP
    assert final.next(situation(*done, total=20.0, used=15.0)) is None


def test_a_fine_tuning_that_breaks_a_limit_is_not_begun():
    limited = Final(Sizing(TRANSFER, transfer_cost, IMAGES, 64, Limits(params=500)))
    assert limited.next(situation(network(1, 0.4), readout())) is None


def test_without_a_budget_or_a_best_nothing_is_trained_at_the_end(final):
    assert final.next(situation()) is None
    assert final.next(Situation((network(0, 0.9),), Budget(None, 100.0), None, 3, 60)) is None
