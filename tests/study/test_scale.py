"""A scale study, driven by formulas through its stages; and what scaling adds to a search."""

import dataclasses
import json
import math
import random

import pytest
from planner_fakes import FakeEngine

from automl_cnn import registry
from automl_cnn.errors import Cause, ConfigError
from automl_cnn.records import Epoch, Fidelity, Finished, Job, NetCost, Started, State, Trial
from automl_cnn.scaling import PAPER, WAYS, Coefficients
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.adapted import Adapted, ByPhi
from automl_cnn.study.plan.engines.optuna import OptunaEngine
from automl_cnn.study.plan.limits import Limits
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.space import PHI, PHIS, by_phi, study_space, widened
from automl_cnn.study.plan.stages import Scaling, Situation, Sizing
from automl_cnn.study.record.record import Record
from automl_cnn.study.scaling.course import Scale
from automl_cnn.study.scaling.planner import BASELINE, GRID, STEP, WAY, Plan, Referee, ScalePlanner, coefficients, gain
from automl_cnn.study.scaling.results import report, write

IMAGES = 1000
SMALL = {"resolution": 64, "width": 0.5}
SPEED = 2e10  # mult-adds trained per second
SPACE = Space(
    (
        Parameter("architecture", Choice("net")),
        Parameter("resolution", Choice(32, 48, 64, 96, 128)),
        Parameter("width", Choice(0.25, 0.5, 1.0, default=1.0)),
        Parameter("depth", Choice(0.5, 1.0, 1.4, default=1.0)),
        Parameter("batch_size", Choice(32, 64)),
    )
)


def mult_adds(configuration):
    return int(4e7 * configuration.get("depth", 1) * configuration.get("width", 1) ** 2 * (configuration["resolution"] / 64) ** 2)


def cost(configuration):
    return NetCost(int(1e6 * configuration["width"] ** 2 * configuration.get("depth", 1)), mult_adds(configuration), 10)


def balanced(configuration):
    """Every doubling is worth 0.05, and as much is lost by growing unevenly."""
    d, w, r = (math.log2(value) for value in (configuration["depth"], 4 * configuration["width"] ** 2, (configuration["resolution"] / 64) ** 2))
    return 0.5 + 0.05 * (d + w + r) - 0.06 * (max(d, w, r) - min(d, w, r))


class Lab:
    """Trains by formula; the clock is counted."""

    def __init__(self, plan, *, score=balanced, total=None, largest=127, limits=None, trials=(), known=SPACE):
        sizing = Sizing(known, cost, IMAGES, largest, limits or Limits())
        self.referee = Referee()
        self.planner = ScalePlanner(sizing, self.referee, 60, plan=plan)
        self.score, self.total, self.used, self.jobs = score, total, 12.0, []
        self.trials = list(trials)

    def run(self, most=200, sd=0.0):
        noise = random.Random(0)
        for _ in range(most):
            job = self.planner.next(tuple(self.trials), Budget(self.total, self.used))
            if job is None:
                return self
            self.jobs.append(job)
            epoch_seconds = IMAGES * mult_adds(job.configuration) / SPEED
            epochs = job.fidelity.epochs if job.fidelity.seconds is None else max(1, min(job.fidelity.epochs, int(job.fidelity.seconds / epoch_seconds)))
            self.used += 3.5 + epochs * epoch_seconds
            top = self.score(job.configuration) + noise.gauss(0, sd)
            self.trials.append(self.trained(job, top, epochs))
            self.referee.tell(self.trials[-1])
        raise AssertionError("it never ends")

    def trained(self, job, top, epochs, half=0.01):
        curve = tuple(Epoch(number, epochs, number, 1.0, 0.5, 1.0, 0.5, top * (1 - 0.5**number), 0.01) for number in range(1, epochs + 1))
        paid = cost(job.configuration)
        speed = SPEED / paid.mult_adds
        return Trial(
            len(self.trials),
            job.configuration,
            job.fidelity,
            job.reason,
            job.stage,
            State.COMPLETE,
            top,
            (top - half, top + half),
            curve,
            best_epoch=epochs,
            mult_adds=paid.mult_adds,
            kernels=10,
            setup=3.5,
            images_per_second=speed,
        )

    @property
    def stages(self):
        return [trial.stage for trial in self.trials]


def test_baseline_then_grid_then_phi_then_the_comparison():
    lab = Lab(Plan("net", phi=2, compare=True, epochs=8, given=SMALL)).run()
    assert lab.stages == [BASELINE, *[GRID] * 10, STEP, *[WAY] * 3]  # phi 1 was trained in the grid
    assert {job.fidelity for job in lab.jobs} == {Fidelity(8)}
    base, last = lab.trials[0].configuration, lab.trials[11].configuration
    assert (base["resolution"], base["width"], base["depth"]) == (64, 0.5, 1.0)
    assert (last["depth"], last["width"], last["resolution"]) == (1.44, 0.605, 88)
    for trial in lab.trials[12:]:
        assert trial.mult_adds == pytest.approx(lab.trials[11].mult_adds, rel=0.06)
    assert [trial.configuration["depth"] > 1 for trial in lab.trials[12:]] == [True, False, False]
    assert [trial.configuration["resolution"] for trial in lab.trials[12:]] == [64, 64, 126]  # not over the early stride


def test_every_point_has_the_same_seeds():
    lab = Lab(Plan("net", phi=1, epochs=5, seeds=3, given=SMALL)).run()
    seeds = {}
    for job in lab.jobs:
        seeds.setdefault(json.dumps(job.configuration), []).append(job.seed)
    assert all(used == list(range(len(used))) for used in seeds.values())
    assert seeds[json.dumps(lab.jobs[0].configuration)] == [0, 1, 2]


def test_points_that_fell_behind_get_no_second_training():
    lab = Lab(Plan("net", phi=1, epochs=5, seeds=3, given=SMALL)).run()
    trained = [job.configuration for job in lab.jobs if job.stage == GRID]
    counts = {json.dumps(one): trained.count(one) for one in trained}
    assert (min(counts.values()), max(counts.values())) == (1, 3)


def test_the_grid_finds_what_the_data_prefers():
    def deep(configuration):
        return 0.5 + 0.1 * math.log2(configuration["depth"]) - 0.02 * math.log2(configuration["width"])

    lab = Lab(Plan("net", phi=2, epochs=5, given=SMALL), score=deep).run()
    summary = report(lab.planner, lab.trials)
    assert summary.coefficients == WAYS["depth"]
    assert lab.trials[-1].configuration["depth"] == 4.0


def test_fixed_coefficients_need_no_grid():
    lab = Lab(Plan("net", phi=2.5, epochs=5, coefficients=PAPER, given=SMALL)).run()
    assert lab.stages == [BASELINE, STEP, STEP, STEP]
    assert [round(trial.configuration["depth"], 3) for trial in lab.trials] == [1.0, 1.2, 1.44, 1.577]


def test_a_cost_target_is_met_by_real_mult_adds():
    lab = Lab(Plan("net", times=4, epochs=5, coefficients=PAPER, given=SMALL)).run()
    assert lab.trials[-1].mult_adds / lab.trials[0].mult_adds == pytest.approx(4, rel=0.05)
    assert not report(lab.planner, lab.trials).notes


def test_limits_end_the_scaling_and_nothing_beyond_them_is_trained():
    limits = Limits(latency=20.0, measure=lambda configuration: mult_adds(configuration) / 2.5e6)  # 4 ms for the baseline
    lab = Lab(Plan("net", epochs=5, coefficients=PAPER, given=SMALL), limits=limits, largest=512).run()
    assert max(trial.mult_adds for trial in lab.trials) <= 5e7
    assert lab.trials[-1].mult_adds > 3.7e7
    asked = Lab(Plan("net", phi=5, epochs=5, coefficients=PAPER, given=SMALL), limits=limits, largest=512).run()
    assert "as far as the limits allow" in report(asked.planner, asked.trials).notes[0]


@pytest.mark.parametrize("total", [300, 900, 3600])
def test_the_budget_is_kept_and_all_have_the_baselines_epochs(total):
    lab = Lab(Plan("net", phi=2, compare=True), total=total).run()
    assert lab.used <= total
    assert lab.stages[0] == BASELINE
    assert STEP in lab.stages
    assert len({trial.epochs[-1].epochs for trial in lab.trials}) == 1
    assert lab.used > 0.25 * total


def test_what_time_did_not_allow_is_said():
    lab = Lab(Plan("net", phi=6, epochs=30, coefficients=PAPER, given=SMALL), total=400).run()
    assert lab.used <= 400
    assert "Not trained for lack of time: phi" in report(lab.planner, lab.trials).notes[0]


@pytest.mark.parametrize("stop", [1, 4, 11, 13])
def test_a_stopped_study_goes_on_as_it_would_have(stop):
    plan = Plan("net", phi=2, compare=True, epochs=5, given=SMALL)
    whole = Lab(plan).run()
    again = Lab(plan, trials=whole.trials[:stop])
    lost = dataclasses.replace(whole.trials[stop], state=State.FAILED, score=None, failure="interrupted: killed", cause=Cause.INTERRUPTED)
    again.trials.append(lost)
    again.run()
    assert [job.configuration for job in again.jobs] == [job.configuration for job in whole.jobs[stop:]]
    assert again.jobs[0].seed == whole.jobs[stop].seed


def test_a_baseline_that_fails_ends_the_study():
    lab = Lab(Plan("net", phi=2))
    job = lab.planner.next((), Budget(None, 12))
    failed = dataclasses.replace(lab.trained(job, 0.5, 3), state=State.FAILED, score=None, epochs=(), failure="the loss became nan")
    assert lab.planner.next((failed,), Budget(None, 20)) is None


def test_the_baseline_leaves_room_to_grow_within_what_the_images_hold():
    lab = Lab(Plan("net", phi=2), largest=64)
    base = lab.planner.base((), Budget(None, 12))
    assert base["resolution"] * PAPER.gamma**2 <= 64


def test_where_the_images_hold_no_more_the_grid_is_over_depth_and_width():
    lab = Lab(Plan("net", phi=1, epochs=5, given=SMALL), largest=64).run()
    assert {trial.configuration["resolution"] for trial in lab.trials} == {64}
    assert lab.stages.count(GRID) == 4


def test_points_that_rounding_makes_alike_or_too_dear_are_left_out():
    def steps(configuration):
        paid = cost({**configuration, "depth": math.ceil(configuration["depth"])})
        return dataclasses.replace(paid, mult_adds=mult_adds({**configuration, "depth": math.ceil(configuration["depth"])}))

    lab = Lab(Plan("net", phi=1, given=SMALL))
    lab.planner = dataclasses.replace(lab.planner, sizing=dataclasses.replace(lab.planner.sizing, cost=steps))
    points = lab.planner.points(lab.planner.base((), Budget(None, 0.0)))
    why = [point.left_out for point in points if point.left_out]
    assert any("by rounding" in words for words in why)
    assert all(abs(point.actual / 2 - 1) <= 0.3 for point in points if not point.left_out)


def test_a_hopeless_point_is_stopped_half_way_and_no_other():
    lab = Lab(Plan("net", phi=1, epochs=10, given=SMALL))
    job = Job({"architecture": "net", "resolution": 64, "width": 1.0, "depth": 1.0}, Fidelity(10), "", GRID)
    referee = Referee()
    assert referee.report(0, 9, 0.0)  # nothing to compare with
    referee.tell(lab.trained(job, 0.8, 10))
    assert referee.report(0, 4, 0.1)
    assert referee.report(0, 6, 0.78)
    assert not referee.report(0, 6, 0.7)


def test_what_was_found_is_told_and_written(tmp_path):
    lab = Lab(Plan("net", phi=2, compare=True, epochs=8, seeds=2, given=SMALL)).run(sd=0.002)
    summary = report(lab.planner, lab.trials)
    assert [row.name for row in summary.steps] == ["phi 1", "phi 2"]
    assert summary.steps[1].predicted == pytest.approx(summary.steps[1].actual, rel=0.02)
    assert [row.name for row in summary.ways] == ["depth", "width", "resolution", "compound"]
    assert "compound scaling wins" in summary.verdict
    assert all(step.rise > 0 for step in summary.doublings)
    assert summary.doublings[0].doublings == pytest.approx(1, abs=0.15)
    assert not summary.notes
    files = write(summary, tmp_path)
    assert {file.name for file in files} >= {"scale.json", "scale.csv"}
    assert json.loads(files[0].read_text())["coefficients"]["alpha"] == summary.coefficients.alpha
    lines = files[1].read_text().splitlines()
    assert len(lines) == 1 + len(summary.rows)
    assert lines[0].startswith("part,name,phi,depth,width,resolution")


def test_ways_that_cannot_be_told_apart_are_not_ranked():
    lab = Lab(Plan("net", phi=2, compare=True, epochs=8, given=SMALL), score=lambda configuration: 0.6).run()
    assert "cannot be distinguished" in report(lab.planner, lab.trials).verdict


def test_a_gain_is_better_known_with_more_trainings():
    lab = Lab(Plan("net"))
    job = Job({"architecture": "net", "resolution": 64, "width": 1.0, "depth": 1.0}, Fidelity(10), "", STEP)
    low, high = ([lab.trained(job, score, 5, half=0.0) for score in (middle - 0.01, middle, middle + 0.01)] for middle in (0.6, 0.7))
    rise, sd = gain(low, high)
    assert rise == pytest.approx(0.1)
    assert sd < gain(low[:1], high[:1])[1]
    assert gain([], high) == (0.0, math.inf)


class TestRecord:
    def begun(self, tmp_path, plan):
        record, course = Record(tmp_path / "j", "s"), Scale(plan)
        planner = course.plan(Sizing(SPACE, cost, IMAGES, 127), record, print)
        return record, course, planner

    def test_multipliers_that_nobody_listed_are_kept(self, tmp_path):
        record, _, planner = self.begun(tmp_path, Plan("net", phi=1, epochs=5, coefficients=PAPER, given=SMALL))
        for _ in range(2):
            job = planner.next(record.trials, Budget(None, 0.0))
            number = record.start(job, planner.sizing.space)
            record.event(number, Epoch(1, 5, 1.0, 1.0, 0.5, 1.0, 0.5, 0.5, 0.1))
            record.finish(number, Finished(State.COMPLETE, 0.5))
        assert Record(tmp_path / "j", "s").trials[1].configuration["width"] == 0.55

    def test_how_far_to_scale_may_change_and_nothing_else(self, tmp_path):
        self.begun(tmp_path, Plan("net", phi=1))
        self.begun(tmp_path, Plan("net", phi=3, compare=True))
        with pytest.raises(ConfigError, match="epochs was None, now 9"):
            self.begun(tmp_path, Plan("net", phi=1, epochs=9))

    def test_a_search_is_no_scale_study(self, tmp_path):
        record = Record(tmp_path / "j", "s")
        record.start(Job(SPACE.defaults(), Fidelity(1), ""), SPACE)
        with pytest.raises(ConfigError, match="is a search"):
            self.begun(tmp_path, Plan("net"))

    def test_what_was_found_is_known_to_later_searches_of_the_same_images(self, tmp_path):
        record = Record(tmp_path / "j", "s")
        record.keep("fingerprint", "abc")
        record.keep("coefficients", {"architecture": "net", "alpha": 2.0, "beta": 1.0, "gamma": 1.0})
        assert coefficients(tmp_path / "j", "abc") == {"net": WAYS["depth"]}
        assert coefficients(tmp_path / "j", "other") == {}


class TestStage:
    def best(self, accuracy, val, **changes):
        configuration = SPACE.defaults({"resolution": 64, "width": 0.5})
        epochs = tuple(
            Epoch(number, 20, number, 1 - accuracy, accuracy, 1 - val, val * (1 - 0.5**number), val * (1 - 0.5**number), 0.01) for number in range(1, 21)
        )
        trial = Trial(
            3, configuration, Fidelity(60, 60.0, 1), "", "search", State.COMPLETE, val, (val - 0.02, val + 0.02), epochs, 20, mult_adds=mult_adds(configuration)
        )
        return dataclasses.replace(trial, **{"kernels": 10, "images_per_second": SPEED / mult_adds(configuration), "setup": 3.0, **changes})

    def now(self, *trials, used=420.0):
        budget = Budget(900, used)
        return Situation(trials, budget, budget.slice(3), 3, 60)

    def stage(self, **given):
        return Scaling(Sizing(SPACE, cost, IMAGES, 127), **given)

    def test_the_best_is_scaled_when_a_third_of_the_time_is_left(self):
        best = self.best(0.7, 0.69)
        assert self.stage(always=True).next(self.now(best, used=100)) is None
        job = self.stage(always=True).next(self.now(best))
        assert (job.stage, job.fidelity.rung) == ("scaling", 1)
        assert (job.configuration["depth"], job.configuration["width"], job.configuration["resolution"]) == (1.2, 0.55, 72)
        assert job.configuration["batch_size"] == best.configuration["batch_size"]
        assert job.fidelity.seconds == pytest.approx(60 * 1.84, rel=0.02)
        assert "trial 3" in job.reason

    def test_a_network_that_overfits_is_not_scaled_unless_told_to(self):
        learned = self.best(0.999, 0.6)
        assert self.stage().next(self.now(learned)) is None
        assert self.stage(always=True).next(self.now(learned)) is not None

    def test_a_network_short_of_capacity_is_scaled(self):
        assert self.stage().next(self.now(self.best(0.7, 0.69))) is not None

    def test_it_goes_on_only_where_it_helped(self):
        stage, best = self.stage(always=True), self.best(0.7, 0.69)
        job = stage.next(self.now(best))
        worse = dataclasses.replace(best, number=4, configuration=job.configuration, score=0.6, stage="scaling")
        assert stage.next(self.now(best, worse)) is None
        better = dataclasses.replace(worse, score=0.8, fidelity=Fidelity(60, 20.0, 1))
        again = stage.next(self.now(best, better))
        assert again.configuration["depth"] == pytest.approx(1.44)

    def test_coefficients_of_a_scale_study_are_used(self):
        job = self.stage(always=True, known={"net": Coefficients(2, 1, 1)}).next(self.now(self.best(0.7, 0.69)))
        assert (job.configuration["depth"], job.configuration["width"]) == (2.0, 0.5)

    def test_limits_and_pretrained_networks_are_left_alone(self):
        limited = Scaling(Sizing(SPACE, cost, IMAGES, 127, Limits(mult_adds=mult_adds(self.best(1, 1).configuration))), always=True)
        assert limited.next(self.now(self.best(0.7, 0.69))) is None
        known = self.best(0.7, 0.69, configuration={"architecture": "net", "pretrained.net": "lite0", "resolution": 64})
        assert self.stage(always=True).next(self.now(known)) is None

    def test_a_search_scales_before_its_last_proposals(self):
        planner = Planner(Sizing(SPACE, cost, IMAGES, 127), FakeEngine(), 60, scaling="compound")
        best = self.best(0.7, 0.69, stage="defaults")
        assert planner.next((best,), Budget(900, 420)).stage == "scaling"
        assert dataclasses.replace(planner, scaling="off").next((best,), Budget(900, 420)).stage != "scaling"

    @pytest.mark.parametrize("scaling", ["auto", "compound"])
    def test_a_whole_search_scales_and_goes_on_from_its_record(self, tmp_path, scaling):
        sizing = Sizing(SPACE, cost, IMAGES, 127)

        def session(until):
            record = Record(tmp_path / "j", scaling)
            inner = by_phi(SPACE)
            engine = ByPhi(OptunaEngine(inner, 0), inner, SPACE, 127) if scaling == "compound" else Adapted(OptunaEngine(SPACE, 0), SPACE)
            planner = Planner(sizing, engine, 60, scaling=scaling)
            for trial in record.trials:
                engine.tell(trial)
            used = 12.0 + sum(trial.seconds for trial in record.trials)
            while (job := planner.next(record.trials, Budget(3600, used))) and len(record.trials) < until:
                number = record.start(job, SPACE)
                record.event(number, Started(cost(job.configuration), 20))
                score = min(0.95, 0.5 + 0.04 * math.log2(mult_adds(job.configuration) / 1e6))
                for epoch in range(1, 21):
                    value = score * (1 - 0.6**epoch)
                    record.event(number, Epoch(epoch, 20, epoch, 1 - value, value, 1 - value, value, value, 0.01))
                speed = SPEED / mult_adds(job.configuration)
                seconds = 3.5 + (job.fidelity.seconds or 0.0)
                record.finish(number, Finished(State.COMPLETE, score, 20, seconds, 3.5, images_per_second=speed, interval=(score - 0.02, score + 0.02)))
                engine.tell(record.trials[number])
                used += seconds
            return record.trials

        early = session(3)
        assert len(early) == 3
        trials = session(100)
        scaled = [trial for trial in trials if trial.stage == "scaling"]
        assert 1 <= len(scaled) <= 3
        assert all(trial.configuration["width"] not in SPACE["width"].domain.options for trial in scaled)
        assert trials[-1].stage == "final"


class TestPhi:
    def spaces(self, **given):
        plain = {"native": 200, "images": 700, "max_resolution": 224, "architectures": ("vgg", "efficientnet_lite")}
        outer = study_space(registry.load(), **{**plain, **given})
        return outer, by_phi(outer)

    def test_phi_stands_in_for_the_three(self):
        outer, inner = self.spaces()
        assert {"width", "depth", "resolution"} <= set(outer.defaults())
        defaults = inner.defaults()
        assert PHI in defaults
        assert not {"width", "depth", "resolution"} & set(defaults)

    def test_pretrained_networks_keep_their_resolution(self):
        _, inner = self.spaces(weights={"efficientnet_lite": ("lite0",)})
        assert "resolution" in inner.defaults({"architecture": "efficientnet_lite"})
        assert PHI not in inner.defaults({"architecture": "efficientnet_lite"})
        assert PHI in inner.defaults({"architecture": "efficientnet_lite", "pretrained.efficientnet_lite": "none"})
        assert PHI in inner.defaults({"architecture": "vgg"})

    def test_a_proposal_carries_width_depth_and_resolution_and_is_translated_to_phi(self):
        outer, inner = self.spaces()
        engine = ByPhi(OptunaEngine(inner, 3), inner, outer, 224)
        for _ in range(12):
            proposal = engine.ask()
            assert outer.check(proposal.configuration) == proposal.configuration
            translated = engine.translated(proposal.configuration)
            assert inner.check(translated) == translated
            back = ByPhi.phi(engine, proposal.configuration)
            assert translated[PHI] == pytest.approx(min(max(back, PHIS[0]), PHIS[-1]))
            engine.tell(Trial(0, proposal.configuration, Fidelity(1), "", "search", State.COMPLETE, 0.5))

    def test_phi_0_is_the_largest_and_costs_fall_with_it(self):
        outer, inner = self.spaces()
        engine = ByPhi(OptunaEngine(inner, 0), inner, outer, 224)
        sizes = []
        for phi in (-8.0, -4.0, -2.0, 0.0, 1.0):
            engine.engine = type("One", (FakeEngine,), {"ask": lambda self, phi=phi: dataclasses.replace(FakeEngine.ask(self), configuration={PHI: phi})})()
            configuration = engine.ask().configuration
            sizes.append((configuration["depth"], configuration["width"], configuration["resolution"]))
            assert engine.phi(configuration) == pytest.approx(min(phi, 0.6), abs=1.5)
        assert sizes == sorted(sizes)
        assert sizes[3] == (1.0, 1.0, 224)

    def test_an_engine_hears_of_scaled_networks_in_its_own_words(self):
        engine = Adapted(OptunaEngine(SPACE, 0), SPACE)
        scaled = {**SPACE.defaults(), "width": 0.55, "depth": 1.44, "resolution": 72}
        assert engine.translated(scaled) == {**SPACE.defaults(), "width": 0.5, "depth": 1.4, "resolution": 64}
        for number in range(10):
            engine.tell(Trial(number, scaled, Fidelity(1), "", "scaling", State.COMPLETE, 0.5))
            engine.ask()

    def test_a_space_widened_by_a_configuration_holds_it_and_keeps_the_rest(self):
        scaled = {**SPACE.defaults(), "width": 0.55}
        assert widened(SPACE, scaled).check(scaled) == scaled
        assert widened(SPACE, SPACE.defaults()) == SPACE
