"""What is known beside a training's own curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl_cnn.caveats import COPIES, COPIES_TEST, IMAGES, INDEPENDENT, SAME_ANSWER, without_looking
from automl_cnn.records import Trial
from automl_cnn.transfer import is_probe


@dataclass(frozen=True)
class Context:
    """The study around a trial; unknown values are None, and findings that need them are left out.

    `majority` is the accuracy of always answering the most frequent class, `baseline` its score in the study's metric, `probe` the
    score of the best logistic regression on pretrained features. `copies` and `copies_test` are the shares of the validation and test
    images that are in the training split as well; `val_images` counts versions of one photo once. `others` are the study's trials,
    for what can only be seen by comparing (the same network on more images, the trial that one goes on from).
    """

    classes: int | None = None
    train_images: int | None = None
    val_images: int | None = None
    majority: float | None = None
    baseline: float | None = None
    probe: float | None = None
    copies: float | None = None
    copies_test: float | None = None
    others: tuple[Trial, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any], metric: str | None = None, trials: Sequence[Trial] = ()) -> Context:
        """From a data set in figures (as a study's record keeps it), the study's metric and its trials."""
        splits = data.get("splits", {})
        images = data.get(IMAGES) or {split: sum(counts) for split, counts in splits.items()}
        known = cls(
            classes=len(data["classes"]) if data.get("classes") else None,
            train_images=images.get("train") or None,
            val_images=(data.get(INDEPENDENT) or {}).get("val") or images.get("val") or None,
            majority=without_looking(data, "subset_accuracy" if SAME_ANSWER in data else "accuracy", "val"),
            baseline=without_looking(data, metric or "accuracy", "val"),
            copies=data.get(COPIES),
            copies_test=data.get(COPIES_TEST),
        )
        return known.among(trials)

    def among(self, trials: Sequence[Trial]) -> Context:
        """With the study's trials."""
        probes = [trial.score for trial in trials if trial.scored and trial.score is not None and is_probe(trial.configuration)]
        return dataclasses.replace(self, probe=max(probes, default=None), others=tuple(trials))
