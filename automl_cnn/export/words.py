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
    """Words and tables of one kind. `found` and `table` are made from the counts of `Task.confusion`, and the names."""

    outputs: str
    does: str  # {number}, {names}
    answers: str
    dealt: str
    same_answer: str
    knows: str
    heading: str
    head: Cells
    rows: Callable[[Matrix, Sequence[str], Sequence[float]], list[Cells]]
    worst: Callable[[Matrix, Sequence[str]], str]


def words_of(task: Task) -> Words:
    """Those of a task."""
    return CLASSES if task.exclusive else LABELS


def per_class(matrix: Matrix, classes: Sequence[str], thresholds: Sequence[float] = ()) -> list[Cells]:
    """(class, images, recall, its 95 % interval, precision) in the order of the classes."""
    rows: list[Cells] = []
    for row, (line, name) in enumerate(zip(matrix, classes, strict=True)):
        total, answers = sum(line), sum(other[row] for other in matrix)
        rows.append((name, str(total), *_share(line[row], total), _ratio(line[row], answers)))
    return rows


def per_label(matrix: Matrix, labels: Sequence[str], thresholds: Sequence[float] = ()) -> list[Cells]:
    """(label, images that have it, recall, its 95 % interval, precision, F1, threshold) in the order of the labels."""
    rows: list[Cells] = []
    cuts = [f"{cut:.2f}" for cut in thresholds] or ["-"] * len(labels)
    for (hits, wrong, missed, _), name, cut in zip(matrix, labels, cuts, strict=True):
        has, answers = hits + missed, hits + wrong
        rows.append((name, str(has), *_share(hits, has), _ratio(hits, answers), _ratio(2 * hits, has + answers), cut))
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


def _share(part: int, whole: int) -> tuple[str, str]:
    if not whole:
        return "-", ""
    low, high = wilson(part, whole)
    return f"{part / whole:.2f}", f"{low:.2f} to {high:.2f}"


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "-"


CLASSES = Words(
    outputs="classes",
    does="tells {number} classes apart: {names}.",
    answers="a probability for each class, summing to one",
    dealt="split by class",
    same_answer="always the most frequent class, validation",
    knows="It knows these classes only: whatever else it is shown, it names one of them. Set a least confidence below which a person looks.",
    heading="Class by class",
    head=("class", "images", "found", "95 % interval", "right when said"),
    rows=per_class,
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
    rows=per_label,
    worst=missed_most,
)
