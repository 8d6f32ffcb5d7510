"""Further evidence about a trial, where its curves allow several explanations: interventions, made by an idle worker and kept in the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from automl_cnn.diagnosis import Context, diagnose, undecided
from automl_cnn.errors import TrialError
from automl_cnn.interventions import Interventions
from automl_cnn.records import Trial
from automl_cnn.study.observer import Observer
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.executors.protocol import Executor, InterventionJob

SLOWER = 3.0  # times as long as expected, after which they are given up
LEAST = 30.0  # seconds


@dataclass
class Further:
    """Who makes interventions in a session. `executor` gives an idle worker."""

    record: Record
    executor: Callable[[], Executor]
    observer: Observer
    failed: set[int] = field(default_factory=set)  # trials whose interventions failed; the next session tries them again

    def unknown(self, trial: Trial) -> bool:
        """Whether they could still be made."""
        return trial.interventions is None and trial.number not in self.failed

    def settle(self, trial: Trial, context: Context, spare: float, say: Callable[[str], None]) -> None:
        """Make them where the trial's diagnosis is undecided and they take at most half of the `spare` seconds. `say` shows the step under way."""
        expected = Interventions.seconds_for(trial)
        if expected is None or 2 * expected >= spare or not self.unknown(trial):
            return
        main = next(iter(diagnose(trial, context)), None)
        if main is not None and undecided(main):
            say("testing the diagnosis of the winner")
            self.make(trial, spare)

    def make(self, trial: Trial, left: float = float("inf")) -> Interventions | None:
        """Make them within `left` seconds, and keep the result; None where they failed, which is noted and fails no search."""
        expected = Interventions.seconds_for(trial)
        patience = min(left, max(LEAST, SLOWER * (expected or 0.0)))
        try:
            made = self.executor().intervene(InterventionJob(trial.number, trial.configuration, trial.fidelity), lambda: patience)
        except TrialError as error:
            self.failed.add(trial.number)
            self.observer.note(f"The diagnosis of trial {trial.number} could not be tested further: {error}.")
            return None
        self.record.intervened(trial.number, made)
        return made
