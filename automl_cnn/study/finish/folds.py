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
MARGIN = 0.2  # by which share a fold may take longer than the slowest one before it
SPARE = 0.3  # of a fold's time, left out of the plan so that the last fold can still begin
ANSWER = 0.5  # seconds between the end of a readout's last fold and its answers
NO_TIME = "no time was left"
KEPT = "folds"  # in the record: what was measured, by trial


@dataclass
class Pace:
    """What the folds of a network have taken so far, in seconds: the slowest one, and what each takes beside its training (`beside`)."""

    beside: float
    slowest: float = 0.0
    granted: float = 0.0  # to the training of the fold that is under way

    def granting(self, left: float, folds: int, usual: float) -> float:
        """The seconds that the next of `folds` folds may train, of the seconds that are `left`. The winner took `usual` seconds for all it did.

        A training that is cut to less than half says nothing about the winner: where all folds would be, as many are planned as have the usual time.

        Raises:
            TrialError: the fold would not be done in time, or be cut to less than half.
        """
        least = max(0.5 * usual, self.beside)
        share = left / (folds + SPARE)
        if 0 < share < least:
            share = left / (max(1, int(left / max(usual, self.slowest, least) - SPARE)) + SPARE)
        if share <= 0 or share < least or left < (1 + MARGIN) * self.slowest:
            raise TrialError(NO_TIME)
        self.granted = share - self.beside
        return self.granted

    def took(self, seconds: float) -> None:
        """The fold that was under way is answered."""
        self.slowest, self.beside = max(self.slowest, seconds), max(self.beside, seconds - self.granted)


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
        wanted = slow * (BUILT + REGRESSION * self.config.folds) if is_probe(best.configuration) else (self.config.folds + SPARE) * best.seconds
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
        """Train and answer fold after fold; None where nobody asked for it. Where it is not possible, or fewer folds are, the answer says why.

        No fold begins that would not be done in time by what the slowest one took. One that takes longer all the same is ended, and is not among the answers.
        """
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
        pace = Pace(best.setup or 0.0)
        for some in [whole] if is_probe(best.configuration) else [(number,) for number in whole]:
            say(f"cross-validating the winner: {f'{folds} folds' if some == whole else f'fold {some[0] + 1} of {folds}'}")
            try:
                answers += self._some(best, some, folds, pace)
            except TrialError as error:
                note = f"{NO_TIME if self._over() else error} (fold {some[0] + 1})"
                break
            if len(answers) <= some[-1]:
                note = f"{NO_TIME} (fold {len(answers) + 1})"
        return self._judged(wanted, answers, note)

    def _some(self, best: Trial, some: tuple[int, ...], folds: int, pace: Pace) -> list[tuple[np.ndarray, np.ndarray]]:
        """The answers of some folds, by what one training or one readout takes; of a readout, those that are done in time.

        Raises:
            TrialError: there is no time, or it failed.
        """
        began = self.left()
        network = not is_probe(best.configuration)
        seconds: float | None = None
        if self.config.budget is not None and network:
            seconds = pace.granting(began, folds - some[0], best.seconds)
        elif self.config.budget is not None:
            seconds = began - ANSWER
            if seconds < REGRESSION * folds:
                raise TrialError(NO_TIME)
        epochs = max(1, len(best.epochs)) if network else 1
        job = FoldJob(best.number, best.configuration, some, folds, epochs=epochs, seconds=seconds, strength=best.strength)
        answers = self.executor.fold(job, None if seconds is None else lambda: max(0.0, self.left()))
        if seconds is not None:
            pace.took(began - self.left())
        return answers

    def _over(self) -> bool:
        """Whether the time for it is used up: what failed then was ended for that."""
        return self.config.budget is not None and self.left() <= 0

    def _judged(self, wanted: int, answers: list[tuple[np.ndarray, np.ndarray]], note: str) -> Folds:
        if not answers:
            return Folds(wanted, note=note)
        metric, task, truth = self.config.scored_by, self.dataset.task, self.dataset.truth
        scores = tuple(task.score(metric, truth(rows), probabilities) for rows, probabilities in answers)
        rows, probabilities = (np.concatenate(part) for part in zip(*answers, strict=True))
        photos = self.dataset.photos(rows)
        span = task.interval(metric, truth(rows), probabilities, groups=np.zeros(0, int) if photos is None else photos)
        return Folds(wanted, scores, len(rows), task.score(metric, truth(rows), probabilities), span, note)
