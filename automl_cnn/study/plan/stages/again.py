"""The best network whose model is on another machine, trained again.

Its score stays known but is not competed for: what is delivered has the score that it was measured to have.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from automl_cnn.pareto import front, winner
from automl_cnn.records import Job, Trial
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.stages.sizing import Sizing

STAGE = "again"


@dataclass(frozen=True)
class Again:
    """Looks at all trials as if every model were here, and asks for those of the winner and of the Pareto front that are not."""

    sizing: Sizing
    objectives: tuple[str, ...] = ()

    def next(self, done: Sequence[Trial], budget: Budget) -> Job | None:
        """The job, as long as before with the same random numbers; None where every model that is needed is here, or was trained again."""
        for trial in needed(done, self.objectives):
            spare = budget.left - self.sizing.setup(trial.configuration, done)
            if spare > 0:
                epochs = _epochs(done, trial) or trial.fidelity.epochs
                fidelity = dataclasses.replace(trial.fidelity, epochs=epochs, seconds=spare if math.isfinite(spare) else None)
                reason = f"trial {trial.number} again, since its model is not on this machine"
                return Job(trial.configuration, fidelity, reason, STAGE, seed=_seed(_chain(done, trial)[-1]))
        return None


def needed(done: Sequence[Trial], objectives: Sequence[str]) -> list[Trial]:
    """The winner and those of the Pareto front whose models are on another machine, unless the same network was trained as long here."""
    absent = {trial.number for trial in done if trial.absent}
    if not absent:
        return []
    everywhere = [dataclasses.replace(trial, absent=False) for trial in done]
    best = winner(everywhere, objectives)
    chosen = {trial.number: trial for trial in (*([best] if best is not None else []), *front(everywhere, objectives))}
    return [trial for number, trial in chosen.items() if number in absent and not trial.is_majority and not _here(done, trial)]


def _here(done: Sequence[Trial], trial: Trial) -> bool:
    same = [other for other in done if other.configuration == trial.configuration and not other.absent]
    return any(other.stage == STAGE or (other.scored and _epochs(done, other) >= _epochs(done, trial)) for other in same)


def _epochs(done: Sequence[Trial], trial: Trial) -> int:
    return sum(len(link.epochs) for link in _chain(done, trial))


def _chain(done: Sequence[Trial], trial: Trial) -> list[Trial]:
    """A trial, the one that it went on from, and so on."""
    by_number, chain = {other.number: other for other in done}, [trial]
    while (parent := by_number.get(-1 if chain[-1].continue_from is None else chain[-1].continue_from)) is not None and parent not in chain:
        chain.append(parent)
    return chain


def _seed(trial: Trial) -> int:
    """The trial whose random numbers it used, as the worker chooses them."""
    if trial.seed is not None:
        return trial.seed
    return trial.number if trial.guide is None else trial.guide.seed
