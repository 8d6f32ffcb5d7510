"""Each kind of finding on curves that show it, and on others that do not."""

import dataclasses
import math

import numpy as np
import pytest
from diagnosis_fakes import KNOWN, NOTHING, falling, good, on_a_share, overfitted, rising, trial, underfitted

from automl_cnn.diagnosis import KINDS, WORDS, Context, Curves, by_rules, diagnose, headline, title
from automl_cnn.diagnosis.actions import ANSWERS
from automl_cnn.errors import Cause
from automl_cnn.records import State


def kinds(made, context=KNOWN):
    return [finding.kind for finding in diagnose(made, context)]


def main(made, context=KNOWN):
    return diagnose(made, context)[0]


def test_a_good_fit_is_called_that_and_nothing_else():
    assert kinds(good()) == ["good_fit"]
    assert headline(diagnose(good(), KNOWN)) == "good"


def test_overfitting_says_gap_interval_and_onset():
    finding = main(overfitted())
    assert (finding.kind, finding.severity, finding.epoch) == ("overfitting", "high", 6)
    assert finding.evidence["gap"] == pytest.approx(0.25, abs=0.02)
    assert finding.evidence["gap_low"] < finding.evidence["gap"] < finding.evidence["gap_high"]
    assert finding.evidence["gap_high"] - finding.evidence["gap_low"] == pytest.approx(2 * 1.96 * math.sqrt(0.75 * 0.25 / 225), rel=0.1)
    assert finding.actions[0] == "augmentation"
    assert "epoch 6" in finding.sentence


def test_a_gap_within_chance_is_no_overfitting():
    made = trial(falling(20, 0.1), falling(20, 0.2), rising(20, 0.98), rising(20, 0.91))
    assert main(made).kind == "overfitting"
    assert main(made, dataclasses.replace(KNOWN, val_images=40)).kind == "good_fit"


def test_the_gap_is_that_of_images_as_they_are_and_not_of_augmented_ones():
    hard = rising(20, 0.80)  # on augmented batches: below validation
    made = overfitted()
    epochs = tuple(dataclasses.replace(epoch, accuracy=float(value)) for epoch, value in zip(made.epochs, hard, strict=True))
    assert main(dataclasses.replace(made, epochs=epochs)).kind == "overfitting"


def test_epochs_without_a_measurement_are_filled_in():
    made = overfitted()
    sparse = tuple(dataclasses.replace(epoch, clean_loss=None, clean_accuracy=None) if epoch.number % 3 else epoch for epoch in made.epochs)
    finding = main(dataclasses.replace(made, epochs=sparse))
    assert (finding.kind, finding.severity) == ("overfitting", "high")


def test_trials_from_before_training_images_were_scored_are_diagnosed_as_trained():
    finding = main(overfitted(measured=False))
    assert finding.kind == "overfitting"
    assert "as trained" in finding.sentence


def test_underfitting_is_missing_training_images_too():
    finding = main(underfitted())
    assert (finding.kind, finding.severity) == ("underfitting", "high")
    assert "a wider network" in finding.actions


def test_both_at_once_is_told_by_the_larger_part():
    made = trial(falling(20, 0.5), falling(20, 1.2), rising(20, 0.85), rising(20, 0.60))
    assert main(made).kind == "overfitting"
    assert "underfitting" not in kinds(made)


@pytest.mark.parametrize("epochs", [2, 4])
def test_a_training_cut_off_has_not_converged(epochs):
    loss = NOTHING - 0.35 * np.arange(1, epochs + 1)
    accuracy = 0.1 + 0.12 * np.arange(1, epochs + 1)
    assert main(trial(loss, loss + 0.05, accuracy, accuracy - 0.01)).kind == "not_converged"


def test_a_single_epoch_is_too_few_from_scratch_and_not_for_pretrained_layers():
    one = trial([1.0], [1.0], [0.7], [0.7])
    assert (main(one).kind, "only one epoch" in main(one).sentence) == ("not_converged", True)
    known = {**one.configuration, "pretrained.net": "known", "finetune.net": "head_first"}
    assert "not_converged" not in kinds(dataclasses.replace(one, configuration=known))
    assert "not_converged" not in kinds(dataclasses.replace(one, continue_from=3))


def test_a_loss_that_was_thrown_up_or_is_infinite_tells_of_too_high_a_rate():
    raw = np.array([180.0, *[2.33, 2.32] * 5])
    stuck = trial(np.minimum(raw, 2.33), np.minimum(raw, 2.33), np.full(11, 0.1), np.full(11, 0.1), raw=raw)
    assert (main(stuck).kind, main(stuck).severity) == ("rate_too_high", "high")
    failed = dataclasses.replace(good(), state=State.FAILED, score=None, failure="the loss became nan in epoch 3", cause=Cause.DIVERGED)
    assert (main(failed).kind, len(diagnose(failed))) == ("rate_too_high", 1)
    out_of_memory = dataclasses.replace(good(), state=State.FAILED, score=None, epochs=(), failure="out of memory", cause=Cause.MEMORY)
    assert diagnose(out_of_memory, KNOWN) == []


def test_a_loss_that_goes_up_as_much_as_down_tells_of_too_high_a_rate():
    raw = 1.9 + 0.3 * np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
    made = trial(raw, raw, np.full(10, 0.3), np.full(10, 0.3))
    assert main(made).kind == "rate_too_high"


@pytest.mark.parametrize("rates", [None, np.cos(np.linspace(0, np.pi / 2, 12)) ** 2 * 2e-5])
def test_a_loss_that_creeps_evenly_tells_of_too_low_a_rate(rates):
    spent = np.cumsum(np.ones(12) if rates is None else rates)
    loss = 2.7 - 0.3 * spent / spent[-1]
    finding = main(trial(loss, loss, np.full(12, 0.11), np.full(12, 0.1), rates=rates))
    assert (finding.kind, finding.severity) == ("rate_too_low", "high")
    assert finding.actions[0] == "a higher learning rate"


def test_no_rule_calls_a_rate_low_after_a_few_steps():
    loss = 2.3 - 0.01 * np.arange(3)
    made = trial(loss, loss, np.full(3, 0.1), np.full(3, 0.1))
    assert "rate_too_low" not in [finding.kind for finding in by_rules(Curves.of(made, KNOWN))]


def test_learning_by_heart_without_knowing_others_suspects_the_labels():
    made = trial(falling(30, 0.8), np.full(30, 2.5), rising(30, 0.9), np.full(30, 0.11))
    assert (main(made).kind, main(made).severity) == ("label_noise", "high")


def test_falling_validation_accuracy_while_training_images_are_learned_suspects_some_labels():
    val = np.concatenate([np.linspace(0.3, 0.8, 8), np.linspace(0.79, 0.62, 16)])
    made = trial(falling(24, 0.1, 0.12), np.linspace(1.2, 1.6, 24), np.linspace(0.2, 0.95, 24), val)
    finding = main(made)
    assert (finding.kind, finding.severity) == ("label_noise", "medium")
    assert 7 <= finding.epoch <= 9


def test_copies_and_too_good_a_validation_score_suspect_a_leak():
    assert main(good(), dataclasses.replace(KNOWN, copies=0.3)).severity == "high"
    assert main(good(), dataclasses.replace(KNOWN, copies=0.01)).kind == "good_fit"
    above = trial(falling(20, 0.4), falling(20, 0.1), rising(20, 0.87), rising(20, 0.98))
    assert "leak" in kinds(above)
    assert "leak" not in kinds(trial(falling(20, 0.4), falling(20, 0.1), rising(20, 0.87), rising(20, 0.98), measured=False))  # augmentation does that


def test_a_plateau_and_few_validation_images_are_told_beside():
    loss, accuracy = np.append(falling(10, 0.4, 0.8), np.full(14, 0.4)), np.append(rising(10, 0.94, 0.8), np.full(14, 0.94))
    flat = trial(loss, np.full(24, 0.5), accuracy, np.full(24, 0.93))
    assert kinds(flat, dataclasses.replace(KNOWN, val_images=60)) == ["good_fit", "plateau", "noisy_validation"]


def test_worse_than_a_baseline_is_said_in_its_words():
    findings = diagnose(good(score=0.6), dataclasses.replace(KNOWN, probe=0.9))
    assert [finding.kind for finding in findings[:1]] == ["worse_than_baseline"]
    assert "0.600" in findings[0].sentence
    assert "chance" not in findings[0].sentence
    lucky = diagnose(good(score=0.55), dataclasses.replace(KNOWN, majority=0.5, val_images=12))
    assert next(finding for finding in lucky if finding.kind == "worse_than_baseline").sentence.endswith("chance alone may explain the difference.")
    assert title("worse_than_baseline") == "not better than baseline"
    assert title("good_fit") == "good fit"
    assert "worse_than_baseline" not in kinds(good(score=0.88), dataclasses.replace(KNOWN, probe=0.9))


def test_shares_of_the_images_tell_what_twice_as_many_would_give():
    small, middle = (on_a_share(good(), share, score, number=number) for number, score, share in ((1, 0.70, 0.25), (2, 0.80, 0.5)))
    whole = dataclasses.replace(good(number=3), score=0.87)
    context = dataclasses.replace(KNOWN, val_images=2000, others=(small, middle, whole))
    limited = {finding.kind: finding for finding in diagnose(whole, context)}["data_limited"]
    assert limited.evidence["gain"] == pytest.approx(0.04, abs=0.015)
    assert limited.evidence["gain_low"] < limited.evidence["gain"] < limited.evidence["gain_high"]
    flat = tuple(dataclasses.replace(other, score=0.87) for other in context.others)
    assert "data_limited" not in kinds(flat[-1], dataclasses.replace(context, others=flat))


def test_a_longer_training_on_more_images_is_not_an_effect_of_the_images():
    short = dataclasses.replace(good(number=1), score=0.70, fidelity=dataclasses.replace(good().fidelity, share=0.25))
    whole = dataclasses.replace(good(number=3), score=0.87)
    assert "data_limited" not in kinds(whole, dataclasses.replace(KNOWN, val_images=2000, others=(short, whole)))
    later = dataclasses.replace(good(number=2), score=0.87, continue_from=1)
    assert "data_limited" not in kinds(later, dataclasses.replace(KNOWN, val_images=2000, others=(short, later)))


def test_what_is_known_of_the_data_is_read_from_the_record():
    summary = {"classes": ["a", "b"], "splits": {"train": [30, 70], "val": [5, 15]}, "copies": 0.25}
    known = Context.of(summary)
    assert (known.classes, known.train_images, known.val_images, known.majority, known.copies) == (2, 100, 20, 0.75, 0.25)
    assert Context.of({}) == Context()


def test_nothing_known_is_no_reason_to_fail():
    for made in (good(), overfitted(), underfitted(), trial([2.0], [2.1], [0.2], [0.2])):
        assert diagnose(made)
    assert diagnose(dataclasses.replace(good(), epochs=())) == []
    broken = dataclasses.replace(good(), epochs=(dataclasses.replace(good().epochs[0], loss=math.nan),))
    assert diagnose(broken) == []


def test_every_kind_has_a_word_of_its_own_and_answers():
    assert set(KINDS) == set(ANSWERS)
    assert len(set(WORDS.values())) == len(KINDS)
    assert all(" " not in word for word in WORDS.values())
    assert headline([]) == ""


def test_a_finding_is_plain_data_with_numbers_for_evidence():
    for finding in diagnose(overfitted(), KNOWN):
        assert all(isinstance(value, float) and math.isfinite(value) for value in finding.evidence.values())
        assert finding.severity in ("low", "medium", "high")
        assert finding.sentence.endswith(".")
