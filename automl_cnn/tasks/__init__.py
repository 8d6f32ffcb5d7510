"""What a network is asked. Each task is one object; see `automl_cnn.tasks.task`."""

from collections.abc import Mapping
from typing import Any

from automl_cnn.tasks.multiclass import Multiclass
from automl_cnn.tasks.multilabel import Multilabel
from automl_cnn.tasks.task import Tally, Task, TaskName
from automl_cnn.tasks.thresholds import THRESHOLDS
from automl_cnn.tasks.words import Words, words_for

TASKS: dict[str, type[Task]] = {task.name: task for task in (Multiclass, Multilabel)}


def of_card(card: Mapping[str, Any]) -> Task:
    """The task of a model, with its thresholds, from its card or its model.json. One that states no task tells classes apart."""
    return TASKS[card.get("task", Multiclass.name)](len(card["classes"])).deciding(card.get(THRESHOLDS))


__all__ = ["TASKS", "Multiclass", "Multilabel", "Tally", "Task", "TaskName", "Words", "of_card", "words_for"]
