"""The branch before the final training: when it is tried, with what, and that the final training goes on from whichever is better."""

import dataclasses

import pytest
from test_guided import KNOWN, SIZING, SPACE, trained

from automl_cnn.diagnosis.experience import Effect, Experience
from automl_cnn.records import Finding
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.stages import Branch, Final, Situation
from automl_cnn.study.plan.stages import branch as stage
from automl_cnn.study.plan.stages.branch import SHARE

MEASURED = Finding("overfitting", "high", "", {}, actions=(), probability=0.95)


def situation(*trials, total=1000.0, used=600.0, share=30.0):
    return Situation(tuple(trials), Budget(total, used), share, 3, 60)


@pytest.fixture(autouse=True)
def main(monkeypatch):
    """The main finding on every trial, overfitting unless a test sets another."""
    kept = {"finding": MEASURED}
    monkeypatch.setattr(stage, "diagnose", lambda trial, context: [kept["finding"]])
    return kept


def test_an_overfitting_network_goes_on_from_its_checkpoint_with_one_stronger_regularization():
    best = trained(3)
    job = Branch(SIZING, KNOWN).next(situation(best))
    assert (job.stage, job.continue_from, job.guide) == ("branch", 3, None)
    assert job.configuration["regularizer.augment"] is True
    assert {**job.configuration, "regularizer.augment": False, "augment.shift": None} | {"augment.shift": None} == {**best.configuration, "augment.shift": None}
    now = situation(best)
    assert job.fidelity.seconds == pytest.approx(SHARE * (now.budget.left - best.setup))
    assert "overfitting" in job.reason


@pytest.mark.parametrize(
    "finding",
    [
        dataclasses.replace(MEASURED, kind="good_fit"),
        dataclasses.replace(MEASURED, severity="low"),
        dataclasses.replace(MEASURED, probability=0.5, others=(("label_noise", 0.4),)),
    ],
)
def test_only_a_clear_case_is_branched(main, finding):
    main["finding"] = finding
    assert Branch(SIZING, KNOWN).next(situation(trained(0))) is None


def test_it_is_tried_once_and_before_the_final_training():
    best = trained(0)
    for name in ("branch", "final"):
        assert Branch(SIZING, KNOWN).next(situation(best, trained(1, val=0.5, stage=name))) is None


def test_without_a_budget_or_without_time_there_is_none():
    assert Branch(SIZING, KNOWN).next(situation(trained(0), share=None)) is None
    assert Branch(SIZING, KNOWN).next(situation(trained(0), used=940.0)) is None


def test_a_network_never_changes_its_shape_on_a_branch():
    everything = SPACE.defaults({"regularizer.augment": True, "augment.shift": 0.25, "regularizer.dropout": True, "dropout.rate": 0.8})
    assert Branch(SIZING, KNOWN).next(situation(trained(0, everything))) is None, "what is left to try is a narrower network"


def test_what_earlier_studies_found_harmful_is_passed_over():
    harmful = Experience(tuple(Effect("augment on", 1000, -0.1, 0.01) for _ in range(5)), 1000)
    job = Branch(SIZING, KNOWN, harmful).next(situation(trained(0)))
    assert job.configuration["regularizer.augment"] is False
    assert job.configuration["regularizer.dropout"] is True


@pytest.mark.parametrize(("score", "origin"), [(0.85, 1), (0.7, 0)])
def test_the_final_training_goes_on_from_the_better_one(score, origin):
    best = trained(0)
    job = Branch(SIZING, KNOWN).next(situation(best))
    branched = trained(1, val=score, job=job, continue_from=0)
    final = Final(SIZING).next(situation(best, branched, used=700.0))
    assert final.continue_from == origin
    assert final.configuration == (branched if origin else best).configuration
