"""What a training's curves say: underfitting, overfitting and the rest, each with its evidence, and what may help against it.

    findings = diagnose(trial, Context.of(data, trials))      # the main one first; never empty for a trial with epochs
    headline(findings)                                        # one word
    changes(findings[0], trial.configuration, space)          # what to try, as configurations

Pure: curves in, frozen data out. Training scores count as they are where the trainer measured them, on images without
augmentation and by the network without dropout, so that a gap is a real one. `helped` tells what such changes did.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

from automl_cnn.diagnosis.actions import Change, changes, words, words_for_readout
from automl_cnn.diagnosis.context import Context
from automl_cnn.diagnosis.curves import Curves
from automl_cnn.diagnosis.effects import Helped, helped
from automl_cnn.diagnosis.fit import good_fit, overfitting, underfitting
from automl_cnn.diagnosis.learned import probabilities
from automl_cnn.diagnosis.payoff import data_limited, worse_than_baseline
from automl_cnn.diagnosis.progress import not_converged, plateau
from automl_cnn.diagnosis.rate import diverged, rate_too_high, rate_too_low
from automl_cnn.diagnosis.story import story
from automl_cnn.diagnosis.trust import label_noise, leak, noisy_validation
from automl_cnn.diagnosis.weighing import tested, undecided, weighed
from automl_cnn.diagnosis.wording import WORDS, certainty, headline, shade, title
from automl_cnn.lineage import joined
from automl_cnn.records import Finding, Trial
from automl_cnn.tasks import Words
from automl_cnn.transfer import is_probe, weights_of

__all__ = [
    "KINDS",
    "Change",
    "Context",
    "Curves",
    "Helped",
    "by_rules",
    "certainty",
    "changes",
    "diagnose",
    "headline",
    "helped",
    "shade",
    "story",
    "title",
    "undecided",
]

Rule = Callable[[Curves], Finding | None]

RULES: tuple[Rule, ...] = (  # in the order in which one explains what follows: no use to speak of capacity where the labels are wrong
    leak,
    rate_too_high,
    label_noise,
    rate_too_low,
    not_converged,
    overfitting,
    underfitting,
    worse_than_baseline,
    data_limited,
    plateau,
    noisy_validation,
)
OF_A_PROBE: tuple[Rule, ...] = (leak, underfitting, worse_than_baseline, noisy_validation)  # it has no curve, and cross-validation chose its penalty
EXPLAINS = {  # findings left out where the first one is made: they follow from it, or cannot be judged
    "rate_too_high": ("rate_too_low", "not_converged", "underfitting"),
    "label_noise": ("rate_too_low", "not_converged", "overfitting", "underfitting"),
    "rate_too_low": ("not_converged", "underfitting"),
    "not_converged": ("underfitting",),
}
ASIDE = ("worse_than_baseline", "data_limited", "plateau", "noisy_validation")  # say something beside whether it fits
KINDS = tuple(WORDS)


def diagnose(trial: Trial, context: Context | None = None) -> list[Finding]:
    """What the trial's curves and interventions show, the main finding first; empty where it has no curves.

    For networks that give each image one class, findings carry calibrated probabilities, and the most probable explanation is the main finding. For other
    tasks it is the first finding of medium or high severity in the order of `RULES`.
    """
    context = context or Context()
    if (failed := diverged(trial, context)) is not None:
        return [_advised(failed, trial, context.words)]
    if not trial.epochs or any(not math.isfinite(value) for epoch in trial.epochs for value in (epoch.loss, epoch.val_loss, epoch.val_accuracy)):
        return []
    curves = Curves.of(trial, context)
    findings = by_rules(curves)
    if not is_probe(trial.configuration):
        findings = weighed(findings, _probable(trial, context), curves)
    if findings and (shown := tested(findings[0].kind, curves)):
        findings = [dataclasses.replace(findings[0], sentence=f"{findings[0].sentence} {shown}"), *findings[1:]]
    return [_advised(finding, trial, curves.words) for finding in findings]


def _probable(trial: Trial, context: Context) -> Mapping[str, float]:
    """The probability of each explanation, for a network that was trained from scratch; a trial that continued others counts from their first epoch.

    The curves of fine-tuned networks look different, and nothing was measured of them: empty.
    """
    whole = joined(trial, context.others)
    if whole is None or weights_of(trial.configuration) is not None:
        return {}
    return probabilities(Curves.of(whole, context))


def by_rules(curves: Curves) -> list[Finding]:
    """The findings whose rules fire, the main one first; each rule has thresholds of its own, and no finding a probability."""
    rules = OF_A_PROBE if is_probe(curves.trial.configuration) else RULES
    findings = [finding for finding in (rule(curves) for rule in rules) if finding is not None]
    explained = {kind for finding in findings if finding.severity != "low" for kind in EXPLAINS.get(finding.kind, ())}
    findings = [finding for finding in findings if finding.kind not in explained]
    if all(finding.kind in ASIDE for finding in findings) and (not curves.blank or not findings):  # what learned nothing fits nothing
        findings.insert(sum(finding.severity != "low" and finding.kind != "noisy_validation" for finding in findings), good_fit(curves))
    return sorted(findings, key=lambda finding: finding.severity == "low" and finding.kind != "good_fit")


def _advised(finding: Finding, trial: Trial, task: Words) -> Finding:
    """The finding with the actions that may help this trial, in the words of its task."""
    actions = words_for_readout(finding.kind) if is_probe(trial.configuration) else words(finding.kind)
    return dataclasses.replace(finding, actions=tuple(action.replace("labels", task.labels) for action in actions if action not in task.unsuited))
