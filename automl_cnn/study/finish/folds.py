"""`--folds K`: the winner's recipe cross-validated over every image, for sets so small that one test split says little."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset
from automl_cnn.data.folds import LEAST, possible
from automl_cnn.errors import TrialError
from automl_cnn.judged import folds_of
from automl_cnn.records import Folds, Trial
from automl_cnn.study.finish.refits import REGRESSION as BUILT
from automl_cnn.study.plan.budget import SETUP
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.executors.protocol import Executor, FoldJob
from automl_cnn.transfer import is_probe

SHARE = 0.4  # of the budget, at most, that is set aside for it
REGRESSION = 0.5  # seconds for fitting one
KEPT = "folds"  # in the record: what was measured, by trial


@dataclass(frozen=True)
class CrossValidation:
    """What is needed to cross-validate a study's winner. `left` gives the seconds that there are."""

    config: StudyConfig
    dataset: Dataset
    executor: Executor
    left: Callable[[], float]

    def foreseen(self, best: Trial | None, ready: float | None = None) -> float:
        """Seconds to set aside for the best trial; none where nobody asked for it, or where there is no budget. `ready` is as in `Refits.foreseen`."""
        if self.config.folds is None or self.config.budget is None or best is None or best.is_majority:
            return 0.0
        slow = max(1.0, (ready or SETUP) / SETUP)
        wanted = slow * (BUILT + REGRESSION * self.config.folds) if is_probe(best.configuration) else self.config.folds * best.seconds
        return min(wanted, SHARE * self.config.budget)

    def standing(self, record: Record, best: Trial, stopped_by: str, *, members: int, say: Callable[[str], None]) -> Folds | None:
        """What is measured, and kept in the record: of a study that goes on and has the same winner, what is known already. None where nobody asked for it."""
        wanted = self.config.folds
        if wanted is None:
            return None
        if stopped_by == "user":
            return Folds(wanted, note="the search was stopped; the same command does it")
        known = folds_of(record.group(KEPT).get(str(best.number)))
        if known is not None and known.wanted == len(known.scores) == wanted and members == 1:
            return known
        made = self.make(best, members, say)
        if made is not None:
            record.keep_one(KEPT, str(best.number), dataclasses.asdict(made))
        return made

    def make(self, best: Trial, members: int, say: Callable[[str], None]) -> Folds | None:
        """Train and answer fold after fold; None where nobody asked for it. Where it is not possible, or fewer folds are, the answer says why."""
        wanted = self.config.folds
        if wanted is None or best.is_majority:
            return None
        if members > 1:
            return Folds(wanted, note="an ensemble is not cross-validated; --ensemble off leaves it out")
        folds = min(wanted, possible(self.dataset))
        if folds < LEAST:
            return Folds(wanted, note=f"a class has only {folds} different images, and at least {LEAST} folds are needed")
        fewer = "" if folds == wanted else f"a class has only {folds} different images"
        answers: list[tuple[np.ndarray, np.ndarray]] = []
        note = fewer
        whole = tuple(range(folds))
        for some in [whole] if is_probe(best.configuration) else [(number,) for number in whole]:
            say(f"cross-validating the winner: {f'{folds} folds' if some == whole else f'fold {some[0] + 1} of {folds}'}")
            try:
                answers += self._some(best, some, folds)
            except TrialError as error:
                note = f"{error} (fold {some[0] + 1})"
                break
        return self._judged(wanted, answers, note)

    def _some(self, best: Trial, some: tuple[int, ...], folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
        left = self.left()
        seconds = None if self.config.budget is None else left / (folds - some[0])
        network = not is_probe(best.configuration)
        least = 0.5 * best.seconds if network else 0.5
        if seconds is not None and seconds < least:  # of a training that is cut short, the score says nothing about the winner
            raise TrialError("no time was left")
        epochs = max(1, len(best.epochs)) if network else 1
        job = FoldJob(best.number, best.configuration, some, folds, epochs=epochs, seconds=seconds if network else None, strength=best.strength)
        return self.executor.fold(job, None if seconds is None else lambda: left)

    def _judged(self, wanted: int, answers: list[tuple[np.ndarray, np.ndarray]], note: str) -> Folds:
        if not answers:
            return Folds(wanted, note=note)
        metric, task, truth = self.config.scored_by, self.dataset.task, self.dataset.truth
        scores = tuple(task.score(metric, truth(rows), probabilities) for rows, probabilities in answers)
        rows, probabilities = (np.concatenate(part) for part in zip(*answers, strict=True))
        photos = self.dataset.photos(rows)
        span = task.interval(metric, truth(rows), probabilities, groups=np.zeros(0, int) if photos is None else photos)
        return Folds(wanted, scores, len(rows), task.score(metric, truth(rows), probabilities), span, note)
