"""What a network is asked. Each task is one object; see `automl_cnn.tasks.task`."""

from collections.abc import Mapping
from typing import Any

from automl_cnn.tasks.multiclass import Multiclass
from automl_cnn.tasks.multilabel import Multilabel
from automl_cnn.tasks.regression import Regression
from automl_cnn.tasks.suspects import Suspect
from automl_cnn.tasks.targets import Target
from automl_cnn.tasks.task import Activation, Tally, Task, TaskName, Units
from automl_cnn.tasks.words import Words, words_for

TASKS: dict[str, type[Task]] = {task.name: task for task in (Multiclass, Multilabel, Regression)}


def of_card(card: Mapping[str, Any]) -> Task:
    """The task of a model, with its thresholds or its units, from its card or its model.json. A card without a task is one of classes."""
    return TASKS[card.get("task", Multiclass.name)].of([str(name) for name in card["classes"]], card)


__all__ = [
    "TASKS",
    "Activation",
    "Multiclass",
    "Multilabel",
    "Regression",
    "Suspect",
    "Tally",
    "Target",
    "Task",
    "TaskName",
    "Units",
    "Words",
    "of_card",
    "words_for",
]
