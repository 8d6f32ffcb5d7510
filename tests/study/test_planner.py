"""The planner is pure: simulated trials and a simulated clock drive it in milliseconds."""

import dataclasses

import pytest

from automl_cnn.records import Epoch, Fidelity, Job, NetCost, State, Trial, incumbent
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.budget import Budget
from automl_cnn.study.engines.protocol import Proposal
from automl_cnn.study.limits import Limits
from automl_cnn.study.planner import Planner
from automl_cnn.study.stages import Defaults, Promotion, Proposals, Retry, Situation, Sizing, kept
from automl_cnn.study.stages.proposals import benched
from automl_cnn.study.stages.sizing import WANTED_EPOCHS, pace

SPACE = Space(
    (
        Parameter("architecture", Choice("big", "small", "slow")),
        Parameter("resolution", Choice(32, 64, 96)),
        Parameter("width", Choice(0.25, 0.5, 1.0, default=1.0)),
    )
)
BASE = {"big": 400e6, "small": 50e6, "slow": 100e6}
SPEED = {"big": 8e9, "small": 4e9, "slow": 1e9}
IMAGES = 1000
SETUP = 0.3


KERNELS = {"big": 10, "small": 20, "slow": 50}


def mult_adds(configuration):
    return int(BASE[configuration["architecture"]] * configuration["width"] ** 2 * (configuration["resolution"] / 64) ** 2)


def cost(configuration):
    return NetCost(1000, mult_adds(configuration), KERNELS[configuration["architecture"]])


class FakeEngine:
    def __init__(self):
        self.asked = 0

    def ask(self):
        self.asked += 1
        return Proposal(self.asked, {"architecture": "big", "resolution": 96, "width": 1.0}, "fake")

    def report(self, id, step, value):
        return True

    def tell(self, trial):
        pass


def trained(number: int, job: Job, score: float, budget: float | None) -> Trial:
    configuration = job.configuration
    seconds = budget if budget is not None else 10.0
    epoch = Epoch(1, 1, seconds, 1.0, 0.5, 1.0, 0.5, score, 0.1)
    speed = SPEED[configuration["architecture"]]
    return Trial(
        number,
        configuration,
        job.fidelity,
        job.reason,
        job.stage,
        State.COMPLETE,
        score,
        epochs=(epoch,),
        mult_adds=mult_adds(configuration),
        kernels=KERNELS[configuration["architecture"]],
        setup=SETUP * KERNELS[configuration["architecture"]],
        images_per_second=speed / mult_adds(configuration),
        seconds=seconds,
    )


def simulate(total: float | None, trials_limit: int | None = None, limit: int = 200):
    planner = Planner(Sizing(SPACE, cost, IMAGES), FakeEngine(), 60)
    trials, used = [], 12.0
    for number in range(limit):
        budget = Budget(total, used, trials_limit)
        job = planner.next(trials, budget)
        if job is None:
            break
        setup = SETUP * KERNELS[job.configuration["architecture"]]
        spent = min(setup + job.fidelity.seconds, budget.left) if job.fidelity.seconds else 10.0
        trials.append(trained(number, job, 0.5 + 0.01 * (number % 7), spent))
        used += spent
    return trials, used


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


def test_a_proposal_that_would_not_fit_is_made_smaller():
    done, _ = simulate(480)
    defaults = tuple(trial for trial in done if trial.stage == "defaults")
    job = Proposals(Sizing(SPACE, cost, IMAGES), FakeEngine()).next(Situation(defaults, Budget(480, 60), 20.0, 3, 60))
    assert mult_adds(job.configuration) < mult_adds({"architecture": "big", "resolution": 96, "width": 1.0})
    assert job.configuration["architecture"] == "big"


def test_without_a_budget_the_trials_are_counted():
    trials, _ = simulate(None, trials_limit=7)
    assert len(trials) == 7
    assert all(trial.fidelity.seconds is None for trial in trials)
    assert all(trial.stage != "final" for trial in trials)


def test_an_interrupted_default_is_tried_again():
    planner = Planner(Sizing(SPACE, cost, IMAGES), FakeEngine(), 60)
    job = planner.next([], Budget(480, 12))
    lost = dataclasses.replace(trained(0, job, 0.5, 10), state=State.FAILED, score=None, failure="interrupted: killed")
    again = planner.next([lost], Budget(480, 20))
    assert again.configuration["architecture"] == job.configuration["architecture"]


def test_a_failed_default_is_not_tried_again():
    planner = Planner(Sizing(SPACE, cost, IMAGES), FakeEngine(), 60)
    job = planner.next([], Budget(480, 12))
    failed = dataclasses.replace(trained(0, job, 0.5, 10), state=State.FAILED, score=None, failure="the loss became nan")
    assert planner.next([failed], Budget(480, 20)).configuration["architecture"] != job.configuration["architecture"]


def test_the_pace_of_a_stranger_is_guessed_on_the_careful_side():
    job = Job({"architecture": "small", "resolution": 64, "width": 1.0}, Fidelity(10, 20), "", "defaults")
    done = [trained(0, job, 0.5, 20)]
    assert pace(done, "small", 20) == pytest.approx(SPEED["small"])
    assert pace(done, "big", 40) < SPEED["small"]


def test_of_equal_scores_the_cheaper_is_the_incumbent():
    cheap = Job({"architecture": "small", "resolution": 32, "width": 0.25}, Fidelity(1), "", "search")
    dear = Job({"architecture": "big", "resolution": 96, "width": 1.0}, Fidelity(1), "", "search")
    assert incumbent([trained(0, dear, 0.7, 1), trained(1, cheap, 0.7, 1)]).number == 1
    pruned = dataclasses.replace(trained(2, cheap, 0.9, 1), state=State.PRUNED)
    assert incumbent([trained(0, dear, 0.7, 1), pruned]).number == 0


TRANSFER = Space(
    (
        Parameter("architecture", Choice("big", "small")),
        Parameter("pretrained.small", Choice("known", "none"), (("architecture", "small"),)),
        Parameter("finetune.small", Choice("probe", "head_first"), (("architecture", "small"),), (("pretrained.small", "none"),)),
        Parameter("resolution", Choice(32, 64, 96, 160, 224)),
        Parameter("width", Choice(0.25, 0.5, 1.0, default=1.0), unless=(("pretrained.small", "known"),)),
    )
)


class TransferEngine(FakeEngine):
    def ask(self):
        self.asked += 1
        return Proposal(self.asked, TRANSFER.defaults({"architecture": "big", "resolution": 224}), "fake")


def transfer_cost(configuration):
    return NetCost(1000, mult_adds({"width": 1.0, **configuration}), KERNELS[configuration["architecture"]])


def transferred(total, scores):
    """A study with pretrained weights on photos of 64 px; `scores` says what a configuration is worth."""
    planner = Planner(Sizing(TRANSFER, transfer_cost, IMAGES, 64), TransferEngine(), 60)
    trials, used = [], 12.0
    for number in range(100):
        job = planner.next(trials, Budget(total, used))
        if job is None:
            break
        trial = dataclasses.replace(
            trained(number, Job({"width": 1.0, **job.configuration}, job.fidelity, job.reason, job.stage), scores(job), job.fidelity.seconds),
            configuration=job.configuration,
        )
        trials.append(trial)
        used += min(trial.seconds + 3, Budget(total, used).left)
    return trials, used


def is_known(job):
    return job.configuration.get("pretrained.small") == "known"


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


def test_networks_from_scratch_are_left_out_once_they_are_out_of_reach():
    def trial(number, given, score):
        job = Job(given, Fidelity(60, 30), "", "defaults")
        return dataclasses.replace(
            trained(number, Job({"width": 1.0, **given}, job.fidelity, "", "defaults"), score, 30), configuration=given, interval=(score - 0.05, score + 0.05)
        )

    space = Space((Parameter("architecture", Choice("big", "small", "slow")), *TRANSFER.parameters[1:]))
    known = trial(0, {"architecture": "small", "pretrained.small": "known", "finetune.small": "probe", "resolution": 96}, 0.9)
    poor = [trial(number, {"architecture": name, "resolution": 32, "width": 0.25}, 0.6) for number, name in ((1, "big"), (2, "slow"))]
    close = [dataclasses.replace(one, score=0.85, interval=(0.8, 0.9)) for one in poor]

    def next_default(trials):
        return Defaults(Sizing(space, transfer_cost, IMAGES, 64)).next(Situation((known, *trials), Budget(480, 100), 30.0, 9, 60))

    assert next_default(poor) is None
    assert next_default(close).configuration["pretrained.small"] == "none"


def test_a_probe_that_leads_is_trained_on_at_the_end():
    trials, _ = transferred(480, lambda job: 0.9 if job.configuration.get("finetune.small") == "probe" else 0.5)
    assert trials[-1].stage == "final"
    assert trials[-1].configuration["finetune.small"] == "head_first"
    assert "trained on" in trials[-1].reason


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


def test_a_proposal_that_asks_for_a_part_of_a_training_gets_that_part():
    class Hasty(FakeEngine):
        def ask(self):
            return dataclasses.replace(super().ask(), share=0.25)

    now = Situation(tuple(simulate(480)[0][:3]), Budget(480, 100), 30.0, 3, 60)
    whole, part = (Proposals(Sizing(SPACE, cost, IMAGES), engine).next(now) for engine in (FakeEngine(), Hasty()))
    assert whole.stage == part.stage == "search"
    assert part.configuration == whole.configuration
    assert part.fidelity.seconds == pytest.approx(whole.fidelity.seconds / 4)
    assert (whole.fidelity.epochs, part.fidelity.epochs) == (60, 15)


def on_rung(number, score, rung=0, *, seconds=30.0, continue_from=None, state=State.COMPLETE):
    job = Job({"architecture": "big", "resolution": 32, "width": 0.25 + 0 * number}, Fidelity(60, seconds, rung), "", "search", continue_from=continue_from)
    return dataclasses.replace(trained(number, job, score, seconds), state=state, continue_from=continue_from)


def promoted(*trials, total=3600, share=30.0):
    return Promotion(Sizing(SPACE, cost, IMAGES)).next(Situation(tuple(trials), Budget(total, 100), share, 3, 60))


SIX = (0.5, 0.7, 0.6, 0.55, 0.65, 0.4)


def test_the_best_third_of_a_rung_is_trained_on_three_times_as_long_from_where_it_stands():
    job = promoted(*(on_rung(number, score) for number, score in enumerate(SIX)))
    assert (job.continue_from, job.fidelity.rung, job.fidelity.seconds) == (1, 1, 90)
    assert job.configuration == on_rung(1, 0.7).configuration


def test_nobody_is_promoted_twice_or_out_of_too_few():
    trials = [on_rung(number, score) for number, score in enumerate(SIX)]
    assert promoted(*trials[:5]) is None
    second = promoted(*trials, on_rung(6, 0.75, 1, continue_from=1))
    assert second.continue_from == 4
    assert promoted(*trials, on_rung(6, 0.75, 1, continue_from=1), on_rung(7, 0.75, 1, continue_from=4)) is None


def test_pruned_trials_count_as_beaten_and_are_never_promoted():
    job = promoted(*(on_rung(number, 0.9, state=State.PRUNED) for number in range(5)), on_rung(5, 0.5))
    assert job.continue_from == 5


def test_failed_trials_do_not_count():
    assert promoted(*(on_rung(number, 0.9, state=State.FAILED) for number in range(5)), on_rung(5, 0.5)) is None


def test_the_highest_rung_goes_first_and_a_promotion_must_fit():
    lower = [on_rung(number, 0.5 + number / 100) for number in range(18)]
    higher = [on_rung(18 + number, 0.8 + number / 100, 1, seconds=90, continue_from=17 - number) for number in range(6)]
    assert promoted(*lower, *higher).continue_from == 23
    assert promoted(*lower, *higher[:5]).continue_from == 12
    assert promoted(*lower, *higher, total=200) is None


def test_the_checkpoints_that_are_kept_are_the_incumbents_and_those_that_may_go_on():
    trials = [on_rung(number, 0.5 + number / 100) for number in range(9)]
    assert kept(trials) == {5, 6, 7, 8}
    assert kept([*trials, on_rung(9, 0.9, 1, continue_from=8)]) == {5, 6, 7, 9}
    assert kept([]) == set()


def test_a_trial_out_of_memory_is_tried_again_with_half_the_batch_once():
    space = Space((*SPACE.parameters, Parameter("batch_size", Choice(16, 32, 64))))
    job = Job({"architecture": "big", "resolution": 32, "width": 1.0, "batch_size": 64}, Fidelity(60, 30), "", "search")
    failed = dataclasses.replace(trained(0, job, 0.5, 1), state=State.FAILED, score=None, failure="out of memory: a smaller batch may help")

    def retried(trial):
        return Retry(Sizing(space, cost, IMAGES)).next(Situation((trial,), Budget(480, 60), 30.0, 3, 60))

    assert retried(failed).configuration == {**job.configuration, "batch_size": 32}
    assert retried(dataclasses.replace(failed, stage="retry")) is None
    assert retried(dataclasses.replace(failed, failure="the loss became nan")) is None
    assert retried(dataclasses.replace(failed, configuration={**job.configuration, "batch_size": 16})) is None


def test_a_plugin_that_only_ever_fails_sits_out():
    def trial(number, optimizer, state):
        job = Job({"architecture": "big", "resolution": 32, "width": 1.0, "optimizer": optimizer}, Fidelity(60, 30), "", "search")
        return dataclasses.replace(trained(number, job, 0.5, 1), state=state)

    bad, good = [trial(number, "broken", State.FAILED) for number in range(2)], trial(2, "fine", State.COMPLETE)
    assert benched((*bad[:1], good)) == set()
    assert benched((*bad, good)) == {"optimizer broken"}
    assert benched((*bad, good, trial(3, "broken", State.COMPLETE))) == set()
    assert benched(tuple(bad)) == set()  # it may as well be the network's fault


def test_a_default_that_fails_gives_way_to_the_next():
    planner = Planner(Sizing(SPACE, cost, IMAGES), FakeEngine(), 60)
    trials = []
    for number in range(3):
        job = planner.next(trials, Budget(60, 12 + number))
        assert job.stage == "defaults"
        trials.append(dataclasses.replace(trained(number, job, 0.5, 1), state=State.FAILED, score=None))
    assert {trial.architecture for trial in trials} == set(BASE)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(params=900), "1,000 parameters, of at most 900"),
        (Limits(mult_adds=10), "mult-adds, of at most 10"),
        (Limits(bytes=50_000), "bytes, of at most 50,000"),
        (Limits(latency=5, measure=lambda configuration: 7.5), "7.5 ms for an image, of at most 5"),
    ],
    ids=["params", "mult_adds", "bytes", "latency"],
)
def test_a_limit_is_told_before_training(limits, words):
    configuration = {"architecture": "big", "resolution": 32, "width": 0.25}
    assert words in limits.broken(configuration, cost(configuration))
    assert Limits().broken(configuration, cost(configuration)) is None


def test_a_latency_is_measured_only_where_everything_else_is_kept():
    def never(configuration):
        raise AssertionError("it was measured")

    assert Limits(params=1, latency=1, measure=never).broken({}, NetCost(1000, 1, 1)) is not None


def test_what_breaks_a_limit_is_made_smaller_or_refused():
    fits = mult_adds({"architecture": "big", "resolution": 32, "width": 0.25})

    def proposal(limit):
        sizing = Sizing(SPACE, cost, IMAGES, limits=Limits(mult_adds=limit))
        return Proposals(sizing, FakeEngine()).next(Situation((on_rung(0, 0.5),), Budget(3600, 100), 600.0, 3, 60))

    assert mult_adds(proposal(2 * fits).configuration) <= 2 * fits
    assert proposal(fits - 1) is None


def test_what_was_set_aside_for_a_final_training_that_is_not_worth_it_goes_to_proposals():
    trials, used = transferred(110, lambda job: 0.9 if job.configuration.get("finetune.small") == "probe" else 0.5)
    assert "final" not in [trial.stage for trial in trials]
    assert trials[-1].stage == "search"
    assert 0.8 * 110 <= used <= 110
