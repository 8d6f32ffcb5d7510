"""How often the diagnosis names the constructed cause, and how far its probabilities can be trusted."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from causes.training import CASES, REFERENCE

LEARNED = Path(__file__).resolve().parents[2] / "automl_cnn" / "diagnosis" / "learned.json"
HARMLESS = 0.03  # of test accuracy
FITS = 0.05  # training above test accuracy
ABOVE_CHANCE = 0.1
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0)  # inverse strengths
KINDS = (("curves", False), ("interventions", True))  # of regressions, and whether they know interventions
BINS = (0.0, 0.5, 0.7, 0.85, 0.95, 1.0)


@dataclass(frozen=True)
class Example:
    """One training, its cause, and its symptoms."""

    set: str
    truth: str
    seed: int
    curves: Any
    symptoms: Mapping[str, float]  # empty where it diverged
    changed: Mapping[str, float]

    @property
    def right(self) -> str:
        """The kind of finding that its cause should lead to."""
        return CASES[self.truth].right


def trial_of(row: Mapping[str, str]) -> tuple[Any, Any]:
    """A row's trial and context, as the package has them."""
    from automl_cnn.diagnosis import Context
    from automl_cnn.errors import Cause
    from automl_cnn.interventions import Interventions
    from automl_cnn.records import Epoch, Fidelity, State, Trial

    known = json.loads(row["trial"])
    span = known["interval"]
    trial = Trial(
        int(row["seed"]),
        known["configuration"],
        Fidelity(len(known["epochs"])),
        row["truth"],
        "constructed",
        State(known["state"]),
        known["score"],
        (span[0], span[1]) if span else None,
        tuple(Epoch(**values) for values in known["epochs"]),
        known["best_epoch"],
        failure=known["failure"],
        cause=Cause(known["cause"]) if known["cause"] else None,
        interventions=Interventions(**known["interventions"]) if known["interventions"] else None,
    )
    return trial, Context(**json.loads(row["context"]))


def impossible(row: Mapping[str, str], reference: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether constructing the cause did no harm on this set, by the rule in benchmarks/diagnosis.py."""
    tested = json.loads(row["tested"])
    plain = reference.get(f"{row['set']} {row['seed']}")
    if not tested or plain is None or row["truth"] == "leaked validation":
        return False
    if row["truth"] == "random labels":
        context = json.loads(row["context"])
        return plain["test"] < max(context["majority"], plain["majority"]) + ABOVE_CHANCE
    if row["truth"] == "good settings":
        drawn_from_all = json.loads(row["context"])["classes"] == plain["classes"]
        return tested["train"] - tested["test"] > FITS or (drawn_from_all and tested["test"] < plain["test"] - HARMLESS)
    return tested["test"] >= plain["test"] - HARMLESS


def examples(rows: Sequence[Mapping[str, str]]) -> tuple[list[Example], list[Mapping[str, str]]]:
    """The trainings whose cause is possible, and the rows of the others."""
    from automl_cnn.diagnosis import symptoms
    from automl_cnn.diagnosis.curves import Curves

    reference = {}
    for row in rows:
        if row["truth"] == REFERENCE:
            context = json.loads(row["context"])
            reference[f"{row['set']} {row['seed']}"] = {**json.loads(row["tested"]), "majority": context["majority"], "classes": context["classes"]}
    causes = [row for row in rows if row["truth"] != REFERENCE]
    out = [row for row in causes if impossible(row, reference)]
    made = []
    for row in (row for row in causes if row not in out):
        trial, context = trial_of(row)
        whole = trial.epochs and trial.cause is None
        curves = Curves.of(trial, context) if whole else None
        known = symptoms.of_curves(curves) if curves else {}
        made.append(Example(row["set"], row["truth"], int(row["seed"]), curves or (trial, context), known, symptoms.of_interventions(curves) if curves else {}))
    return made, out


def regression(known: Sequence[Example], changed: bool, penalty: float) -> Any:
    """Learn from examples, with their interventions or without."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    from automl_cnn.diagnosis import symptoms
    from automl_cnn.diagnosis.learned import Regression

    names = (*symptoms.OF_CURVES, *(symptoms.OF_INTERVENTIONS if changed else ()))
    x = np.array([[{**one.symptoms, **one.changed}[name] for name in names] for one in known])
    y = np.array([one.right for one in known])
    scaler = StandardScaler().fit(x)
    learned = LogisticRegression(C=penalty, max_iter=5000).fit(scaler.transform(x), y)
    kernel = learned.coef_.T / scaler.scale_[:, None]
    return Regression(tuple(map(str, learned.classes_)), names, kernel, learned.intercept_ - scaler.mean_ @ kernel)


def left_out(known: Sequence[Example], changed: bool, penalty: float) -> list[tuple[Example, dict[str, float]]]:
    """Every example with the probabilities learned from the other sets."""
    made = []
    for name in dict.fromkeys(one.set for one in known):
        learned = regression([one for one in known if one.set != name], changed, penalty)
        made += [(one, judged_by(learned, one)) for one in known if one.set == name]
    return made


def judged_by(regression: Any, one: Example) -> dict[str, float]:
    """The probabilities that a regression gives, without what the curves rule out."""
    from automl_cnn.diagnosis import learned

    return learned.possible(regression.probabilities({**one.symptoms, **one.changed}), one.curves)


def best_penalty(known: Sequence[Example], changed: bool) -> float:
    """The penalty with the best likelihood on sets that were left out."""
    return max(PENALTIES, key=lambda penalty: np.mean([np.log(max(p.get(one.right, 0.0), 1e-6)) for one, p in left_out(known, changed, penalty)]))


def nested(known: Sequence[Example], changed: bool) -> list[tuple[Example, dict[str, float]]]:
    """As `left_out`, with the penalty chosen on the other sets too: what to expect on a set nobody has seen."""
    made = []
    for name in dict.fromkeys(one.set for one in known):
        others = [one for one in known if one.set != name]
        learned = regression(others, changed, best_penalty(others, changed))
        made += [(one, judged_by(learned, one)) for one in known if one.set == name]
    return made


def rules(one: Example) -> str:
    """What the rules alone would say."""
    from automl_cnn.diagnosis import by_rules

    return by_rules(one.curves)[0].kind


def by_package(known: Sequence[Example], name: str) -> list[tuple[Example, dict[str, float]]]:
    """Every example with the probabilities that the package gives."""
    from automl_cnn.diagnosis import learned

    return [(one, judged_by(learned.regressions()[name], one)) for one in known]


def show(rows: Sequence[Mapping[str, str]], *, shipped: bool = False) -> None:
    """How often rules, curves, and curves with interventions are right; each set judged by what was learned from the others, or by what is `shipped`."""
    known, out = examples(rows)
    print(f"{len(known)} trainings on {len({one.set for one in known})} sets; {len(out)} left out, since their cause did no harm there:")
    for (name, truth), count in sorted(Counter((row["set"], row["truth"]) for row in out).items()):
        print(f"  {name}: {truth} ({count})")
    diverged = [one for one in known if not one.symptoms]
    usable = [one for one in known if one.symptoms]
    judged = {"rules": [(one, {rules(one): 1.0}) for one in usable]}
    judged |= {name: by_package(usable, name) if shipped else nested(usable, changed) for name, changed in KINDS}
    sets = list(dict.fromkeys(one.set for one in known))
    print(f"\n{'set':<14}" + "".join(f"{name:>16}" for name in judged))
    for name in [*sets, "all"]:
        cells = []
        for pairs in judged.values():
            chosen = [_top(p) == one.right for one, p in pairs if name in (one.set, "all")]
            chosen += [one.right == "rate_too_high" for one in diverged if name in (one.set, "all")]
            cells.append(f"{np.mean(chosen):.2f} ({sum(chosen)}/{len(chosen)})" if chosen else "")
        print(f"{name:<14}" + "".join(f"{cell:>16}" for cell in cells))
    for name, pairs in judged.items():
        print(f"\nby {name}:")
        for truth in CASES:
            counts = Counter(_top(p) for one, p in pairs if one.truth == truth)
            print(f"  {truth:<20}{', '.join(f'{count} x {kind}' for kind, count in counts.most_common())}")
    for name in ("curves", "interventions"):
        _reliability(name, judged[name])
    for one, p in judged["interventions"]:
        if _top(p) != one.right:
            best = ", ".join(f"{kind} {value:.2f}" for kind, value in list(p.items())[:3])
            print(f"  wrong: {one.set}, {one.truth}, seed {one.seed}: {best}")


def _reliability(name: str, pairs: Sequence[tuple[Example, Mapping[str, float]]]) -> None:
    likelihood = np.mean([np.log(max(p.get(one.right, 0.0), 1e-6)) for one, p in pairs])
    print(f"\nreliability by {name}: of the main finding, how certain and how often right (mean log-likelihood {likelihood:.3f})")
    for low, high in itertools.pairwise(BINS):
        chosen = [(max(p.values()), _top(p) == one.right) for one, p in pairs if low < max(p.values()) <= high]
        if chosen:
            print(f"  {low:.2f} to {high:.2f}: {np.mean([c for c, _ in chosen]):.2f} certain, {np.mean([r for _, r in chosen]):.2f} right of {len(chosen)}")


def fit(rows: Sequence[Mapping[str, str]]) -> None:
    """Learn from all sets, and write the regressions into the package."""
    known = [one for one in examples(rows)[0] if one.symptoms]
    penalties = {name: best_penalty(known, changed) for name, changed in KINDS}
    kept: dict[str, Any] = {"sets": len({one.set for one in known}), "trainings": len(known), "penalties": penalties}
    for name, changed in KINDS:
        kept[name] = regression(known, changed, penalties[name]).as_dict()
    LEARNED.write_text(json.dumps(kept) + "\n", encoding="utf-8")
    print(f"learned from {len(known)} trainings: {LEARNED}")


def _top(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda kind: probabilities[kind])
