"""The loop with several workers, in simulated time; the threads that drive real ones are tested in test_crew.py."""

import dataclasses
import itertools
import json
import random

import pytest
from loop_fakes import SPACE, Killed, Study
from optuna.trial import TrialState

from automl_cnn.errors import Cause, WorkerLost
from automl_cnn.ranking import incumbent
from automl_cnn.records import Finished, NetCost, State
from automl_cnn.study.plan.engines.optuna import OptunaEngine
from automl_cnn.study.plan.planner import Snapshot
from automl_cnn.study.plan.wishes import Wait
from automl_cnn.study.running.prices import Known


@pytest.mark.parametrize("workers", [2, 4, 16])
def test_several_workers_finish_as_many_times_the_trials_in_the_same_time(tmp_path, workers):
    def seconds_of(count, place, trials):
        study = Study(place, trials=trials, workers=count, sampler="random")
        assert study.loop.run() == "trials"
        assert len(study.record.trials) == trials
        return study.clock.now - 1000

    for name in ("one", "several"):
        (tmp_path / name).mkdir()
    alone = seconds_of(1, tmp_path / "one", 10)
    assert seconds_of(workers, tmp_path / "several", 10 * workers) <= alone / 0.9


def test_each_trial_states_its_worker_and_none_is_left_running(tmp_path):
    study = Study(tmp_path, trials=12, workers=3)
    study.loop.run()
    trials = study.record.trials
    assert {trial.worker for trial in trials} == {1, 2, 3}
    assert all(trial.state is not State.RUNNING for trial in trials)
    assert sum(len(executor.jobs) for executor in study.executors) == 12
    used = study.loop.usage.summary(trials)
    assert 2.5 < used.at_once <= 3
    assert used.busy + used.idle == pytest.approx(3 * used.wall, abs=0.5)
    assert json.loads(json.dumps(used.as_dict()))["trials"]["0"] == 1


@pytest.mark.parametrize(("workers", "part"), [(2, 0.5), (4, 0.25), (2, 1.0), (3, 1.0)])
@pytest.mark.parametrize("total", [60, 300, 1200])
def test_the_budget_is_kept_and_used(tmp_path, total, workers, part):
    study = Study(tmp_path, total=total, workers=workers, part=part)
    assert study.loop.run() == "budget"
    used = study.clock.now - 1000
    assert 0.7 * total <= used <= total
    assert incumbent(study.record.trials).architecture == "good"


def test_no_default_and_no_running_configuration_is_trained_twice(tmp_path):
    study = Study(tmp_path, trials=40, workers=4)
    study.loop.run()
    defaults = [trial for trial in study.record.trials if trial.stage == "defaults"]
    assert sorted(trial.architecture for trial in defaults) == ["bad", "good"]
    configurations = [tuple(sorted(trial.configuration.items())) for trial in study.record.trials]
    assert len(set(configurations)) == len(configurations)


def test_a_running_trial_is_a_bad_one_to_the_sampler_until_it_has_ended(tmp_path):
    study = Study(tmp_path, trials=20)
    study.loop.run()
    engine = OptunaEngine(SPACE, 0)
    for trial in study.record.trials:
        engine.tell(trial)
    first = engine.ask()
    engine.begin(dataclasses.replace(study.record.trials[0], number=20, configuration=first.configuration, state=State.RUNNING), first.id)
    asked, make = [], engine._study
    engine._study = lambda *given: asked.append(make(*given)) or asked[-1]
    second = engine.ask()
    assert [trial.params for trial in asked[0].get_trials(states=(TrialState.RUNNING,)) if trial.number == 20] == [first.configuration]
    assert second.configuration != first.configuration
    assert second.id != first.id
    assert second == dataclasses.replace(engine.ask(), reason=second.reason)


def test_each_running_proposal_is_pruned_by_its_own_curve(tmp_path):
    study = Study(tmp_path, trials=60, workers=3)
    study.loop.run()
    pruned = [trial for trial in study.record.trials if trial.state is State.PRUNED]
    assert pruned
    assert all(len(trial.epochs) < 30 and trial.stage == "search" for trial in pruned)


def test_a_lost_worker_costs_its_own_trial_alone(tmp_path):
    study = Study(tmp_path, trials=9, workers=3)
    lost = WorkerLost("the worker process was killed by signal 9", Cause.MEMORY)
    healthy = study.executors[1].run

    def dies(job, number, patience=None):
        if len(study.executors[1].jobs) == 1:
            study.executors[1].jobs.append(job)
            study.clock.now += 4.0
            yield Finished(State.FAILED, failure=str(lost), cause=lost.cause)
            return
        yield from healthy(job, number, patience)

    study.executors[1].run = dies
    assert study.loop.run() == "trials"
    failed = [trial for trial in study.record.trials if trial.state is State.FAILED]
    assert [(trial.worker, trial.failure) for trial in failed] == [(2, str(lost))]
    assert len(study.executors[1].jobs) > 2


def test_an_interruption_ends_every_running_trial_with_its_best_epoch(tmp_path):
    study = Study(tmp_path, total=600, workers=2)
    study.executor.at_epoch = lambda number, epoch: study.loop.interrupt() if epoch == 3 else None
    assert study.loop.run() == "user"
    assert [trial.state for trial in study.record.trials] == [State.STOPPED, State.STOPPED]
    assert all(3 <= trial.best_epoch <= 4 for trial in study.record.trials)


def test_a_killed_search_goes_on_with_another_number_of_workers(tmp_path):
    def kill(number, epoch):
        if (number, epoch) == (4, 2):
            raise Killed

    first = Study(tmp_path, trials=12, workers=3, sampler="random")
    for executor in first.executors:
        executor.at_epoch = kill
    with pytest.raises(Killed):
        first.loop.run()
    again = Study(tmp_path, trials=12, workers=2, sampler="random")
    assert again.record.bury() == 3
    lost = [trial for trial in again.record.trials if trial.lost]
    assert again.loop.run() == "trials"
    whole = [trial for trial in again.record.trials if not trial.lost]
    assert len(whole) == 12
    defaults = [trial.architecture for trial in whole if trial.stage == "defaults"]
    assert len(defaults) == len(set(defaults))
    assert len(lost) == 3


@pytest.mark.parametrize("seed", range(3))
def test_every_trial_is_finished_once_however_often_workers_and_search_are_killed(tmp_path, seed):
    draw, kills, trials = random.Random(seed), 0, 60
    crash = ("the worker process was killed by signal 11", Cause.WORKER)
    while True:
        study = Study(tmp_path, trials=trials, sampler="random", workers=draw.choice([2, 3, 5]), fails=lambda c: crash if draw.random() < 0.1 else None)
        study.record.bury()
        epochs, after = itertools.count(1), draw.randrange(20, 250)

        def kill(number, epoch, epochs=epochs, after=after):
            if next(epochs) == after:
                raise Killed

        for executor in study.executors:
            executor.at_epoch = kill
        try:
            ended = study.loop.run()
            break
        except Killed:
            kills += 1
    assert (ended, kills >= 2) == ("trials", True)
    whole = [trial for trial in study.record.trials if not trial.lost]
    assert len(whole) == trials
    assert all(trial.state is not State.RUNNING for trial in study.record.trials)
    assert {trial.failure for trial in whole if trial.state is State.FAILED} == {crash[0]}
    defaults = [trial.architecture for trial in whole if trial.stage == "defaults" and trial.state is not State.FAILED]
    assert len(set(defaults)) == len(defaults)
    best = incumbent(study.record.trials)
    assert (tmp_path / "best.keras").read_text() == str(best.number)


def test_the_final_training_has_all_cores_to_itself(tmp_path):
    study = Study(tmp_path, total=600, workers=2, part=0.5)
    study.loop.run()
    trials = study.record.trials
    final = next(trial for trial in trials if trial.stage == "final")
    assert (final.worker, final.part) == (1, 1.0)
    assert all(trial.part == 0.5 for trial in trials if trial.number < final.number)
    assert all(executor.closed for executor in study.executors[:2])
    assert study.executors[2].jobs[0].stage == "final"


def test_a_short_final_training_starts_no_process_of_its_own(tmp_path):
    study = Study(tmp_path, total=120, workers=2, part=0.5)
    study.loop.run()
    assert len(study.executors) == 2
    assert any(trial.stage == "final" and trial.part == 0.5 for trial in study.record.trials)


def test_workers_with_a_gpu_each_go_on_beside_the_final_training(tmp_path):
    study = Study(tmp_path, total=600, workers=2)
    study.loop.run()
    assert len(study.executors) == 2
    assert {trial.part for trial in study.record.trials} == {1.0}
    assert any(trial.stage == "final" for trial in study.record.trials)


def test_a_network_is_timed_while_no_other_is_trained(tmp_path):
    study, known, beside = Study(tmp_path, trials=8, workers=2), Known({}, {}), []

    def measure(need):
        if need.what == "latency":
            beside.append(study.crew.clock.now if study.crew._due else None)
        known.add(need, NetCost(1000, 1_000_000, 5) if need.what == "cost" else 2.5)

    study.loop.planner = dataclasses.replace(study.loop.planner, timed=known.measured)
    study.loop.measure = measure
    assert study.loop.run() == "trials"
    assert beside
    assert set(beside) == {None}
    assert {trial.worker for trial in study.record.trials} == {1, 2}


def test_a_full_disk_ends_all_trials(tmp_path):
    study = Study(tmp_path, trials=9, workers=3)
    study.loop.lacks = lambda job: "no room" if len(study.record.trials) == 5 else None
    assert study.loop.run() == "disk"
    assert study.loop.full == "no room"
    assert len(study.record.trials) == 5
    assert all(trial.state in (State.COMPLETE, State.STOPPED) for trial in study.record.trials)


def test_the_plan_waits_for_running_trials_and_decides_the_same_of_the_same(tmp_path):
    study = Study(tmp_path, trials=4, workers=2)
    study.loop.run()
    trials = study.record.trials
    running = dataclasses.replace(trials[-1], state=State.RUNNING)
    now = Snapshot((*trials[:-1], running), study.loop.budget())
    assert now.running == (running,)
    planner = dataclasses.replace(study.loop.planner, engine=OptunaEngine(SPACE, 0))
    assert planner.decide(now).wish == Wait()
    assert planner.decide(now) == planner.decide(now)


def test_a_running_trials_files_stay_while_others_end(tmp_path):
    study = Study(tmp_path, total=900, workers=3)
    seen = []

    def shelve(trials, put=study.loop.shelve):
        running = [trial for trial in trials if trial.state is State.RUNNING]
        for trial in running:
            (study.folder / f"trial-{trial.number:04d}.keras").write_text("half")
        put(trials)
        for trial in running:
            seen.append(trial.number)
            assert (study.folder / f"trial-{trial.number:04d}.keras").exists()
            assert trial.continue_from is None or (study.folder / f"trial-{trial.continue_from:04d}.keras").exists()

    study.loop.shelve = shelve
    study.loop.run()
    assert seen
