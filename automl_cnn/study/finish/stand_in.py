"""The trial that stands in for a network where there was no time to train one: its model answers the same to every image (see `majority`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automl_cnn.config import Metric, StudyConfig
from automl_cnn.data import Dataset
from automl_cnn.errors import TrialError
from automl_cnn.modelfile.file import read_card, write_card
from automl_cnn.records import Calibration, Finished, Started, State, Trial
from automl_cnn.space import Space
from automl_cnn.store import StudyFolder
from automl_cnn.study.finish import majority
from automl_cnn.study.model_files import ModelFiles
from automl_cnn.study.observer import Observer
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.executors.protocol import TestScore
from automl_cnn.study.running.times import READY
from automl_cnn.track import Tracking


@dataclass(frozen=True)
class StandIn:
    """What is needed to make it."""

    config: StudyConfig
    folder: StudyFolder
    record: Record
    model_files: ModelFiles
    dataset: Dataset
    tracker: Tracking
    observer: Observer

    def trial(self, budget: Budget, spent: Mapping[str, float], space: Space | None, stopped_by: str) -> Trial:
        """Make it the best trial. `spent` says where the session's seconds went, `space` what was searched (None where networks are compared one by one).

        Raises:
            TrialError: it was not for lack of time that no network was trained, or networks are compared one by one.
        """
        trials = self.record.trials
        if space is None or budget.total is None or budget.left > 0 or stopped_by not in ("budget", "exhausted"):
            reasons = sorted({trial.failure or "no reason" for trial in trials})
            none = "No time was left for a single trial, or no network keeps the limits: raise --budget, or what --max-... allows."
            if stopped_by == "user":
                none = "It was interrupted before its first trial had ended. The same command goes on."
            raise TrialError("No network could be trained.\n" + "\n".join(reasons[:5] or [none]))
        used = f"{spent.get('start', 0.0):.0f} s went into starting and reading the images, {spent.get('planning', 0.0):.0f} s into starting Keras and planning"
        self.observer.note(
            f"No network could be trained within {budget.total:g} s ({used}). The model looks at no image: it answers "
            f"{majority.favorite(self.dataset)}. Raise --budget to {majority.advice(budget.used, spent.get(READY))} or more for a network."
        )
        job = majority.job(self.dataset)
        number = self.record.start(job, space)
        self.observer.trial_started(job, number)
        self.record.event(number, Started(majority.cost(self.dataset), 1))
        file = self.model_files.checkpoint(number)
        majority.write(file, self.dataset)
        truth, task = self.dataset.truth(self.dataset.rows("val")), self.dataset.task
        answers = majority.answers(self.dataset, len(truth))
        score, span = task.score(self.config.scored_by, truth, answers), task.interval(self.config.scored_by, truth, answers)
        self.record.finish(number, Finished(State.COMPLETE, score, checkpoint=str(file), interval=span))
        trials = self.record.trials
        self.model_files.put(trials)
        decided = {} if task.probable else task.decisions(task.decided(Calibration(1.0, 0.0, 0.0, 0.0, 0.0), truth, answers))
        write_card(self.folder.model, {**read_card(self.folder.model), "temperature": 1.0, **decided})  # its shares need no calibration
        self.tracker.trial(trials[number])
        self.observer.trial_finished(trials[number], trials)
        return trials[number]


def tested(dataset: Dataset, metric: Metric) -> TestScore:
    """Its one test score, for which no pixel is needed."""
    truth, task = dataset.truth(dataset.rows("test")), dataset.task
    answers = majority.answers(dataset, len(truth))
    numbers = {} if task.probable else {"truth": truth, "answers": answers}
    return TestScore(task.score(metric, truth, answers), task.interval(metric, truth, answers), task.confusion(truth, answers), **numbers)
