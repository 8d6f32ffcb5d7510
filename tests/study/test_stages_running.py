"""What each stage makes of trials that are still running: what has begun is not begun again, what has not ended is not judged."""

import dataclasses

import pytest
from planner_fakes import IMAGES, SPACE, TRANSFER, FakeEngine, cost, simulate, trained, transfer_cost

from automl_cnn.errors import Cause
from automl_cnn.records import Fidelity, Job, State
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.proposed import Proposed
from automl_cnn.study.plan.engines.protocol import Proposal
from automl_cnn.study.plan.planner import Planner, Snapshot
from automl_cnn.study.plan.stages import Defaults, Final, Promotion, Proposals, Retry, Situation, Sizing, in_use, kept
from automl_cnn.study.plan.stages.sizing import pace
from automl_cnn.study.plan.wishes import Train, Wait

SIZING = Sizing(SPACE, cost, IMAGES)


def running(job, number):
    """The job as a trial that has just begun."""
    trial = trained(number, job, 0.5, 1.0)
    return dataclasses.replace(trial, state=State.RUNNING, score=None, interval=None, epochs=(), images_per_second=None, continue_from=job.continue_from)


def situation(done, under_way, budget=None, share=20.0, **more):
    return Situation(tuple(done), budget or Budget(480, 60), share, 3, 60, running=tuple(under_way), **more)


def test_defaults_that_run_are_not_begun_again():
    begun = []
    while (job := Defaults(SIZING).next(situation((), begun))) is not None:
        begun.append(running(job, len(begun)))
    assert sorted(trial.architecture for trial in begun) == ["big", "slow", "small"]


def test_a_default_that_runs_counts_among_those_there_is_time_for():
    first = running(Defaults(SIZING).next(situation((), ())), 0)
    assert Defaults(SIZING).next(dataclasses.replace(situation((), (first,)), defaults=1)) is None


def test_a_trial_that_is_being_trained_on_is_not_promoted_again():
    done = [
        trained(number, Job({"architecture": "big", "resolution": 32, "width": 1.0}, Fidelity(60, 20), "", "search"), 0.5 + number / 100, 20)
        for number in range(9)
    ]
    chosen = []
    while (job := Promotion(SIZING).next(situation(done, chosen, Budget(3600, 60)))) is not None:
        chosen.append(running(job, 9 + len(chosen)))
    assert [trial.continue_from for trial in chosen] == [8, 7, 6]


def test_a_running_trial_is_no_peer_of_those_that_ended():
    job = Job({"architecture": "big", "resolution": 32, "width": 1.0}, Fidelity(60, 20), "", "search")
    done = [trained(number, job, 0.5 + number / 100, 20) for number in range(5)]
    assert Promotion(SIZING).next(situation(done, [running(job, 5)], Budget(3600, 60))) is None
    assert Promotion(SIZING).next(situation([*done, trained(5, job, 0.1, 20)], [], Budget(3600, 60))) is not None


def test_a_trial_out_of_memory_is_tried_again_once_whatever_began_after_it():
    space = Space((*SPACE, Parameter("batch_size", Choice(16, 32, 64))))
    job = Job({"architecture": "big", "resolution": 32, "width": 1.0, "batch_size": 64}, Fidelity(60, 30), "", "search")
    failed = dataclasses.replace(trained(3, job, 0.5, 1), state=State.FAILED, score=None, failure="out of memory", cause=Cause.MEMORY)
    later = trained(4, dataclasses.replace(job, configuration={**job.configuration, "batch_size": 16}), 0.5, 1)
    retry = Retry(Sizing(space, cost, IMAGES))
    again = retry.next(situation([failed, later], []))
    assert again.configuration["batch_size"] == 32
    assert again.reason.startswith("trial 3 again")
    assert retry.next(situation([failed, later], [running(again, 5)])) is None
    assert retry.next(situation([failed, later, trained(5, again, 0.5, 1)], [])) is None


def test_a_configuration_that_runs_is_refused_when_it_is_proposed():
    class Repeats(FakeEngine):
        def ask(self):
            self.asked += 1
            return Proposal(self.asked, {"architecture": "big", "resolution": 32, "width": (1.0, 0.5)[self.asked > 2]}, "fake")

    unhurried = {"budget": Budget(None, 60.0), "share": None}
    job = Proposals(SIZING, Proposed(Repeats())).next(situation((), (), **unhurried))
    other = Proposals(SIZING, Proposed(Repeats())).next(situation((), [running(job, 0)], **unhurried))
    assert (job.configuration["width"], other.configuration["width"], other.refused) == (1.0, 0.5, 2)


def test_an_engine_with_nothing_to_propose_for_now_is_waited_for():
    class Idle(FakeEngine):
        def ask(self):
            return None

    done, _ = simulate(480)
    first = tuple(trial for trial in done if trial.stage == "defaults")
    planner = Planner(SIZING, Idle(), 60)
    under_way = running(Job({"architecture": "big", "resolution": 32, "width": 1.0}, Fidelity(60, 20), "", "search"), 9)
    assert Proposals(SIZING, Proposed(Idle())).next(situation(first, ())) is None
    assert isinstance(planner.decide(Snapshot((*first, under_way), Budget(None, 60.0, 20))).wish, Wait)


def test_running_trials_count_toward_the_number_of_trials():
    planner = Planner(SIZING, FakeEngine(), 60)
    job = planner.next((), Budget(None, 0.0, 1))
    now = Snapshot((running(job, 0),), Budget(None, 0.0, 1))
    assert isinstance(planner.decide(now).wish, Wait)
    assert isinstance(planner.decide(dataclasses.replace(now, budget=Budget(None, 0.0, 2))).wish, Train)


def test_what_is_set_aside_for_the_final_training_stays_so_while_trials_run():
    done, _ = simulate(480)
    first = tuple(trial for trial in done if trial.stage != "final")
    planner, late = Planner(SIZING, FakeEngine(), 60), Budget(480, 470)
    under_way = running(Job({"architecture": "slow", "resolution": 32, "width": 1.0}, Fidelity(60, 20), "", "search"), len(first))
    assert planner.next((*first, under_way), late) is None


@pytest.mark.parametrize(
    ("budget", "alone"), [(Budget(480, 300), False), (Budget(480, 300, slots=2, part=0.5), True), (Budget(120, 80, slots=2, part=0.5), False)]
)
def test_a_long_final_training_asks_for_all_cores_where_trials_have_a_part(budget, alone):
    done, _ = simulate(480)
    first = tuple(trial for trial in done if trial.stage == "defaults")
    job = Final(SIZING).next(situation(first, (), budget))
    assert job is not None
    planner = Planner(SIZING, FakeEngine(), 60)
    object.__setattr__(planner, "next", lambda *given: job)
    assert planner.decide(Snapshot(first, budget)).wish.alone is alone


def test_probes_run_beside_each_other_once_each():
    begun = []
    sizing = Sizing(TRANSFER, transfer_cost, IMAGES, 64)
    while (job := Defaults(sizing, probes=True).next(situation((), begun))) is not None:
        begun.append(running(dataclasses.replace(job, configuration={"width": 1.0, **job.configuration}), len(begun)))
        begun[-1] = dataclasses.replace(begun[-1], configuration=job.configuration)
    assert len(begun) == 1


def test_files_in_use_are_those_of_running_trials_and_of_their_origins():
    job = Job({"architecture": "big", "resolution": 32, "width": 1.0}, Fidelity(60, 20), "", "promotion", continue_from=2)
    done = [trained(number, job, 0.5 + number / 100, 20) for number in range(12)]
    trials = [*done, running(job, 12)]
    assert in_use(trials) == {2, 12}
    assert 12 not in kept(trials)


def test_with_several_slots_as_much_longer_a_slice_or_as_many_more_defaults():
    one, cores, gpus = Budget(600, 0.0), Budget(600, 0.0, slots=4, part=0.25), Budget(600, 0.0, slots=4)
    assert cores.defaults(50) == one.defaults(50) < gpus.defaults(50)
    assert cores.slice(one.defaults(50)) == pytest.approx(4 * one.slice(one.defaults(50)))
    assert gpus.final == cores.final == one.final


def test_the_pace_of_another_part_of_the_cores_is_converted():
    job = Job({"architecture": "big", "resolution": 32, "width": 1.0}, Fidelity(60, 20), "", "search")
    half = dataclasses.replace(trained(0, job, 0.5, 20), part=0.5)
    assert pace([half], "big", 10) == pytest.approx(2 * pace([half], "big", 10, 0.5))
    assert pace([], "big", 10, 0.25) == pytest.approx(pace([], "big", 10) / 4)
