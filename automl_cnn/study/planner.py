"""What to train next: the first wish that one of the stages has. Pure: it reads the trials so far and the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl_cnn.records import INTERRUPTED, Job, State, Trial
from automl_cnn.study.budget import Budget
from automl_cnn.study.engines.protocol import Engine
from automl_cnn.study.stages import Defaults, Final, Promotion, Proposals, Retry, Situation, Sizing, Stage


@dataclass(frozen=True)
class Planner:
    """The wishes of one study."""

    sizing: Sizing
    engine: Engine
    max_epochs: int

    def next(self, trials: Sequence[Trial], budget: Budget) -> Job | None:
        """The next job, or None when the study should be finished."""
        done = tuple(trial for trial in trials if not (trial.state is State.FAILED and (trial.failure or "").startswith(INTERRUPTED)))
        if budget.trials is not None and len(done) >= budget.trials:
            return None
        defaults = Defaults(self.sizing)
        allowed = budget.defaults(len(defaults.starts()))
        now = Situation(done, budget, budget.slice(allowed), allowed, self.max_epochs)
        stages: tuple[Stage, ...] = (Retry(self.sizing), defaults, Promotion(self.sizing), Proposals(self.sizing, self.engine), Final(self.sizing))
        return next((job for job in (stage.next(now) for stage in stages) if job is not None), None)
