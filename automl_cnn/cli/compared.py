"""The answers of `automl-cnn predict` beside what a table or the folders say of the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from automl_cnn.cli.console import plural

if TYPE_CHECKING:
    from automl_cnn.data.to_predict import Picture
    from automl_cnn.tasks import Task


@dataclass
class Compared:
    """Counts right answers as they come. Where the task's own metric needs all answers at once, they are kept."""

    task: Task
    classes: Sequence[str]
    known: int = 0
    right: int = 0
    stated: bool = False  # a table has labels
    kept: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, picture: Picture, answers: np.ndarray) -> None:
        """One image and its probabilities (1, classes)."""
        self.stated = self.stated or bool(picture.label)
        labels = picture.labels_among(self.classes, self.task)
        if labels is None:
            return
        self.known += 1
        truth = self.task.truth_of(labels, self.classes)
        if truth is None:  # the model does not know a label, and cannot be right
            return
        self.right += int(self.task.right(truth, answers)[0])
        if self.task.share != self.task.metrics[0]:
            self.kept.append((truth, answers.astype(np.float32)))

    @property
    def sentence(self) -> str:
        """How good the answers are."""
        more = ""
        if self.kept:
            metric, truth, answers = self.task.metrics[0], *(np.concatenate(parts) for parts in zip(*self.kept, strict=True))
            more = f"{_words(metric)} {self.task.score(metric, truth, answers):.3f}, "
        where = "with a label" if self.stated else "in folders named after a class"
        return f"{more}{_words(self.task.share)} {self.right / self.known:.3f}: {self.right:,} of the {plural(self.known, 'image')} {where}"


def _words(metric: str) -> str:
    return metric.replace("_", " ")
