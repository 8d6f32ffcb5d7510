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


def story(
    trial: Trial,
    findings: Sequence[Finding],
    effects: Sequence[Measured] = (),
    *,
    metric: str = "",
    words: Words = MULTICLASS,
    doubted: tuple[int, int] | None = None,
) -> str:
    """The paragraph on a trial's main finding; empty if there is none. `effects` are those that the study measured.

    `doubted` are the labels of validation images that this trial contradicts, and the number of these images; None if that was not counted.
    """
    if not findings:
        return ""
    main = findings[0]
    return " ".join((*_seen(trial, main, words), *_doubts(main, words, doubted), *_tried(effects, metric), *_outside(main, words)))


def _seen(trial: Trial, main: Finding, words: Words) -> Iterator[str]:
    name = "is a good fit" if main.kind == "good_fit" else f"shows {title(main.kind, words)}"
    if main.probability is None:
        yield f"Trial {trial.number} {name}."
    elif undecided(main):
        yield f"Trial {trial.number} probably {name}, but that is not certain ({certainty(main, words)})."
    else:
        yield f"Trial {trial.number} {name} ({certainty(main, words)})."
    yield main.sentence


def _doubts(main: Finding, words: Words, doubted: tuple[int, int] | None) -> Iterator[str]:
    """What the labels of images that it did not learn from add, if label noise explains the curves or may explain them."""
    if doubted is None or "label_noise" not in _explanations(main):
        return
    count, images = doubted
    if count == 0:
        yield f"It contradicts none of the {words.labels} of the {images:,} validation images, which it did not learn from. That speaks against label noise."
    else:
        cases = "1 case" if count == 1 else f"{count:,} cases"
        yield f"It contradicts the {words.labels} of the {images:,} validation images, which it did not learn from, in {cases}."


def _tried(effects: Sequence[Measured], metric: str) -> Iterator[str]:
    """The measured effects of actions, the most helpful first."""
    if not effects:
        return
    parts = [f"{effect.action.replace('_', ' ')} {change(metric, effect.mean)}{_span(effect, metric)}" for effect in effects[:NAMED]]
    yield f"The search tried single changes on these images and measured them: {'; '.join(parts)}."


def _span(effect: Measured, metric: str) -> str:
    return " (one trial)" if effect.interval is None else f" ({changes(metric, *effect.interval)}, {effect.tried} trials)"


def _outside(main: Finding, words: Words) -> Iterator[str]:
    advice = [OUTSIDE[kind].replace("labels", words.labels) for kind in _explanations(main) if kind in OUTSIDE]
    if advice:
        yield f"What you can do: {' '.join(dict.fromkeys(advice))}"


def _explanations(main: Finding) -> list[str]:
    """The finding's kind; if it is undecided, the other explanations too."""
    return [main.kind, *(kind for kind, _ in main.others if undecided(main))]
