"""What a network is asked. Each task is one object; see `automl_cnn.tasks.task`."""

from automl_cnn.tasks.multiclass import Multiclass
from automl_cnn.tasks.multilabel import Multilabel
from automl_cnn.tasks.task import Tally, Task, TaskName
from automl_cnn.tasks.words import Words, words_for

TASKS: dict[str, type[Task]] = {task.name: task for task in (Multiclass, Multilabel)}

__all__ = ["TASKS", "Multiclass", "Multilabel", "Tally", "Task", "TaskName", "Words", "words_for"]
