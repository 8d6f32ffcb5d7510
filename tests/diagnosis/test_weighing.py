"""Which explanation comes first, how certain it is, and what interventions add."""

import dataclasses
import math

import numpy as np
import pytest
from diagnosis_fakes import KNOWN, falling, good, overfitted, rising, trial, underfitted

from automl_cnn.diagnosis import by_rules, certainty, diagnose, headline, learned, symptoms, undecided, weighing
from automl_cnn.diagnosis.curves import Curves
from automl_cnn.diagnosis.weighing import EXPLANATIONS, POSSIBLE, weighed
from automl_cnn.interventions import Interventions
from automl_cnn.lineage import joined
from automl_cnn.tasks.words import words_for

TESTED = Interventions(40, 1.4, 1.38, 0.9, 1.4, 1.42, 1.4, 0.95, 1.42, 1.0)


def curves(made, context=KNOWN):
    return Curves.of(made, context)


@pytest.fixture
def probable(monkeypatch):
    """`probable(kind=share, …)`: what the regressions are to say of every training."""

    def set_(**shares):
        ordered = dict(sorted(shares.items(), key=lambda item: -item[1]))
        monkeypatch.setattr("automl_cnn.diagnosis.probabilities", lambda made: ordered)

    return set_


def test_the_shipped_regressions_know_every_symptom_and_every_explanation():
    kept = learned.regressions()
    assert kept["curves"].names == symptoms.OF_CURVES
    assert kept["interventions"].names == (*symptoms.OF_CURVES, *symptoms.OF_INTERVENTIONS)
    for regression in kept.values():
        assert set(regression.kinds) == set(EXPLANATIONS)
        assert regression.kernel.shape == (len(regression.names), len(regression.kinds))
        assert learned.Regression.from_dict(regression.as_dict()).names == regression.names


def test_probabilities_add_up_to_one_and_come_in_order():
    shares = learned.probabilities(curves(overfitted()))
    assert sum(shares.values()) == pytest.approx(1.0)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


@pytest.mark.parametrize(("made", "kind"), [(good(), "good_fit"), (overfitted(), "overfitting"), (underfitted(), "underfitting")])
def test_clear_curves_are_certain(made, kind):
    main = diagnose(made, KNOWN)[0]
    assert (main.kind, undecided(main)) == (kind, False)
    assert main.probability > 0.7


def test_every_symptom_is_bounded_and_finite_whatever_the_curves():
    rng = np.random.default_rng(0)
    for epochs in (1, 2, 3, 7, 30):
        for scale in (1e-6, 1.0, 1e6):
            loss, accuracy = scale * rng.random((2, epochs)), rng.random((2, epochs))
            made = trial(loss[0], loss[1], accuracy[0], accuracy[1], interventions=dataclasses.replace(TESTED, up=scale))
            known = curves(made)
            for values in (symptoms.of_curves(known), symptoms.of_interventions(known)):
                assert all(math.isfinite(value) and -1 <= value <= 2 for value in values.values()), values


def test_more_epochs_of_the_same_course_change_no_symptom_much():
    """A probability that depended on the length of the training would know how the trainings were made that it was learned from."""
    short, long = (
        symptoms.of_curves(curves(trial(falling(n, 0.1, 7 / n), falling(n, 0.15, 7 / n), rising(n, 0.98, 7 / n), rising(n, 0.96, 7 / n)))) for n in (20, 40)
    )
    assert all(abs(short[name] - long[name]) < 0.25 for name in short), {name: (short[name], long[name]) for name in short}


def test_the_most_probable_explanation_is_the_main_finding_even_where_its_rule_did_not_fire(probable):
    probable(rate_too_low=0.65, overfitting=0.3, good_fit=0.05)
    findings = diagnose(overfitted(), KNOWN)
    assert [finding.kind for finding in findings][:2] == ["rate_too_low", "overfitting"]
    assert findings[0].probability == 0.65
    assert findings[0].severity == "low"
    assert findings[0].actions[0] == "a higher learning rate"
    assert findings[1].probability == 0.3
    assert certainty(findings[0]) == "65 % certain; or overfitting (30 %)"


def test_an_improbable_finding_of_a_rule_is_left_out_and_remarks_stay(probable):
    probable(good_fit=0.97, overfitting=0.03)
    findings = diagnose(overfitted(), dataclasses.replace(KNOWN, val_images=60))
    assert [finding.kind for finding in findings] == ["good_fit", "noisy_validation"]
    assert findings[1].probability is None


def test_what_is_grave_comes_before_a_good_fit(probable):
    probable(good_fit=0.9, leak=0.1)
    findings = diagnose(good(score=0.6), dataclasses.replace(KNOWN, probe=0.9))
    assert [finding.kind for finding in findings][:2] == ["worse_than_baseline", "good_fit"]


def test_copies_are_counted_and_not_guessed(probable):
    probable(good_fit=1.0)
    main = diagnose(good(), dataclasses.replace(KNOWN, copies=0.3))[0]
    assert (main.kind, main.probability) == ("leak", None)


def test_a_weak_finding_looks_weak(probable):
    probable(overfitting=0.5, label_noise=0.5 - 0.01, good_fit=0.01)
    findings = diagnose(overfitted(), KNOWN)
    assert headline(findings) == "overfitting?"
    probable(overfitting=0.95, label_noise=0.05)
    assert headline(diagnose(overfitted(), KNOWN)) == "overfitting"


def test_other_tasks_have_rules_and_no_probabilities():
    context = dataclasses.replace(KNOWN, words=words_for("multilabel"))
    assert learned.probabilities(curves(overfitted(), context)) == {}
    assert diagnose(overfitted(), context)[0].probability is None
    assert learned.probabilities(curves(overfitted(), dataclasses.replace(KNOWN, classes=None))) == {}


def test_a_trial_that_continued_another_is_judged_by_both_and_a_fine_tuned_one_by_rules_alone():
    first = trial(falling(10, 0.3), falling(10, 0.35), rising(10, 0.9), rising(10, 0.89), number=0)
    first = dataclasses.replace(first, best_epoch=8)
    second = trial(np.full(12, 0.1), np.linspace(0.4, 1.2, 12), np.full(12, 0.99), np.full(12, 0.8), number=1, continue_from=0)
    whole = joined(second, (first, second))
    assert [epoch.number for epoch in whole.epochs] == list(range(1, 21))
    assert whole.epochs[8].val_loss == second.epochs[0].val_loss
    known = dataclasses.replace(KNOWN, others=(first, second))
    assert diagnose(second, known)[0].probability == learned.probabilities(curves(whole, known))[diagnose(second, known)[0].kind]
    assert diagnose(second, KNOWN)[0].probability is None, "the trial that it continued is unknown"
    tuned = {**second.configuration, "pretrained.net": "known", "finetune.net": "all"}
    assert diagnose(overfitted(configuration=tuned), KNOWN)[0].probability is None


def test_interventions_are_evidence_and_are_stated(probable):
    made = underfitted(interventions=TESTED)
    assert symptoms.of_interventions(curves(made))["faster"] > 0.3
    assert symptoms.of_interventions(curves(underfitted())) == {}
    probable(rate_too_low=0.9)
    assert "at ten times the learning rate to 0.90" in diagnose(made, KNOWN)[0].sentence
    probable(underfitting=0.9)
    assert diagnose(made, KNOWN)[0].sentence.endswith("trained on 64 images alone, it gets 100% of them right.")
    probable(underfitting=0.9)
    assert "Tested" not in diagnose(underfitted(), KNOWN)[0].sentence
    tuned = {**made.configuration, "pretrained.net": "known", "finetune.net": "all"}
    assert "Tested" in diagnose(underfitted(interventions=TESTED, configuration=tuned), KNOWN)[0].sentence, "without probabilities too"


def test_a_faster_rate_that_helps_speaks_for_a_rate_too_low_and_one_that_does_not_for_a_small_network():
    loss = 2.3 - 0.025 * np.arange(12)
    accuracy = 0.1 + 0.01 * np.arange(12)
    made = trial(loss, loss + 0.02, accuracy, accuracy)
    faster = dataclasses.replace(made, interventions=Interventions(40, 2.02, 1.97, 0.9, 2.02, 2.04, 1.99, 1.0, 2.04, 0.95))
    idle = dataclasses.replace(made, interventions=Interventions(40, 2.02, 2.03, 2.1, 2.02, 2.04, 2.05, 2.1, 2.04, 0.3))
    shares = [learned.probabilities(curves(one)) for one in (faster, idle)]
    assert shares[0]["rate_too_low"] > shares[1]["rate_too_low"]
    assert shares[0]["underfitting"] < shares[1]["underfitting"]


def test_without_probabilities_the_rules_stand():
    findings = by_rules(curves(overfitted()))
    assert weighed(findings, {}, curves(overfitted())) == findings
    assert weighed([], {"good_fit": 1.0}, curves(overfitted())) == []


def test_what_the_curves_rule_out_is_no_explanation():
    fitted = curves(trial(falling(20, 0.01), falling(20, 0.05), rising(20, 1.0), rising(20, 0.99)))
    assert not {"underfitting", "not_converged", "rate_too_low"} & set(learned.probabilities(fitted))
    assert sum(learned.probabilities(fitted).values()) == pytest.approx(1.0)
    level = curves(trial(falling(20, 0.5), falling(20, 0.5), rising(20, 0.8), rising(20, 0.82)))
    assert not {"overfitting", "label_noise"} & set(learned.probabilities(level))
    blank = curves(trial(np.full(9, 2.3), np.full(9, 2.3), np.full(9, 0.1), np.full(9, 0.1)))
    assert "good_fit" not in learned.probabilities(blank)
    assert learned.possible({"underfitting": 1.0}, fitted) == {"underfitting": 1.0}, "where nothing is left, nothing is ruled out"


def test_every_explanation_can_be_described_without_its_rule():
    made = curves(underfitted(interventions=TESTED))
    for kind in EXPLANATIONS:
        finding = weighing.likely(kind, made, 0.5)
        assert (finding.kind, finding.severity) == (kind, "low")
        assert finding.sentence.endswith(".")
        assert weighing.likely(kind, made, 0.9).severity == ("low" if kind == "good_fit" else "medium")
    assert POSSIBLE < weighing.SURE
