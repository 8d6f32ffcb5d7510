"""Rules say what may be wrong, probabilities how sure that is: findings in their final order.

A rule fires at a threshold and knows nothing of the other explanations. The regressions of `learned` weigh all explanations against each other. The most
probable one becomes the main finding, whether its rule fired or not. Copies of training images among the others are counted, not guessed, and stay in front.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from automl_cnn.diagnosis import thresholds as at
from automl_cnn.diagnosis.curves import Curves
from automl_cnn.diagnosis.fit import good_fit
from automl_cnn.records import Finding

POSSIBLE = 0.1  # an explanation that is less probable is not named
SURE = 0.7  # from here on, no other explanation need be tested
EXPLANATIONS = ("leak", "rate_too_high", "label_noise", "rate_too_low", "not_converged", "overfitting", "underfitting", "good_fit")
LOOKS = {
    "leak": "It does better on validation images than its training explains, as with copies of training images among them",
    "rate_too_high": "Its loss behaves as with a learning rate that is too high",
    "label_noise": "It learned its training images, but little that holds for others, as with wrong labels",
    "rate_too_low": "Its loss falls as slowly as with a learning rate that is too low",
    "not_converged": "It was probably still learning when it ended",
    "overfitting": "It does better on its training images than on others",
    "underfitting": "It fits even its training images poorly: it may lack capacity, or be over-regularized",
}


def weighed(findings: Sequence[Finding], probabilities: Mapping[str, float], curves: Curves) -> list[Finding]:
    """The findings of the rules with the probability of each explanation, the most probable in front.

    Findings beside the explanations (a plateau, too few validation images) keep their place. Without probabilities nothing changes.
    """
    if not probabilities or not findings or _counted(findings[0]):
        return list(findings)
    main = next(iter(probabilities))
    by_kind = {finding.kind: finding for finding in findings}
    others = tuple((kind, share) for kind, share in probabilities.items() if kind != main and share >= POSSIBLE)
    first = dataclasses.replace(by_kind.get(main) or likely(main, curves, probabilities[main]), probability=probabilities[main], others=others)
    rest = []
    for finding in findings:
        share = probabilities.get(finding.kind) if finding.kind in EXPLANATIONS else None
        possible = share is None or share >= POSSIBLE or finding.kind == "leak"  # what is measured of the split stays a warning
        if finding.kind not in (main, "good_fit") and possible:
            rest.append(dataclasses.replace(finding, probability=share))
    if main == "good_fit":  # what is grave comes before it
        grave = [finding for finding in rest if finding.severity != "low" and finding.kind not in ("noisy_validation", *EXPLANATIONS)]
        return [*grave, first, *(finding for finding in rest if finding not in grave)]
    return [first, *rest]


def likely(kind: str, curves: Curves, probability: float) -> Finding:
    """A finding whose rule did not fire: its threshold was not reached, but no other explanation is more probable."""
    if kind == "good_fit":
        return good_fit(curves)
    seen, held = curves.end(curves.accuracy), curves.end(curves.val_accuracy)
    return Finding(
        kind,
        "medium" if probability >= SURE else "low",
        f"{LOOKS[kind]} ({curves.words.rightly} on {seen:.0%} of the training images and on {held:.0%} of the validation images).",
        {"training_accuracy": seen, "validation_accuracy": held, "learned": curves.learned},
    )


def tested(kind: str, curves: Curves) -> str:
    """What the interventions showed that bears on this explanation; empty where none does, and where none were made."""
    made = curves.trial.interventions
    if made is None:
        return ""
    if kind in ("rate_too_high", "rate_too_low", "not_converged"):
        return (
            f"Tested: within {made.steps} more steps its training loss went from {made.loss:.2f} to {made.same:.2f}, at ten times the learning rate to "
            f"{made.up:.2f}, at a tenth to {made.down:.2f}."
        )
    if kind in ("underfitting", "overfitting", "label_noise", "good_fit"):
        return f"Tested: trained on 64 images alone, it gets {made.fitted:.0%} of them right."
    return ""


def undecided(finding: Finding) -> bool:
    """Whether another explanation is probable enough that testing would be worth its time."""
    return finding.probability is not None and finding.probability < SURE and bool(finding.others)


def _counted(finding: Finding) -> bool:
    """Whether the finding is that copies were counted."""
    return finding.kind == "leak" and finding.evidence.get("copies", 0.0) >= at.COPIES
