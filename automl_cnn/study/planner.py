"""What to train next: the first wish that one of the stages has. Pure: it reads the trials so far and the budget."""

from __future__ import annotations

import dataclasses
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
        promotion, proposals = Promotion(self.sizing), Proposals(self.sizing, self.engine)
        job = _first((Retry(self.sizing), defaults, promotion, proposals, Final(self.sizing)), now)
        if job is None and now.share is not None:  # nothing is left to finish: what was set aside for it is free
            job = _first((promotion, proposals), dataclasses.replace(now, saving=False))
        return job


def _first(stages: tuple[Stage, ...], now: Situation) -> Job | None:
    return next((job for job in (stage.next(now) for stage in stages) if job is not None), None)
