"""What is known beside a training's own curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl_cnn.caveats import COPIES, COPIES_TEST, INDEPENDENT, without_looking
from automl_cnn.dataset_summary import RIGHT, SAME_ANSWER, images_in, task_of
from automl_cnn.measure import PLAIN, Measure
from automl_cnn.records import Trial
from automl_cnn.tasks import Words
from automl_cnn.tasks.words import MULTICLASS
from automl_cnn.transfer import is_probe


@dataclass(frozen=True)
class Context:
    """The study around a trial; unknown values are None, and findings that need them are left out.

    `majority` is the share of images that the same answer to all of them gets right (of several labels, all of them), `baseline` its score in the
    study's metric, `blind_loss` the loss of a network that sees nothing, `untrained_loss` that before any training, `probe` the score of the best
    logistic regression on pretrained features. `copies` and `copies_test` are the shares of the validation and test images that are in the training
    split as well; `val_images` counts versions of one photo once. `metric` knows how scores read. `others` are the study's trials, for what can only be
    seen by comparing (the same network on more images, the trial that one goes on from).
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
    blind_loss: float | None = None
    untrained_loss: float | None = None
    words: Words = MULTICLASS
    metric: Measure = PLAIN

    @classmethod
    def of(cls, data: Mapping[str, Any], metric: str | None = None, trials: Sequence[Trial] = ()) -> Context:
        """From a data set in figures (as a study's record keeps it), the study's metric and its trials."""
        task, train, counts = task_of(data), images_in(data, "train"), (data.get("splits") or {}).get("train") or ()
        known = cls(
            classes=task.outputs or None,
            train_images=train or None,
            val_images=(data.get(INDEPENDENT) or {}).get("val") or images_in(data, "val") or None,
            majority=without_looking(data, _share(data), "val"),
            baseline=without_looking(data, metric or "accuracy", "val"),
            copies=data.get(COPIES),
            copies_test=data.get(COPIES_TEST),
            blind_loss=task.blind_loss([int(count) / max(1, train) for count in counts]) if task.outputs else None,
            untrained_loss=task.untrained_loss if task.outputs else None,
            words=task.words,
            metric=Measure.of(metric or "", data),
        )
        return known.among(trials)

    def among(self, trials: Sequence[Trial]) -> Context:
        """With the study's trials."""
        probes = [trial.score for trial in trials if trial.scored and trial.score is not None and is_probe(trial.configuration)]
        return dataclasses.replace(self, probe=max(probes, default=None), others=tuple(trials))


def _share(data: Mapping[str, Any]) -> str:
    """What the share of right answers is called among the scores of the same answer; an older record does not call it by a name of its own."""
    return "accuracy" if SAME_ANSWER not in data else RIGHT if RIGHT in data[SAME_ANSWER].get("val", {}) else "subset_accuracy"
