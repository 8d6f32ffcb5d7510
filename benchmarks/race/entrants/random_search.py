"""Random search over automl-cnn's own space, with its trainer and worker.

    python -m race.entrants.random_search FLAGS OF automl-cnn search

Every trial is drawn at random, made to fit as automl-cnn makes its proposals fit, and trained as long as one of its
first rung: no defaults, no promotion, no final training of the best.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from automl_cnn.cli import main as automl_cnn
from automl_cnn.records import Job, Trial
from automl_cnn.study import planning
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Defaults, Proposals, Retry, Situation

ASKS = 50  # proposals refused in a row, after which there is no use for the time that is left


@dataclass(frozen=True)
class Whole(Situation):
    """Nothing is set aside for a final training."""

    @property
    def left(self) -> float:
        return self.budget.left


@dataclass(frozen=True)
class OnlyAsks(Planner):
    """Wishes for what the engine proposes, and for nothing else."""

    def next(self, trials: Sequence[Trial], budget: Budget, failed: dict[str, str] | None = None) -> Job | None:
        done = tuple(trial for trial in trials if not trial.lost)
        defaults = budget.defaults(Defaults(self.sizing).number)  # none is trained; their number sets the seconds of a trial
        now = Whole(done, budget, budget.slice(defaults), defaults, self.max_epochs)
        if again := Retry(self.sizing).next(now):
            return again
        return Proposals(self.sizing, self.proposed, ASKS).next(now)  # most are too slow to build for what is left; another may do


if __name__ == "__main__":
    planning.Planner = OnlyAsks
    sys.argv[1:1] = ["search", "--engine", "optuna", "--sampler", "random", "--pruner", "none"]
    automl_cnn()
