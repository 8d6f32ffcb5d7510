"""Each stage by itself: a situation in, a wish out."""

import dataclasses

import pytest
from planner_fakes import (
    IMAGES,
    SPACE,
    SPEED,
    TRANSFER,
    FakeEngine,
    cost,
    mult_adds,
    simulate,
    trained,
    transfer_cost,
)

from automl_cnn.errors import Cause
from automl_cnn.records import Fidelity, Job, NetCost, State
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.proposed import Proposed
from automl_cnn.study.plan.engines.protocol import Proposal
from automl_cnn.study.plan.limits import Limits
from automl_cnn.study.plan.stages import Defaults, Promotion, Proposals, Retry, Situation, Sizing, kept
from automl_cnn.study.plan.stages import sizing as sizes
from automl_cnn.study.plan.stages.proposals import benched
from automl_cnn.study.plan.stages.sizing import pace


def test_a_proposal_that_would_not_fit_is_made_smaller():
    done, _ = simulate(480)
    defaults = tuple(trial for trial in done if trial.stage == "defaults")
    job = Proposals(Sizing(SPACE, cost, IMAGES), Proposed(FakeEngine())).next(Situation(defaults, Budget(480, 60), 20.0, 3, 60))
    assert mult_adds(job.configuration) < mult_adds({"architecture": "big", "resolution": 96, "width": 1.0})
    assert job.configuration["architecture"] == "big"


def test_once_nothing_is_set_aside_the_last_proposals_share_what_is_left():
    done, _ = simulate(480)
    first = tuple(trial for trial in done if trial.stage == "defaults")
    ended = (*first, dataclasses.replace(first[-1], number=len(first), stage="final"))

    def seconds(trials, **given):
        return Proposals(Sizing(SPACE, cost, IMAGES), Proposed(FakeEngine())).next(Situation(trials, Budget(480, 440), 10.0, 3, 60, **given)).fidelity.seconds

    assert 10.0 < seconds(ended) == seconds(first, saving=False) < 35.0
    assert Proposals(Sizing(SPACE, cost, IMAGES), Proposed(FakeEngine())).next(Situation(first, Budget(480, 440), 10.0, 3, 60)) is None, "it is set aside"


def test_the_pace_of_a_stranger_is_guessed_on_the_careful_side():
    job = Job({"architecture": "small", "resolution": 64, "width": 1.0}, Fidelity(10, 20), "", "defaults")
    done = [trained(0, job, 0.5, 20)]
    assert pace(done, "small", 20) == pytest.approx(SPEED["small"])
    assert pace(done, "big", 40) < SPEED["small"]


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

    class Torn(FakeEngine):
        """Proposes scratch and pretrained by turns."""

        def ask(self):
            given = [{"architecture": "small", "pretrained.small": "known", "finetune.small": "head_first"}, {"architecture": "big"}][(super().ask().id) % 2]
            return Proposal(self.asked, space.defaults({**given, "resolution": 96}), "fake")

    def next_of(stage, trials, share=30.0):
        return stage(Sizing(space, transfer_cost, IMAGES, 64)).next(Situation((known, *trials), Budget(480, 100), share, 9, 60))

    assert next_of(Defaults, poor) is None
    assert next_of(Defaults, close).configuration["pretrained.small"] == "none"

    def proposed(trials, share=30.0):
        return next_of(lambda sizing: Proposals(sizing, Proposed(Torn())), trials, share).configuration["architecture"]

    assert proposed(close) == "big"
    assert proposed(poor) == "small"
    assert proposed(poor, None) == "big", "without a clock everything is worth a trial"


def test_a_proposal_that_asks_for_a_part_of_a_training_gets_that_part():
    class Hasty(FakeEngine):
        def ask(self):
            return dataclasses.replace(super().ask(), share=0.25)

    now = Situation(tuple(simulate(480)[0][:3]), Budget(480, 100), 30.0, 3, 60)
    whole, part = (Proposals(Sizing(SPACE, cost, IMAGES), Proposed(engine)).next(now) for engine in (FakeEngine(), Hasty()))
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
    failed = dataclasses.replace(trained(0, job, 0.5, 1), state=State.FAILED, score=None, failure="out of memory: a smaller batch may help", cause=Cause.MEMORY)

    def retried(trial):
        return Retry(Sizing(space, cost, IMAGES)).next(Situation((trial,), Budget(480, 60), 30.0, 3, 60))

    assert retried(failed).configuration == {**job.configuration, "batch_size": 32}
    assert retried(dataclasses.replace(failed, stage="retry")) is None
    assert retried(dataclasses.replace(failed, cause=Cause.DIVERGED)) is None
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


def test_a_probe_is_not_read_twice():
    asked = []

    class Probes(FakeEngine):
        """Proposes one probe at sizes of which none is affordable but the smallest, then the same weights trained on."""

        def ask(self):
            mode = "probe" if len(asked) < 3 else "head_first"
            asked.append(mode)
            given = {"architecture": "small", "pretrained.small": "known", "finetune.small": mode, "resolution": (224, 160, 96)[len(asked) % 3]}
            return Proposal(len(asked), TRANSFER.defaults(given), "fake")

    probe = TRANSFER.defaults({"architecture": "small", "pretrained.small": "known", "finetune.small": "probe", "resolution": 96})
    job = Job({"width": 1.0, **probe}, Fidelity(60, 30), "", "defaults")
    slow = dataclasses.replace(trained(0, job, 0.8, 30), configuration=probe, images_per_second=20.0)
    proposal = Proposals(Sizing(TRANSFER, transfer_cost, IMAGES, 64), Proposed(Probes())).next(Situation((slow,), Budget(480, 100), 30.0, 3, 60))
    assert proposal.configuration["finetune.small"] == "head_first"
    assert asked == ["probe"] * 3 + ["head_first"]


def test_what_breaks_a_limit_is_made_smaller_or_refused():
    fits = mult_adds({"architecture": "big", "resolution": 32, "width": 0.25})

    def proposal(limit):
        sizing = Sizing(SPACE, cost, IMAGES, limits=Limits(mult_adds=limit))
        return Proposals(sizing, Proposed(FakeEngine())).next(Situation((on_rung(0, 0.5),), Budget(3600, 100), 600.0, 3, 60))

    assert mult_adds(proposal(2 * fits).configuration) <= 2 * fits
    assert proposal(fits - 1) is None


LARGE = 20_000


@pytest.mark.parametrize("total", [180, 480, 3600])
def test_a_small_set_is_always_trained_on_whole_and_nothing_is_sized_otherwise(total, monkeypatch):
    shared, _ = simulate(total)
    monkeypatch.setattr(sizes, "ENOUGH_IMAGES", 10**9)
    whole, _ = simulate(total)
    assert {trial.fidelity.share for trial in shared} == {1.0}
    assert [(trial.configuration, trial.fidelity) for trial in shared] == [(trial.configuration, trial.fidelity) for trial in whole]


@pytest.mark.parametrize("images", [LARGE, 10 * LARGE])
def test_the_first_rung_of_a_large_set_sees_a_share_of_it_and_the_final_training_all(images):
    trials, _ = simulate(480, images=images)
    first = [trial for trial in trials if trial.fidelity.rung == 0]
    assert all(sizes.ENOUGH_IMAGES / images <= trial.fidelity.share < 1 for trial in first)
    assert trials[-1].stage == "final"
    assert trials[-1].fidelity.share == 1


def test_with_a_share_of_a_large_set_networks_are_larger_and_still_have_several_epochs(monkeypatch):
    configuration = {"architecture": "small", "resolution": 64, "width": 1.0}
    done = [trained(0, Job(configuration, Fidelity(60, 30), "", "defaults"), 0.5, 30)]
    sizing = Sizing(SPACE, cost, LARGE)
    chosen = sizing.default({"architecture": "small"}, done, 120.0)
    share = sizing.share(chosen, done, 120.0)
    assert share < 1
    assert 120.0 * SPEED["small"] / (share * LARGE * mult_adds(chosen)) >= sizes.LEAST_EPOCHS - 0.1
    monkeypatch.setattr(sizes, "ENOUGH_IMAGES", 10**9)
    assert mult_adds(sizing.default({"architecture": "small"}, done, 120.0)) < mult_adds(chosen)
    assert sizing.share(chosen, done, 120.0) == 1


def test_the_share_is_never_below_what_networks_can_be_told_apart_by():
    sizing = Sizing(SPACE, cost, LARGE)
    assert sizing.share({"architecture": "slow", "resolution": 96, "width": 1.0}, (), 1.0) == sizes.ENOUGH_IMAGES / LARGE
    assert sizing.share({"architecture": "slow", "resolution": 96, "width": 1.0}, (), None) == 1


def test_a_probe_passes_through_all_images():
    sizing = Sizing(TRANSFER, transfer_cost, LARGE)
    probe = {"architecture": "small", "pretrained.small": "known", "finetune.small": "probe", "resolution": 96}
    assert sizing.share(probe, (), 10.0) == 1
    assert sizing.share({**probe, "finetune.small": "head_first"}, (), 10.0) < 1


def test_a_promotion_trebles_the_share_up_to_the_whole():
    def with_share(share):
        trials = [on_rung(number, score) for number, score in enumerate(SIX)]
        return promoted(*(dataclasses.replace(trial, fidelity=dataclasses.replace(trial.fidelity, share=share)) for trial in trials)).fidelity.share

    assert with_share(0.1) == pytest.approx(0.3)
    assert with_share(0.4) == 1


MANY = Space((Parameter("architecture", Choice("big")), Parameter("resolution", Choice(16, 24, 32, 48, 64, 96, 128, 160, 224)), *SPACE.parameters[2:]))


def strided(configuration):
    """As most networks: larger images are thinned out at the entrance."""
    return NetCost(1000, int(4 * mult_adds({**configuration, "resolution": sizes.inside(configuration["resolution"])})), 10)


@pytest.mark.parametrize("price", [strided, cost], ids=["strided", "even"])
@pytest.mark.parametrize("seconds", [2.0, 10.0, 40.0, 200.0])
def test_few_networks_are_built_to_find_the_best_size_that_is_affordable(price, seconds):
    asked = []

    def counted(configuration):
        asked.append((configuration["resolution"], configuration["width"]))
        return price(configuration)

    sizing = Sizing(MANY, counted, IMAGES)
    chosen = sizing.default({"architecture": "big"}, (), seconds)
    assert len(set(asked)) <= (3 if price is strided else 5)
    affordable = sizing.affordable(chosen, (), seconds, sizes.WANTED_EPOCHS)
    every = [{"architecture": "big", "resolution": size, "width": width} for size in sizing.options("resolution") for width in (0.25, 0.5, 1.0)]
    fitting = [one for one in every if price(one).mult_adds <= affordable]
    assert chosen in (fitting or every)
    best = max((sizes._balanced((one["resolution"], one["width"])) for one in fitting), default=None)
    assert best is None or sizes._balanced((chosen["resolution"], chosen["width"])) == pytest.approx(best)


def test_a_proposal_is_shrunk_without_building_every_size_between():
    asked = set()

    def counted(configuration):
        asked.add((configuration["resolution"], configuration["width"]))
        return strided(configuration)

    sizing = Sizing(MANY, counted, IMAGES)
    small = sizing.shrunk({"architecture": "big", "resolution": 224, "width": 1.0}, (), 20.0)
    assert strided(small).mult_adds <= sizing.affordable(small, (), 20.0, sizes.LEAST_EPOCHS)
    assert len(asked) <= 3


def test_the_early_strides_are_those_of_the_networks():
    from automl_cnn.models import net

    assert sizes.EARLY_STRIDE_FROM == net.EARLY_STRIDE_FROM


def test_no_cost_is_asked_where_there_is_no_time_left_for_a_first_trial():
    def never(configuration):
        raise AssertionError("it was asked")

    sizing = Sizing(SPACE, never, IMAGES)
    now = Situation((on_rung(0, 0.5),), Budget(60, 40), 6.0, 3, 60)
    assert Defaults(sizing).next(now) is None


def test_what_networks_from_scratch_cost_is_not_asked_before_they_are_reached():
    asked = set()

    def counted(configuration):
        asked.add((configuration["architecture"], configuration.get("pretrained.small")))
        return transfer_cost(configuration)

    sizing = Sizing(TRANSFER, counted, IMAGES, 64)
    job = Defaults(sizing, probes=True).next(Situation((), Budget(480, 12), 30.0, 3, 60))
    assert job.configuration["finetune.small"] == "probe"
    done = dataclasses.replace(trained(0, Job({"width": 1.0, **job.configuration}, job.fidelity, "", job.stage), 0.9, 30), configuration=job.configuration)
    assert Defaults(sizing, probes=True).next(Situation((done,), Budget(480, 50), 30.0, 3, 60)) is None
    assert asked == {("small", "known")}
