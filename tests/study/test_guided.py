"""The stage that the diagnosis guides: which counterfactuals it wishes for, and what it learns from them."""

import dataclasses

import numpy as np
import pytest
from planner_fakes import FakeEngine

from automl_cnn.diagnosis import Context, helped
from automl_cnn.diagnosis.experience import Effect, Experience
from automl_cnn.paired import packed
from automl_cnn.records import Epoch, Fidelity, Finding, Finished, Job, NetCost, State, Trial
from automl_cnn.space import Choice, Float, Parameter, Space
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.limits import Limits
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Guided, Situation, Sizing
from automl_cnn.study.plan.wishes import Measure, Unmeasured
from automl_cnn.study.record.record import Record

SPACE = Space(
    (
        Parameter("architecture", Choice("net", "other")),
        Parameter("resolution", Choice(32, 64)),
        Parameter("width", Choice(0.25, 0.5, 1.0, default=0.5)),
        Parameter("optimizer", Choice("adam")),
        Parameter("adam.learning_rate", Float(1e-4, 3e-2, default=2e-3, log=True)),
        Parameter("regularizer.augment", Choice(False, True)),
        Parameter("augment.shift", Float(0.0, 0.25, default=0.1), (("regularizer.augment", True),)),
        Parameter("regularizer.dropout", Choice(False, True)),
        Parameter("dropout.rate", Float(0.0, 0.8, default=0.3), (("regularizer.dropout", True),)),
    )
)
IMAGES, VAL = 1000, 200
KNOWN = Context(classes=10, train_images=IMAGES, val_images=VAL, majority=0.1)


def cost(configuration):
    return NetCost(1000, int(1e7 * (configuration["resolution"] / 32) ** 2 * configuration["width"] ** 2), 10)


SIZING = Sizing(SPACE, cost, IMAGES)


def trained(number, configuration=None, *, train=1.0, val=0.8, job=None, **given):
    """A trial that ended with these accuracies on training and validation images; the first images are those it was right on."""
    epochs = tuple(
        Epoch(n, 10, float(n), 2.3 * 0.5**n, 0.5, 2.3 * 0.7**n + 0.5, val * (1 - 0.5**n), val * (1 - 0.5**n), 1e-3, 2.3 * 0.5**n, train * (1 - 0.4**n))
        for n in range(1, 11)
    )
    made = Trial(
        number,
        configuration or SPACE.defaults(),
        Fidelity(60, 30.0),
        "made",
        "search",
        State.COMPLETE,
        val,
        epochs=epochs,
        best_epoch=10,
        setup=2.0,
        mult_adds=int(cost(configuration or SPACE.defaults()).mult_adds),
        kernels=10,
        images_per_second=3000.0,
        seconds=32.0,
        right=packed(np.arange(VAL) < round(val * VAL)),
    )
    if job is not None:
        made = dataclasses.replace(made, configuration=job.configuration, stage=job.stage, guide=job.guide, fidelity=job.fidelity, reason=job.reason)
    return dataclasses.replace(made, **given)


def wished(*trials, total=3600.0, stage=None, share=30.0):
    budget = Budget(total, 100.0) if total else Budget(None, 100.0)
    return (stage or Guided(SIZING, KNOWN)).next(Situation(tuple(trials), budget, share, 3, 60))


def test_an_overfitting_trial_is_tried_with_augmentation_and_nothing_else_changed():
    parent = trained(7)
    job = wished(parent)
    changed = {name for name in {*job.configuration, *parent.configuration} if job.configuration.get(name) != parent.configuration.get(name)}
    assert changed == {"regularizer.augment", "augment.shift"}
    assert job.fidelity == parent.fidelity
    assert (job.stage, job.continue_from, job.proposal) == ("guided", None, None)
    assert (job.guide.finding, job.guide.action, job.guide.parent, job.guide.seed) == ("overfitting", "augment on", 7, 7)
    assert "augment on" in job.reason
    assert "overfitting" in job.reason
    assert "trial 7" in job.reason
    assert SPACE.check(job.configuration) == job.configuration


def slowly(trial, rise):
    """The same trial, with a curve that rises so much from one epoch to the next up to its score."""
    epochs = tuple(dataclasses.replace(epoch, score=trial.score - rise * (len(trial.epochs) - epoch.number)) for epoch in trial.epochs)
    return dataclasses.replace(trial, epochs=epochs)


def test_a_dearer_network_is_hoped_for_only_where_the_seconds_are_enough_for_it():
    """Twice the width is four times the cost: ten epochs become two."""
    parent = trained(0, train=0.5, val=0.5)

    def actions(trial, share=30.0):
        situation = Situation((trial,), Budget(3600.0, 100.0), share, 3, 60)
        return {wish.change.action for wish in Guided(SIZING, KNOWN).wishes(situation)}

    assert {"wider", "higher resolution", "rate up"} <= actions(slowly(parent, 0.001))
    assert actions(slowly(parent, 0.02)) & {"wider", "higher resolution", "rate up"} == {"rate up"}
    unhurried = dataclasses.replace(slowly(parent, 0.02), fidelity=Fidelity(60))
    assert "wider" in actions(unhurried, None)


def test_an_improvement_becomes_a_parent_and_keeps_the_random_numbers_of_the_first():
    parent = trained(0)
    first = wished(parent)
    better = trained(1, val=0.85, job=first)
    job = wished(parent, better, trained(2, SPACE.defaults({"architecture": "other"}), val=0.1), trained(3, SPACE.defaults({"width": 0.25}), val=0.1))
    assert (job.guide.parent, job.guide.seed) == (1, 0)
    assert job.configuration["regularizer.augment"] is True


def test_it_takes_turns_with_the_proposals():
    parent = dataclasses.replace(trained(0), stage="defaults")
    guided = trained(1, job=wished(parent), val=0.7)
    others = [trained(2 + n, SPACE.defaults({"adam.learning_rate": 1e-4 * (n + 1)}), val=0.1) for n in range(2)]
    assert wished(parent, guided) is None
    assert wished(parent, guided, others[0]) is None
    assert wished(parent, guided, *others) is not None


def test_an_action_that_did_not_pay_is_not_proposed_again():
    parent, rest = trained(0), [trained(10 + n, SPACE.defaults({"adam.learning_rate": 1e-4 * (n + 1)}), val=0.1) for n in range(8)]
    first = wished(parent, *rest)
    worse = trained(1, job=first, val=0.7)
    elsewhere = trained(2, SPACE.defaults({"architecture": "other"}), val=0.82)
    actions = {wish.change.action for wish in Guided(SIZING, KNOWN).wishes(Situation((parent, worse, elsewhere, *rest), Budget(3600, 100), 30.0, 3, 60))}
    assert first.guide.action not in actions
    assert "dropout on" in actions
    better = trained(1, job=first, val=0.86)
    job = wished(parent, better, elsewhere, *rest)
    assert job.guide.parent == 1  # what paid is built on
    paid = {
        wish.change.action
        for wish in Guided(SIZING, KNOWN).wishes(Situation((parent, better, elsewhere, *rest), Budget(3600, 100), 30.0, 3, 60))
        if wish.parent.number == 2
    }
    assert not paid or first.guide.action in paid


def test_what_was_tried_is_not_tried_again():
    parent = trained(0)
    tried = [trained(1 + n, SPACE.defaults(given), val=0.1) for n, given in enumerate(({"regularizer.augment": True}, {"regularizer.dropout": True}))]
    job = wished(parent, *tried)
    assert job.guide.action not in ("augment on", "dropout on")


@pytest.mark.parametrize(
    "given",
    [{"continue_from": 3}, {"fidelity": Fidelity(60, 90.0, 1)}, {"stage": "final"}, {"state": State.PRUNED}, {"state": State.STOPPED}, {"epochs": ()}],
)
def test_only_trials_of_one_whole_training_can_be_parents(given):
    assert wished(dataclasses.replace(trained(0), **given)) is None


def test_what_is_too_dear_for_the_parents_seconds_or_the_limits_is_passed_over():
    unfit = slowly(trained(0, train=0.5, val=0.49), 0.001)
    wide = Guided(SIZING, KNOWN).wishes(Situation((unfit,), Budget(3600, 100), 30.0, 3, 60))
    assert {"wider", "higher resolution"} <= {wish.change.action for wish in wide}
    slow = dataclasses.replace(unfit, images_per_second=300.0)
    assert wished(slow).guide.action not in ("wider", "higher resolution")
    limited = Sizing(SPACE, cost, IMAGES, limits=Limits(mult_adds=int(3e6)))
    assert wished(unfit, stage=Guided(limited, KNOWN)).guide.action not in ("wider", "higher resolution")


def test_no_time_no_wish():
    assert wished(trained(0), total=140.0) is None
    assert wished() is None


def test_without_a_clock_longer_training_is_an_answer_once():
    cut = dataclasses.replace(
        trained(0),
        fidelity=Fidelity(2),
        epochs=tuple(Epoch(n, 2, float(n), 2.3 - 0.5 * n, 0.4, 2.3 - 0.5 * n, 0.3 * n, 0.3 * n, 1e-3, 2.3 - 0.5 * n, 0.3 * n) for n in (1, 2)),
    )
    job = wished(cut, total=None, share=None)
    assert (job.guide.action, job.fidelity.epochs, job.configuration) == ("trained longer", 4, cut.configuration)
    again = trained(1, job=job, val=0.85)
    rest = [trained(10 + n, SPACE.defaults({"adam.learning_rate": 1e-4 * (n + 1)}), val=0.1) for n in range(2)]
    assert wished(cut, again, *rest, total=None, share=None).guide.parent == 1


def test_the_record_keeps_what_a_counterfactual_is_compared_with(tmp_path):
    record = Record(tmp_path / "j", "s")
    parent = trained(0)
    job = wished(parent)
    for wish in (Job(parent.configuration, parent.fidelity, "", "defaults"), job):
        number = record.start(wish, SPACE)
        record.finish(number, Finished(State.COMPLETE, 0.8, 1, right=packed(np.ones(VAL, bool))))
    first, second = Record(tmp_path / "j", "s").trials
    assert (first.guide, second.guide) == (None, job.guide)
    assert second.right == packed(np.ones(VAL, bool))
    assert [entry.action for entry in helped((first, second))] == ["augment on"]


def test_the_planner_asks_it_after_promotion_and_only_where_it_is_wanted():
    trials = [dataclasses.replace(trained(n, SPACE.defaults({"architecture": name})), stage="defaults") for n, name in enumerate(("net", "other"))]
    with_, without = (Planner(SIZING, FakeEngine(), 60, known=known) for known in (KNOWN, None))
    stages = [planner.next(trials, Budget(None, 100, 9)).stage for planner in (with_, without) for _ in range(1)]
    assert stages == ["guided", "search"]
    several = Planner(SIZING, FakeEngine(), 60, ("accuracy", "params"), KNOWN)
    assert several.next(trials, Budget(None, 100, 9)).stage == "search"


UNDECIDED = Finding("overfitting", "high", "", {}, probability=0.55, others=(("underfitting", 0.4),))
SURE = dataclasses.replace(UNDECIDED, probability=0.95, others=())


@pytest.mark.parametrize(
    ("finding", "untested", "given", "asked"),
    [
        (UNDECIDED, lambda trial: True, {}, True),
        (SURE, lambda trial: True, {}, False),
        (UNDECIDED, lambda trial: False, {}, False),
        (UNDECIDED, None, {}, False),
        (UNDECIDED, lambda trial: True, {"slots": 2}, False),
        (UNDECIDED, lambda trial: True, {"total": 300.0}, False),
        (dataclasses.replace(UNDECIDED, others=(("label_noise", 0.4),)), lambda trial: True, {}, False),
    ],
)
def test_an_undecided_diagnosis_is_tested_where_that_is_cheap_and_would_change_what_is_tried(monkeypatch, finding, untested, given, asked):
    monkeypatch.setattr("automl_cnn.study.plan.stages.guided.diagnose", lambda trial, context: [finding])
    if "label_noise" in dict(finding.others):
        monkeypatch.setattr(Guided, "_answer", lambda self, finding, parent: "augment on")
    budget = Budget(given.get("total", 3600.0), 100.0, slots=given.get("slots", 1))
    now = Situation((trained(7),), budget, 30.0, 3, 60)
    stage = Guided(SIZING, KNOWN, untested=untested)
    if not asked:
        assert stage.next(now) is not None
        return
    with pytest.raises(Unmeasured) as missing:
        stage.next(now)
    assert missing.value.need == Measure("interventions", trained(7).configuration, trained(7))


def test_a_less_probable_finding_asks_for_its_changes_later(monkeypatch):
    findings = [dataclasses.replace(SURE, kind="underfitting", probability=0.3), dataclasses.replace(SURE, probability=0.7)]
    monkeypatch.setattr("automl_cnn.study.plan.stages.guided.diagnose", lambda trial, context: findings)
    assert wished(slowly(trained(0), 0.001)).guide.finding == "overfitting"


def test_a_new_study_believes_what_earlier_ones_measured():
    harmful = Experience(tuple(Effect("augment on", IMAGES, -0.1, 0.01) for _ in range(5)), IMAGES)
    assert wished(trained(0)).guide.action == "augment on"
    assert wished(trained(0), stage=Guided(SIZING, KNOWN, harmful)).guide.action != "augment on"
