"""The loop, driven by fakes through simulated learning curves, in milliseconds."""

import dataclasses
import itertools
import random

import pytest
from loop_fakes import SPACE, Killed, Study, outcomes

from automl_cnn.errors import Cause
from automl_cnn.ranking import incumbent
from automl_cnn.records import NetCost, State
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.optuna import OptunaEngine
from automl_cnn.study.plan.planner import GIVE_UP, Snapshot
from automl_cnn.study.record.record import OFTEN
from automl_cnn.study.running.loop import CUT_SHORT
from automl_cnn.study.running.prices import Known, network_key


def test_it_finds_the_better_network_and_keeps_only_its_model(tmp_path):
    study = Study(tmp_path, trials=12)
    assert study.loop.run() == "trials"
    best = incumbent(study.record.trials)
    assert best.architecture == "good"
    assert study.promoted[-1] == best.number
    assert (tmp_path / "best.keras").read_text() == str(best.number)
    assert len(list(study.folder.iterdir())) <= 5


def test_hopeless_trials_are_stopped_half_way(tmp_path):
    study = Study(tmp_path, trials=30)
    study.loop.run()
    pruned = [trial for trial in study.record.trials if trial.state is State.PRUNED]
    assert pruned
    assert all(len(trial.epochs) < 30 for trial in pruned)
    assert all(trial.stage == "search" for trial in pruned)


def test_a_stage_that_fails_sits_out_and_is_told_once(tmp_path):
    study = Study(tmp_path, total=300)
    notes, asked = [], []

    class Broken(OptunaEngine):
        def ask(self, *given):
            asked.append(given)
            raise ZeroDivisionError("degenerate kernel")

    study.loop.observer.note = notes.append
    study.loop.planner = dataclasses.replace(study.loop.planner, engine=Broken(SPACE, 0))
    assert study.loop.run() == "budget"
    assert study.record.trials[-1].stage == "final"
    assert len(asked) == 1
    (note,) = notes
    assert "'proposals' failed" in note
    assert "ZeroDivisionError: degenerate kernel (test_loop.py, line" in note


@pytest.mark.parametrize("total", [60, 300, 1200])
def test_the_budget_is_kept_and_used(tmp_path, total):
    study = Study(tmp_path, total=total)
    assert study.loop.run() == "budget"
    used = study.clock.now - 1000
    assert 0.75 * total <= used <= total


def test_a_failing_plugin_does_not_end_the_search(tmp_path):
    study = Study(tmp_path, trials=8, fails=lambda c: "it raised" if c["architecture"] == "bad" else None)
    study.loop.run()
    failed = [trial for trial in study.record.trials if trial.state is State.FAILED]
    assert failed
    assert {trial.failure for trial in failed} == {"it raised"}
    assert incumbent(study.record.trials).architecture == "good"


def test_a_search_in_which_everything_fails_ends(tmp_path):
    study = Study(tmp_path, total=600, fails=lambda c: "no")
    assert study.loop.run() == "exhausted"
    assert 2 <= len(study.record.trials) <= GIVE_UP


def test_an_interruption_keeps_the_running_trials_best_epoch(tmp_path):
    study = Study(tmp_path, total=600)
    study.executor.at_epoch = lambda number, epoch: study.loop.interrupt() if (number, epoch) == (1, 3) else None
    assert study.loop.run() == "user"
    assert [trial.state for trial in study.record.trials] == [State.COMPLETE, State.STOPPED]
    assert study.record.trials[1].best_epoch == 3


def test_a_trial_that_an_interruption_leaves_without_a_score_is_tried_again(tmp_path):
    def stopped(configuration):
        study.loop.interrupt()
        return "no time was left after 96 of 881 images were read: raise --budget"

    study = Study(tmp_path, total=600, fails=stopped)
    assert study.loop.run() == "user"
    [trial] = study.record.trials
    assert trial.state is State.FAILED
    assert trial.lost
    assert trial.failure == CUT_SHORT


def test_an_interruption_does_not_excuse_a_training_that_diverged(tmp_path):
    def diverged(configuration):
        study.loop.interrupt()
        return "the loss became nan in epoch 1", Cause.DIVERGED

    study = Study(tmp_path, total=600, fails=diverged)
    study.loop.run()
    [trial] = study.record.trials
    assert not trial.lost
    assert trial.failure == "the loss became nan in epoch 1"


def test_an_interruption_sends_nothing_by_itself(tmp_path):
    """It may come from a signal handler, in the middle of a message to the worker."""
    study = Study(tmp_path, total=600)
    study.loop.interrupt()
    assert not study.executor.stopped
    assert study.loop.run() == "user"


def test_a_killed_study_goes_on_and_its_used_time_counts(tmp_path):
    def kill(number, epoch):
        if (number, epoch) == (2, 2):
            raise Killed

    first = Study(tmp_path, total=300)
    first.executor.at_epoch = kill
    with pytest.raises(Killed):
        first.loop.run()
    used = first.clock.now - 1000
    again = Study(tmp_path, total=300)
    assert again.record.bury() == 1
    assert used - OFTEN <= again.record.seconds <= used
    again.loop.run()
    trials = again.record.trials
    assert [trial.number for trial in trials[:3] if trial.scored] == [0, 1]
    assert (again.clock.now - 1000) + used <= 300 + OFTEN
    assert trials[-1].stage == "final"


def test_what_is_not_in_the_record_did_not_happen(tmp_path):
    """The record comes first: an observer that fails finds the trial already written."""
    study = Study(tmp_path, trials=3)

    class Fails(NullObserver):
        def trial_finished(self, trial, trials):
            raise RuntimeError("a display that breaks")

    study.loop.observer = Fails()
    with pytest.raises(RuntimeError):
        study.loop.run()
    assert study.record.trials[0].scored


def test_a_network_that_killed_the_worker_once_is_not_built_again(tmp_path):
    study = Study(tmp_path, trials=3)
    sizing = dataclasses.replace(study.loop.planner.sizing, broken=lambda configuration: "it hangs" if configuration["architecture"] == "good" else None)
    study.loop.planner = dataclasses.replace(study.loop.planner, sizing=sizing)
    study.loop.run()
    failed = [trial for trial in study.record.trials if trial.architecture == "good"]
    assert [trial.failure for trial in failed] == ["it hangs"]
    assert all(job.configuration["architecture"] != "good" for job in study.executor.jobs)


def killing(study, after):
    """Kill the study after that number of epochs of its own."""
    epochs = itertools.count(1)

    def kill(number, epoch):
        if next(epochs) == after:
            raise Killed

    study.executor.at_epoch = kill


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("whole"), trials=TRIALS, sampler="random")
    assert study.loop.run() == "trials"
    return outcomes(study)


TRIALS = 100


@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_trials_end_the_same_however_often_the_search_is_killed(tmp_path, undisturbed, seed):
    draw, kills = random.Random(seed), 0
    while True:
        study = Study(tmp_path, trials=TRIALS, sampler="random")
        study.record.bury()
        killing(study, draw.randrange(1, 200))
        try:
            ended = study.loop.run()
            break
        except Killed:
            kills += 1
    assert ended == "trials"
    assert kills >= 2
    assert outcomes(study) == undisturbed


def test_a_plan_waits_for_what_must_be_measured_and_measures_it_once(tmp_path):
    study, asked = Study(tmp_path, trials=8), []
    known = Known({}, {})

    def measure(need):
        asked.append(need)
        known.add(need, NetCost(1000, 1_000_000, 5) if need.what == "cost" else 2.5)

    sizing = dataclasses.replace(study.loop.planner.sizing, cost=known.cost)
    study.loop.planner = dataclasses.replace(study.loop.planner, sizing=sizing, timed=known.measured)
    study.loop.measure = measure
    assert study.loop.run() == "trials"
    assert {need.what for need in asked} == {"cost", "latency"}
    keys = [(need.what, network_key(need.configuration)) for need in asked]
    assert len(keys) == len(set(keys))
    assert {trial.latency for trial in study.record.trials if trial.scored} == {2.5}


def test_the_same_snapshot_gives_the_same_decision(tmp_path):
    study = Study(tmp_path, trials=20)
    study.loop.run()
    planner, trials = study.loop.planner, study.record.trials
    for number in range(0, 20, 3):
        engine = OptunaEngine(SPACE, 0)
        fresh = dataclasses.replace(planner, engine=engine)
        for trial in trials[:number]:
            fresh.proposed.tell(trial)
        now = Snapshot(trials[:number], Budget(None, 0.0, 20))
        assert fresh.decide(now) == fresh.decide(now)
