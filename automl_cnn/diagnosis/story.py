"""A diagnosis as one paragraph: what was seen, how certain it is, what was tried against it, what that did, and what is left for the user to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from automl_cnn.diagnosis.weighing import undecided
from automl_cnn.diagnosis.wording import certainty, title
from automl_cnn.measure import change, changes
from automl_cnn.records import Finding, Trial
from automl_cnn.tasks import Words
from automl_cnn.tasks.words import MULTICLASS

OUTSIDE = {  # what the search cannot do by itself; a learning rate it changes without help
    "leak": "Keep copies and pictures of one scene in one split: `automl-cnn check` lists them.",
    "label_noise": "Review the labels: `automl-cnn check` lists the images whose label looks wrong.",
    "overfitting": "Add images. They help most against it, and images from other days, places and cameras help more than near copies.",
    "underfitting": "Raise --budget, since larger networks need more time, and raise the limits on size if you set any.",
    "not_converged": "Raise --budget, so that trials can train longer.",
    "good_fit": "Try a longer --budget, for other networks, or add images.",
}
NAMED = 3  # actions, at most


class Measured(Protocol):
    """What an action did, as `automl_cnn.diagnosis.Helped` and a report's facts have it."""

    @property
    def action(self) -> str: ...
    @property
    def tried(self) -> int: ...
    @property
    def mean(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float] | None: ...


def story(trial: Trial, findings: Sequence[Finding], effects: Sequence[Measured] = (), *, metric: str = "", words: Words = MULTICLASS) -> str:
    """The paragraph on a trial's main finding; empty where there is none. `effects` are those that the study measured."""
    if not findings:
        return ""
    return " ".join((*_seen(trial, findings[0], words), *_tried(effects, metric), *_outside(findings[0], words)))


def _seen(trial: Trial, main: Finding, words: Words) -> Iterator[str]:
    name = "is a good fit" if main.kind == "good_fit" else f"shows {title(main.kind, words)}"
    if main.probability is None:
        yield f"Trial {trial.number} {name}."
    elif undecided(main):
        yield f"Trial {trial.number} probably {name}, but that is not certain ({certainty(main, words)})."
    else:
        yield f"Trial {trial.number} {name} ({certainty(main, words)})."
    yield main.sentence


def _tried(effects: Sequence[Measured], metric: str) -> Iterator[str]:
    """The measured effects of actions, the most helpful first."""
    if not effects:
        return
    parts = [f"{effect.action.replace('_', ' ')} {change(metric, effect.mean)}{_span(effect, metric)}" for effect in effects[:NAMED]]
    yield f"The search tried single changes on these images and measured them: {'; '.join(parts)}."


def _span(effect: Measured, metric: str) -> str:
    return " (one trial)" if effect.interval is None else f" ({changes(metric, *effect.interval)}, {effect.tried} trials)"


def _outside(main: Finding, words: Words) -> Iterator[str]:
    kinds = [main.kind, *(kind for kind, _ in main.others if undecided(main))]
    advice = [OUTSIDE[kind].replace("labels", words.labels) for kind in kinds if kind in OUTSIDE]
    if advice:
        yield f"What you can do: {' '.join(dict.fromkeys(advice))}"
