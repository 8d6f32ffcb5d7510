"""How findings read: their titles, one word for a leaderboard, how certain they are."""

from __future__ import annotations

from collections.abc import Sequence

from automl_cnn.diagnosis.weighing import SURE, undecided
from automl_cnn.records import Finding
from automl_cnn.tasks import Words
from automl_cnn.tasks.words import MULTICLASS

WORDS = {
    "leak": "leak",
    "rate_too_high": "rate-high",
    "label_noise": "labels",
    "rate_too_low": "rate-low",
    "not_converged": "unfinished",
    "overfitting": "overfitting",
    "underfitting": "underfitting",
    "worse_than_baseline": "behind",
    "data_limited": "data",
    "plateau": "plateau",
    "noisy_validation": "noisy",
    "good_fit": "good",
}


def headline(findings: Sequence[Finding], words: Words = MULTICLASS) -> str:
    """The main finding in one word, with a question mark where it is undecided; empty where there is none."""
    if not findings:
        return ""
    return WORDS[findings[0].kind].replace("labels", words.labels) + ("?" if undecided(findings[0]) else "")


def shade(finding: Finding) -> str:
    """How a finding looks: like its severity, or `weak` if it is not certain enough to act on untested."""
    return "weak" if finding.probability is not None and finding.probability < SURE else finding.severity


def certainty(finding: Finding, words: Words = MULTICLASS) -> str:
    """How sure a finding is, and which explanations remain: `64 % certain; or rate too low (22 %)`; empty where it has no probability."""
    if finding.probability is None:
        return ""
    others = ", ".join(f"{title(kind, words)} ({_percent(share)})" for kind, share in finding.others)
    return f"{_percent(finding.probability)} certain" + (f"; or {others}" if others else "")


def _percent(share: float) -> str:
    """A probability as a percentage. No diagnosis is certain, so that 0 and 100 never appear."""
    return "over 99 %" if share > 0.99 else "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def title(kind: str, words: Words = MULTICLASS) -> str:
    """A kind of finding as a heading says it."""
    return {"worse_than_baseline": "not better than baseline", "label_noise": words.noise}.get(kind, kind.replace("_", " "))
