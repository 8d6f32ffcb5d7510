"""The planner is pure: simulated trials and a simulated clock drive it in milliseconds."""

import dataclasses

import pytest
from planner_fakes import (
    BASE,
    IMAGES,
    SPACE,
    SPEED,
    FakeEngine,
    TuningEngine,
    cost,
    is_known,
    mult_adds,
    simulate,
    trained,
    transferred,
)

from automl_cnn.errors import Cause
from automl_cnn.ranking import incumbent
from automl_cnn.records import Fidelity, Job, NetCost, State
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.plan.budget import FINISH, Budget, evenly, finishing
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.plan.stages.sizing import WANTED_EPOCHS


@pytest.mark.parametrize("total", [180, 480, 3600])
def test_a_study_goes_through_its_stages_within_its_budget(total):
    trials, used = simulate(total)
    stages = [trial.stage for trial in trials]
    assert stages[:3] == ["defaults"] * 3
    assert {trial.architecture for trial in trials[:3]} == set(BASE)
    assert stages[-1] == "final"
    assert "search" in stages
    assert used <= total
    assert used >= 0.8 * total


def test_a_tiny_budget_begins_with_what_compiles_soonest():
    trials, used = simulate(45)
    assert trials[0].architecture == "big"  # the fewest kernels
    assert used <= 45


def test_defaults_are_made_to_fit_and_the_cheapest_comes_first():
    trials, _ = simulate(480)
    first = trials[0]
    share = Budget(480, 12).slice(3)
    assert first.fidelity.seconds == share
    for trial in trials[1:3]:
        slowest = min(SPEED[known.architecture] for known in trials[: trial.number])
        fits = mult_adds(trial.configuration) <= share * slowest / (IMAGES * WANTED_EPOCHS)
        assert fits or (trial.configuration["width"], trial.configuration["resolution"]) == (0.25, 32)


def test_without_a_budget_the_trials_are_counted():
    trials, _ = simulate(None, trials_limit=7)
    assert len(trials) == 7
    assert all(trial.fidelity.seconds is None for trial in trials)
    assert all(trial.stage != "final" for trial in trials)


def test_an_interrupted_default_is_tried_again():
    planner = Planner(Sizing(SPACE, cost, IMAGES), FakeEngine(), 60)
    job = planner.next([], Budget(480, 12))
    lost = dataclasses.replace(trained(0, job, 0.5, 10), state=State.FAILED, score=None, failure="interrupted: killed", cause=Cause.INTERRUPTED)
    again = planner.next([lost], Budget(480, 20))
    assert again.configuration["architecture"] == job.configuration["architecture"]


def test_a_failed_default_is_not_tried_again():
    planner = Planner(Sizing(SPACE, cost, IMAGES), FakeEngine(), 60)
    job = planner.next([], Budget(480, 12))
    failed = dataclasses.replace(trained(0, job, 0.5, 10), state=State.FAILED, score=None, failure="the loss became nan")
    assert planner.next([failed], Budget(480, 20)).configuration["architecture"] != job.configuration["architecture"]


def test_of_equal_scores_the_cheaper_is_the_incumbent():
    cheap = Job({"architecture": "small", "resolution": 32, "width": 0.25}, Fidelity(1), "", "search")
    dear = Job({"architecture": "big", "resolution": 96, "width": 1.0}, Fidelity(1), "", "search")
    assert incumbent([trained(0, dear, 0.7, 1), trained(1, cheap, 0.7, 1)]).number == 1
    pruned = dataclasses.replace(trained(2, cheap, 0.9, 1), state=State.PRUNED)
    assert incumbent([trained(0, dear, 0.7, 1), pruned]).number == 0


def test_what_is_known_already_is_tried_first_read_and_then_trained_on():
    trials, used = transferred(3600, lambda job: 0.8 if is_known(job) else 0.5)
    assert [trial.configuration.get("finetune.small") for trial in trials[:2]] == ["probe", "head_first"]
    assert "width" not in trials[0].configuration
    assert {trial.architecture for trial in trials[2:4]} == {"big", "small"}
    assert used <= 3600


def test_a_pretrained_network_is_not_trained_on_in_a_hurry():
    trials, used = transferred(480, lambda job: 0.8 if is_known(job) else 0.5)
    assert [trial.configuration.get("finetune.small") for trial in trials if trial.stage == "defaults"] == ["probe", None, None]
    assert used <= 480


def is_read(job):
    return job.configuration.get("finetune.small") == "probe"


def test_a_probe_that_leads_is_trained_on_at_the_end_if_no_other_may_overtake_it():
    trials, _ = transferred(480, lambda job: 0.9 if is_read(job) else 0.5)
    assert trials[-1].stage == "final"
    assert trials[-1].configuration["finetune.small"] == "head_first"
    assert trials[-1].continue_from is None
    assert "trained on" in trials[-1].reason


def test_a_network_that_may_overtake_the_probe_that_leads_is_trained_longer_at_the_end():
    trials, used = transferred(480, lambda job: 0.9 if is_read(job) else 0.85 if job.configuration["architecture"] == "small" else 0.5)
    assert trials[-1].stage == "final"
    rival = trials[trials[-1].continue_from]
    assert rival.score == 0.85
    assert trials[-1].configuration == rival.configuration
    assert "may yet overtake" in trials[-1].reason
    assert 0.8 * 480 <= used <= 480


def test_only_pretrained_networks_see_enlarged_photos_and_they_see_no_thumbnails():
    trials, _ = transferred(3600, lambda job: 0.8 if is_known(job) else 0.5)
    assert all(trial.configuration["resolution"] <= 64 for trial in trials if not is_known(trial))
    assert all(trial.configuration["resolution"] >= 96 for trial in trials if is_known(trial))
    assert {is_known(trial) for trial in trials} == {True, False}


def test_a_short_budget_tries_fewer_defaults():
    many = Space((Parameter("architecture", Choice(*BASE, *(f"net{number}" for number in range(9)))), *SPACE.parameters[1:]))
    engine = FakeEngine()

    def same_cost(configuration):
        return NetCost(1000, 10_000_000, 10)

    for total, least, most in ((180, 3, 3), (480, 4, 6), (3600, 12, 12)):
        planner, trials, used = Planner(Sizing(many, same_cost, IMAGES), engine, 60), [], 12.0
        while (job := planner.next(trials, Budget(total, used))) and job.stage == "defaults":
            trials.append(
                dataclasses.replace(
                    trained(len(trials), Job({**job.configuration, "architecture": "big"}, job.fidelity, "", "defaults"), 0.5, job.fidelity.seconds),
                    configuration=job.configuration,
                )
            )
            used += trials[-1].seconds
        assert least <= len(trials) <= most


def test_a_default_that_fails_gives_way_to_the_next():
    planner = Planner(Sizing(SPACE, cost, IMAGES), FakeEngine(), 60)
    trials = []
    for number in range(3):
        job = planner.next(trials, Budget(120, 12 + number))
        assert job.stage == "defaults"
        trials.append(dataclasses.replace(trained(number, job, 0.5, 1), state=State.FAILED, score=None))
    assert {trial.architecture for trial in trials} == set(BASE)


def test_what_was_set_aside_for_a_final_training_that_is_not_worth_it_goes_to_proposals():
    trials, used = transferred(110, lambda job: 0.9 if is_read(job) else 0.5, TuningEngine)
    assert "final" not in [trial.stage for trial in trials]
    assert trials[-1].stage == "search"
    assert 0.8 * 110 <= used <= 110


def test_the_last_trials_share_what_is_left():
    assert evenly(11.0, 6.0, 2.0) == 9.0
    assert evenly(17.0, 6.0, 2.0) == 6.5
    assert evenly(7.0, 6.0, 2.0) == 6.0


def test_the_finish_gets_more_time_on_a_slow_machine_and_with_many_images_to_score():
    quick = trained(0, Job({"architecture": "small", "resolution": 32, "width": 0.25}, Fidelity(1), "", "search"), 0.5, 1)
    slow = dataclasses.replace(quick, images_per_second=50.0)
    assert finishing(None, 600, None) == finishing(quick, 600, 8.0) == FINISH
    assert finishing(quick, 600, 30.0) == pytest.approx(FINISH * 30 / 12)
    assert finishing(slow, 3000, 8.0) == pytest.approx(FINISH + 3000 / 150 - 2)
    assert Budget(600, 100, finish=30).reserve == pytest.approx(33)
    assert Budget(60, 20).reserve <= 0.15 * 60 + 0.01
    assert Budget(60, 20, finish=1000).reserve == pytest.approx(24)


def test_half_of_a_search_that_has_time_for_few_trials_belongs_to_the_first_one():
    short, longer = Budget(60, 12), Budget(180, 12)
    assert short.slice(3, first=True) == pytest.approx(short.left / 2)
    assert short.slice(3, first=True) > short.slice(3)
    assert longer.slice(3, first=True) == longer.slice(3) < longer.left / 2
    assert Budget(60, 45).slice(3, first=True) == pytest.approx(max(1.0, Budget(60, 45).left / 2)), "little is left: the first model is made in time"
