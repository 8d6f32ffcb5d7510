"""What a model card says differently of classes, of which an image has one, and of labels, of which it has any number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from automl_cnn.evidence import Matrix
from automl_cnn.metrics import wilson
from automl_cnn.tasks import Task

Cells = tuple[str, ...]
FEW = 2  # images below which a mistake is not named


@dataclass(frozen=True)
class Words:
    """Words of one kind. `worst` makes a sentence of the counts of `Task.confusion`, and the names."""

    outputs: str
    does: str  # {number}, {names}
    answers: str
    dealt: str
    same_answer: str
    knows: str
    heading: str
    head: Cells
    worst: Callable[[Matrix, Sequence[str]], str]


def words_of(task: Task) -> Words:
    """Those of a task."""
    return CLASSES if task.exclusive else LABELS


def rows_of(task: Task, matrix: Matrix, names: Sequence[str], thresholds: Sequence[float] = ()) -> list[Cells]:
    """(name, images that have it, recall, its 95 % interval, precision) in the order of the outputs; of labels, F1 and threshold too."""
    cuts = [f"{cut:.2f}" for cut in thresholds] or ["-"] * len(names)
    rows: list[Cells] = []
    for tally, name, cut in zip(task.tallies(matrix), names, cuts, strict=True):
        low, high = wilson(tally.right, tally.images) if tally.images else (0.0, 1.0)
        more = () if task.exclusive else (_shown(tally.f1), cut)
        rows.append((name, str(tally.images), _shown(tally.recall), f"{low:.2f} to {high:.2f}" if tally.images else "", _shown(tally.precision), *more))
    return rows


def confused(matrix: Matrix, classes: Sequence[str]) -> str:
    """The pair of classes that is mixed up most often."""
    pairs = [(number, row, column) for row, line in enumerate(matrix) for column, number in enumerate(line) if row != column and number >= FEW]
    if not pairs:
        return ""
    number, row, column = max(pairs)
    return f"Most often it takes {classes[row]} for {classes[column]}: {number} of {sum(matrix[row])}."


def missed_most(matrix: Matrix, labels: Sequence[str]) -> str:
    """The label that is missed most often, and the one that is given most often where it does not apply."""
    missed, at = max((row[2], place) for place, row in enumerate(matrix))
    wrong, where = max((row[1], place) for place, row in enumerate(matrix))
    first = f"Most often it misses {labels[at]}: on {missed} of the {matrix[at][0] + missed} images that have it." if missed >= FEW else ""
    second = f"Most often it wrongly gives {labels[where]}: to {wrong} of the {wrong + matrix[where][3]} images that do not have it." if wrong >= FEW else ""
    return " ".join(filter(None, (first, second)))


def _shown(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"


CLASSES = Words(
    outputs="classes",
    does="tells {number} classes apart: {names}.",
    answers="a probability for each class, summing to one",
    dealt="split by class",
    same_answer="always the most frequent class, validation",
    knows="It knows these classes only: whatever else it is shown, it names one of them. Set a least confidence below which a person looks.",
    heading="Class by class",
    head=("class", "images", "found", "95 % interval", "right when said"),
    worst=confused,
)
LABELS = Words(
    outputs="labels",
    does="finds which of {number} labels apply to an image, none to all of them: {names}.",
    answers="a probability for each label; a label counts as answered from its threshold on, and several labels may",
    dealt="split so that every split has its share of each label",
    same_answer="the same answer to every image, validation",
    knows="It knows these labels only, and says nothing of whatever else an image shows. Look at images whose confidence is low: it is that of the least sure "
    "decision on a label.",
    heading="Label by label",
    head=("label", "images that have it", "found", "95 % interval", "right when given", "F1", "threshold"),
    worst=missed_most,
)
