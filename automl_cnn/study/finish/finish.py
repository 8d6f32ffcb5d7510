"""The end of a search: one model of several where that is better, calibration, the one test score, registration, report."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from automl_cnn import elapsed, predictions
from automl_cnn.caveats import caveats
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, pixels
from automl_cnn.diagnosis import Context
from automl_cnn.errors import DataError, StoreError, TrialError
from automl_cnn.evidence import Evidence, points
from automl_cnn.growth import Growth
from automl_cnn.modelfile.file import read_card, seal, write_card
from automl_cnn.pareto import front, winner
from automl_cnn.ranking import incumbent
from automl_cnn.records import Calibration, Folds, Refit, StudyResult, Trial
from automl_cnn.store import Store, StudyFolder
from automl_cnn.study.finish import ensembles, reporting, scored_once
from automl_cnn.study.finish.folds import CrossValidation
from automl_cnn.study.finish.growing import Growing
from automl_cnn.study.finish.refits import Refits
from automl_cnn.study.finish.stand_in import StandIn, tested
from automl_cnn.study.model_files import ModelFiles
from automl_cnn.study.notes import remarks
from automl_cnn.study.observer import Observer
from automl_cnn.study.plan.budget import SETUP, Budget
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.record.disk import STOPPED, Reserve, is_full
from automl_cnn.study.record.record import DATA, RESULT, Record
from automl_cnn.study.running.executors.protocol import FOLD, Executor, TestScore
from automl_cnn.study.running.further import Further
from automl_cnn.study.running.times import READY, Times
from automl_cnn.study.running.usage import Usage
from automl_cnn.study.stored.overview import overview
from automl_cnn.tasks import Task
from automl_cnn.tasks.regression import TARGETS
from automl_cnn.tasks.task import Judged
from automl_cnn.tasks.thresholds import THRESHOLDS
from automl_cnn.track import Tracking
from automl_cnn.transfer import is_probe

ENSEMBLE_SHARE = 0.05  # of the budget, at most, for making one model of several networks
REPORT = 3.0  # seconds for MLflow and the report
SLOWEST = 3.0  # how many times as long they may take on a machine that was slow to start; it may have been slow because the images are many
DIAGNOSIS_SHARE = 0.03  # of the budget, at most, for testing the diagnosis of the winner
LOOK = 2.0  # seconds for a few heat maps and the page, beside scoring the validation images


@dataclass(frozen=True)
class Finish:
    """What is done with the best model once the trials are over. `sizing` knows the limits and the costs; None where networks are compared one by one."""

    config: StudyConfig
    folder: StudyFolder
    record: Record
    model_files: ModelFiles
    dataset: Dataset
    executor: Executor
    tracker: Tracking
    observer: Observer
    budget: Callable[[], Budget]
    sizing: Sizing | None = None
    times: Times = field(default_factory=Times)  # where the session's time went so far
    usage: Usage = field(default_factory=Usage)  # how its workers were used
    further: Further | None = None  # who tests the winner's diagnosis

    @property
    def reserve(self) -> Reserve:
        """The room on the disk that is kept for the ending."""
        return Reserve(self.folder.reserve)

    def run(self, stopped_by: str, alone: float) -> StudyResult:
        """Finish, for the reason `stopped_by`; `alone` is how many seconds the finish takes without an ensemble.

        Raises:
            TrialError: there is no model.
        """
        trials = self.record.trials
        objectives = self.config.objectives or ()
        best = winner(trials, objectives)
        if best is None:
            best = self._stand_in(stopped_by)
            trials = self.record.trials
        if stopped_by == STOPPED:
            best = self._standing(best, trials)
        self._ensemble(trials, stopped_by, alone)
        calibration = self._calibrated()
        joined = ensembles.standing(self.folder.model)
        began = elapsed.now()
        test = self._tested(best, joined)
        scoring = elapsed.now() - began
        refit, better = self._refit(best, stopped_by, members=len(joined.get("members", ())) or 1)
        evidence, without = self._looked(test, scoring, best)
        self._test_diagnosis(best, stopped_by)
        result = self._result(best, test, stopped_by, joined, calibration=calibration, refit=refit)
        result = dataclasses.replace(result, cross_validation=self._folds(best, stopped_by, len(result.members) or 1))
        result = dataclasses.replace(result, growth=self._growth(best, stopped_by, len(result.members) or 1))
        with self.as_room_allows():
            for number in result.front:
                if self.model_files.checkpoint(number).exists():
                    seal(self.model_files.checkpoint(number))
        with self.as_room_allows():
            write_card(self.folder.model, {**read_card(self.folder.model), "test_score": result.test_score, "test_interval": result.test_interval})
            if better and refit is not None:
                self.refits.place(refit)
            seal(self.folder.model)
        if stopped_by != STOPPED and not best.is_majority:
            self.observer.finishing("registering the model in MLflow")
            self.tracker.rebuild(trials)
            self.tracker.finish(result, self.folder.model, self._example(int(best.configuration["resolution"])))
        result = dataclasses.replace(result, seconds=self.budget().used)
        with self.as_room_allows():
            self.reserve.spend(lambda: self.record.keep(RESULT, result.as_dict()))
        self._report(evidence, without)
        if not best.is_majority:
            self.tracker.wait()
        self.observer.result(result)
        return result

    def _result(
        self, best: Trial, test: TestScore | None, stopped_by: str, joined: Mapping[str, Any], *, calibration: Calibration | None, refit: Refit | None
    ) -> StudyResult:
        """All that is known of the winner; `joined` are the figures of an ensemble in its place."""
        trials, objectives = self.record.trials, self.config.objectives or ()
        result = StudyResult(
            study=self.folder.name,
            metric=self.config.scored_by,
            configuration=best.configuration,
            params=best.params or 0,
            mult_adds=best.mult_adds or 0,
            val_score=best.score or 0.0,
            val_interval=best.interval or (0.0, 1.0),
            test_score=test.score if test else None,
            test_interval=test.interval if test else None,
            trials=len(trials),
            seconds=self.budget().used,
            model_path=str(self.folder.model),
            trial=best.number,
            stopped_by=stopped_by,
            notes=remarks(self.dataset),
            leaderboard=trials,
            baseline=self._baseline(),
            calibration=calibration,
            objectives=objectives,
            front=tuple(trial.number for trial in front(trials, objectives)),
            folds=0 if joined else best.folds,
            refit=refit,
            winner_found_at=self._winner_time(best),
            tested=scored_once.count(self.record),
            workers=self.usage.summary(trials),
        )
        split, judged = self._judged(test)
        result = dataclasses.replace(result, **joined, **self._of_task(judged))
        return dataclasses.replace(result, caveats=caveats(self.record.settings[DATA], result, split, judged.confusion))

    @property
    def _task(self) -> Task:
        """What was asked, with what the model's card says of its decisions."""
        return self.dataset.task.deciding(read_card(self.folder.model))

    def _of_task(self, judged: Judged) -> dict[str, Any]:
        """What was asked, and where labels have thresholds or images have numbers, these and how well each is answered."""
        task, names = self._task, self.dataset.classes
        thresholds = dict(zip(names, read_card(self.folder.model).get(THRESHOLDS) or (), strict=False))
        targets = tuple(task.stated().get(TARGETS, ()))
        return {"task": task.name, "targets": targets, "thresholds": thresholds, "per_label": task.of_each(names, judged)}

    @contextlib.contextmanager
    def as_room_allows(self) -> Iterator[None]:
        """What is written within is given up where the disk is full: a search does not fail for its ending."""
        try:
            yield
        except (OSError, StoreError) as error:
            if not is_full(error):
                raise
            self.observer.note(f"The disk is full, so that something was left out: {error}")

    def clear_up(self, why: str) -> None:
        """Say what was lacking, write off the trial that was under way, and put the best model in its place, if the reserve suffices for that."""
        self.observer.note(why)
        with self.as_room_allows():
            self.reserve.spend(self.record.bury)
            self.reserve.spend(lambda: self.model_files.put(self.record.trials))
        if self.model_files.standing() is None:
            raise StoreError(f"{why} There is no model yet.")

    def _standing(self, best: Trial, trials: Sequence[Trial]) -> Trial:
        """The trial whose model is in the best one's place, which is not the best where there was no room to put it there."""
        number = self.model_files.standing()
        if number is None or number == best.number or not 0 <= number < len(trials):
            return best
        self.observer.note(f"Trial {best.number} is better, but there was no room to put its model in place: the same command does it.")
        return trials[number]

    def _looked(self, test: TestScore | None, scoring: float, best: Trial) -> tuple[Evidence | None, str]:
        """The look at the winner's mistakes, where there is time; `scoring` is what a split takes. Else None, and why."""
        if best.is_majority:
            return None, "It gives every image the same answer, so that there are no mistakes to look at."
        left = self._left
        try:
            if left < scoring + LOOK:
                raise TrialError(f"no time was left; `automl-cnn report {self.folder.name}` does it")
            self.observer.finishing("looking at the winner's mistakes")
            seen = self.executor.examine(str(self.folder.model), lambda: left)
            if test is None:
                return seen, ""
            scattered = () if test.truth is None or test.answers is None else points(test.truth, test.answers)
            return dataclasses.replace(seen, test_confusion=test.confusion, test_points=scattered), ""
        except TrialError as error:
            why = f"The winner's mistakes were not looked at: {error}."
            self.observer.note(why)
            return None, why

    def _test_diagnosis(self, best: Trial, stopped_by: str) -> None:
        """Make interventions on the winner where its diagnosis is undecided and time is left, so that the report can say more; not while somebody waits."""
        if self.further is None or stopped_by in ("user", STOPPED) or not self.model_files.checkpoint(best.number).exists():
            return
        spare = min(self._left - self._report_seconds, DIAGNOSIS_SHARE * (self.budget().total or float("inf")))
        context = Context.of(self.record.settings[DATA], self.config.scored_by, self.record.trials)
        self.further.settle(best, context, spare, self.observer.finishing)

    @property
    def _left(self) -> float:
        """Seconds until the whole budget is used up."""
        budget = self.budget()
        return float("inf") if budget.total is None else budget.total - budget.used

    def _report(self, evidence: Evidence | None, without: str) -> None:
        """Report and model card. No search fails for them. `without` says why there is no evidence."""
        self.observer.finishing("writing the report")
        try:
            store = Store(self.config.store)
            self.tracker.files(reporting.conclude(overview(store, self.folder.name, record=self.record), store, evidence, without))
        except Exception as error:  # whatever is in a record or a plugin's names; the model is safe
            self.observer.note(f"The report could not be written: {type(error).__name__}: {error}")

    @property
    def refits(self) -> Refits:
        """What trains the winner's recipe on every image."""
        return Refits(self.config, self.folder, self.model_files, self.dataset, self.executor)

    def _refit(self, best: Trial, stopped_by: str, members: int) -> tuple[Refit | None, bool]:
        """The winner's recipe trained on more images, and whether that model is to be delivered; None where nobody asked for it."""
        refits = self.refits
        if self.sizing is None or best.is_majority or not refits.splits or stopped_by == STOPPED:
            return None, False
        if stopped_by == "user" and not is_probe(best.configuration):  # somebody waits
            return None, False
        self.observer.finishing("training the winner's recipe on every image")
        made: tuple[Refit | None, bool] = (None, False)
        with self.as_room_allows():
            made = refits.make(best, self._left - self._report_seconds, members)
        return made

    @property
    def folds(self) -> CrossValidation:
        """What cross-validates the winner's recipe."""
        return CrossValidation(self.config, self.dataset, self.executor, lambda: self._left - self._report_seconds)

    def _folds(self, best: Trial, stopped_by: str, members: int) -> Folds | None:
        """The winner's recipe over every image; None where nobody asked for it."""
        if self.sizing is None or stopped_by == STOPPED:
            return None
        made: Folds | None = None
        with self.as_room_allows():
            made = self.folds.standing(self.record, best, stopped_by, members=members, say=self.observer.finishing)
            for file in self.folder.trials.glob(f"{FOLD}*"):  # of a fold that was ended
                file.unlink(missing_ok=True)
        return made

    @property
    def growing(self) -> Growing:
        """What measures how far more images would help the winner."""
        return Growing(self.config, self.executor, lambda: self._left - self._report_seconds)

    def _growth(self, best: Trial, stopped_by: str, members: int) -> Growth | None:
        """What more images would give; None where nobody waits for it to be measured, or it takes more than seconds."""
        made: Growth | None = None
        if self.sizing is not None and stopped_by not in ("user", STOPPED) and members == 1:
            with self.as_room_allows():
                made = self.growing.standing(self.record, best, self.observer.note, self.observer.finishing)
        return made

    @property
    def _report_seconds(self) -> float:
        """Seconds for MLflow and the report: more where the machine was slow to start, as beside much other load."""
        return REPORT * min(SLOWEST, max(1.0, self.times.spent.get(READY, 0.0) / SETUP))

    def _winner_time(self, best: Trial) -> float | None:
        """Seconds from the study's first trial until the best one was finished; of a study in one session, since its beginning."""
        started = [trial.started_at for trial in self.record.trials if trial.started_at]
        if not started or not best.started_at:
            return None
        return round(best.started_at + best.seconds - min(started) + self.times.spent.get(READY, 0.0), 1)

    def _ensemble(self, trials: Sequence[Trial], stopped_by: str, alone: float) -> None:
        """One model of several networks, where they are better together; not while somebody waits, nor where costs are an objective."""
        if self.sizing is None or stopped_by in ("user", STOPPED) or self.config.objectives is not None or self._refitted(trials):
            return
        makes, budget = self._ensembles(self.sizing), self.budget()
        try:
            if self.config.ensemble == "off":
                makes.take_apart(trials)
            else:
                makes.put(trials, float("inf") if budget.total is None else budget.total - budget.used - alone)
        except StoreError as error:
            self.observer.note(f"No ensemble was made: {error}")

    def foreseen(self, trials: Sequence[Trial]) -> float:
        """Seconds to set aside for an ensemble: a small share of the time, and only while one would be better."""
        if self.sizing is None or self.config.ensemble == "off" or self.config.budget is None or self.config.objectives is not None or self._refitted(trials):
            return 0.0
        return min(ENSEMBLE_SHARE * self.config.budget, self._ensembles(self.sizing).foreseen(trials))

    def _refitted(self, trials: Sequence[Trial]) -> bool:
        """Whether the winner is a readout that will be fitted on every image: that gains more than joining it with networks that cannot be."""
        best = incumbent(trials)
        return best is not None and is_probe(best.configuration) and bool(self.refits.splits)

    def _ensembles(self, sizing: Sizing) -> ensembles.Ensembles:
        return ensembles.Ensembles(
            self.dataset.task,
            self.config.scored_by,
            self.dataset.truth(self.dataset.rows("val")),
            self.model_files,
            sizing.limits,
            sizing.cost,
            self.executor,
            self.observer,
            self.dataset.groups_of("val"),
        )

    def _stand_in(self, stopped_by: str) -> Trial:
        """What stands in for a network where there was no time to train one.

        Raises:
            TrialError: it was not for lack of time, or networks are compared one by one.
        """
        made = StandIn(self.config, self.folder, self.record, self.model_files, self.dataset, self.tracker, self.observer)
        return made.trial(self.budget(), self.times.spent, None if self.sizing is None else self.sizing.space, stopped_by)

    def _baseline(self) -> float:
        """What the same answer to every image would score on the validation images."""
        return self.dataset.same_answer("val", self.config.scored_by)

    def _judged(self, test: TestScore | None) -> tuple[str, Judged]:
        """Of the test images, else of the validation images: what was answered; empty where that is not known."""
        if test is not None:
            return "test", test.judged
        truth, answers = self.dataset.truth(self.dataset.rows("val")), predictions.recall(self.folder.judged)
        if answers is None or len(answers) != len(truth):
            return "validation", Judged()
        return "validation", Judged(self._task.confusion(truth, answers), truth, answers)

    def _calibrated(self) -> Calibration | None:
        """Set the best model's temperature, unless that was done already."""
        if "temperature" in read_card(self.folder.model):
            return None
        self.observer.finishing(self.dataset.task.words.calibrating)
        try:
            return self.executor.calibrate(str(self.folder.model))
        except TrialError as error:
            self.observer.note(f"{self.dataset.task.words.uncalibrated}: {error}")
            return None

    def _example(self, size: int) -> np.ndarray:
        """One test image, for what MLflow keeps of the model's input; an empty picture where the images are gone."""
        try:
            return np.asarray(pixels(self.dataset, size)[self.dataset.rows("test")[:1]])
        except (DataError, StoreError):
            return np.zeros((1, size, size, self.dataset.channels), np.uint8)

    def _tested(self, best: Trial, joined: Mapping[str, Any]) -> TestScore | None:
        """The winner's score on the test images; a study that is resumed and has the same winner keeps the score."""
        key = scored_once.key_of(best.number, joined.get("members") or {})
        test = scored_once.standing(self.record, key)
        if test is not None:
            return test
        self.observer.finishing("scoring the test images once")
        test = tested(self.dataset, self.config.scored_by) if best.is_majority else self._test()
        if test is not None:
            with self.as_room_allows():
                scored_once.keep(self.record, key, test)
        return test

    def _test(self) -> TestScore | None:
        try:
            return self.executor.test(str(self.folder.model))
        except TrialError as error:
            self.observer.note(f"The test images could not be scored: {error}")
            return None
