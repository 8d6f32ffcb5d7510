"""What a stage receives, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from automl_cnn.pareto import winner
from automl_cnn.records import Fidelity, Job, Trial
from automl_cnn.study.plan.budget import Budget

UNHURRIED_EPOCHS = 30  # a trial's epochs where no budget is set


@dataclass(frozen=True)
class Situation:
    """Where a study stands. `done` are its trials that have ended, those lost to a kill left out, and `running` those that have not; `share` are the seconds
    of a trial on the first rung (None: no budget).
    """

    done: tuple[Trial, ...]
    budget: Budget
    share: float | None
    defaults: int  # how many defaults there is time for
    max_epochs: int
    saving: bool = True  # whether time is still set aside for the final training
    objectives: tuple[str, ...] = ()  # the metric, then costs, where there are several
    running: tuple[Trial, ...] = ()

    @property
    def begun(self) -> tuple[Trial, ...]:
        """All trials: what was tried or is being tried need not be tried again."""
        return (*self.done, *self.running)

    @property
    def best(self) -> Trial | None:
        return winner(self.done, self.objectives)

    @property
    def left(self) -> float:
        """Seconds for training that are not set aside for the final one; once that is done, all there are."""
        return self.budget.left - (0.0 if self.over else self.budget.final)

    @property
    def over(self) -> bool:
        """Whether nothing is set aside any more: what is left goes to the last trials."""
        return not self.saving or any(trial.stage == "final" for trial in self.begun)

    @property
    def fidelity(self) -> Fidelity:
        """That of the first rung."""
        return Fidelity(min(self.max_epochs, UNHURRIED_EPOCHS) if self.share is None else self.max_epochs, self.share)


class Stage(Protocol):
    """One strategy of the search."""

    def next(self, now: Situation) -> Job | None:
        """The job it wishes for, or None."""
