"""Compare the predictions of `automl-cnn predict` with the labels from a table or from folder names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from automl_cnn.cli.console import plural
from automl_cnn.tasks.task import Judged

if TYPE_CHECKING:
    from automl_cnn.data.to_predict import Picture
    from automl_cnn.tasks import Task


def compared_for(task: Task, classes: Sequence[str]) -> Compared:
    """The object that compares predictions of this task with the labels."""
    return (Compared if task.probable else ComparedNumbers)(task, classes)


@dataclass
class Compared:
    """Counts correct predictions. If the task's own metric needs all predictions at once, they are kept."""

    task: Task
    classes: Sequence[str]
    known: int = 0
    right: int = 0
    stated: bool = False  # a table has labels
    kept: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, picture: Picture, answers: np.ndarray) -> bool:
        """Add an image and its predictions (1, outputs); whether its label is known."""
        self.stated = self.stated or bool(picture.label)
        labels = picture.labels_among(self.classes, self.task)
        if labels is None:
            return False
        self.known += 1
        truth = self.task.truth_of(labels, self.classes)
        if truth is not None:  # else the model does not know a label, and cannot be right
            self.compare(truth, answers)
        return True

    def compare(self, truth: np.ndarray, answers: np.ndarray) -> None:
        """Add an image whose label is known: `truth` is (1,) or (1, outputs)."""
        self.right += int(self.task.right(truth, answers)[0])
        if self.task.share != self.task.metrics[0]:
            self.kept.append((truth, answers.astype(np.float32)))

    @property
    def sentence(self) -> str:
        """The scores, as a sentence."""
        more = ""
        if self.kept:
            metric, truth, answers = self.task.metrics[0], *(np.concatenate(parts) for parts in zip(*self.kept, strict=True))
            more = f"{_words(metric)} {self.task.score(metric, truth, answers):.3f}, "
        where = "with a label" if self.stated else "in folders named after a class"
        return f"{more}{_words(self.task.share)} {self.right / self.known:.3f}: {self.right:,} of the {plural(self.known, 'image')} {where}"


class ComparedNumbers(Compared):
    """Keeps the true and the predicted numbers: the errors need all of them."""

    def compare(self, truth: np.ndarray, answers: np.ndarray) -> None:
        """As `Compared.compare`."""
        self.kept.append((truth, np.asarray(answers, np.float64)))

    @property
    def sentence(self) -> str:
        """The errors of each number in its unit, and the coverage of the intervals."""
        lost = self.known - len(self.kept)
        expected = f"a number each for {', '.join(self.classes)}, with | between them" if len(self.classes) > 1 else "a number"
        left = f"{plural(lost, 'image')} not compared: the label is not {expected}." if lost else ""
        if not self.kept:
            return left
        truth, answers = (np.concatenate(parts) for parts in zip(*self.kept, strict=True))
        where = "whose numbers are known" if self.stated else "in folders named after a number"
        return "\n".join(
            [f"{plural(len(truth), 'image')} {where}:", *self.task.lines(self.classes, Judged(truth=truth, answers=answers)), *filter(None, [left])]
        )


def _words(metric: str) -> str:
    return metric.replace("_", " ")
