"""Successive halving without waiting: the best third of a rung goes on to the next, from where it stands.

Of several objectives, the best third is had by non-dominated sorting, so that the whole front is trained on and not its most accurate end alone.

Li et al. 2020, A system for massively parallel hyperparameter tuning, https://arxiv.org/abs/1810.05934
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl_cnn.pareto import front, ranked, winner
from automl_cnn.records import Fidelity, Job, State, Trial
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import Sizing
from automl_cnn.transfer import is_probe

STAGE = "promotion"
ETA = 3  # a rung has ETA times the seconds of the one below, and takes one in ETA of its trials
LEAST_PEERS = 2 * ETA  # out of fewer, being the best says little
CHECKPOINTS = 4  # of trials that may yet be trained on


@dataclass(frozen=True)
class Promotion:
    """Trains the best third of each rung on, three times as long; the highest rung first."""

    sizing: Sizing

    def next(self, now: Situation) -> Job | None:
        if now.share is None:
            return None
        for rung in sorted({trial.fidelity.rung for trial in now.done}, reverse=True):
            chosen = self._best(now, rung)
            seconds = now.share * ETA ** (rung + 1)
            if chosen is None or now.left < self.sizing.wanted(chosen.configuration, now.done, seconds):
                continue
            reason = f"trial {chosen.number}, among the best third so far, trained on"
            return Job(
                chosen.configuration,
                Fidelity(now.max_epochs, seconds, rung + 1, min(1.0, ETA * chosen.fidelity.share)),
                reason,
                STAGE,
                continue_from=chosen.number,
            )
        return None

    def _best(self, now: Situation, rung: int) -> Trial | None:
        """The best of a rung's best third that was not yet promoted."""
        peers = [trial for trial in now.done if trial.fidelity.rung == rung and trial.stage != "final" and not is_probe(trial.configuration)]
        peers = [trial for trial in peers if trial.state is not State.FAILED]
        if len(peers) < LEAST_PEERS:
            return None
        promoted = {trial.continue_from for trial in now.begun}
        return next((trial for trial in ranked(peers, now.objectives)[: len(peers) // ETA] if trial.number not in promoted), None)


def kept(trials: Sequence[Trial], objectives: Sequence[str] = ()) -> set[int]:
    """The trials whose checkpoints are still of use: the winner's, those of the Pareto front, and those that may yet be trained on."""
    promoted = {trial.continue_from for trial in trials if trial.scored}
    waiting = [trial for trial in trials if trial.scored and trial.number not in promoted and not is_probe(trial.configuration)]
    best = winner(trials, objectives)
    chosen = (*ranked(waiting, objectives)[:CHECKPOINTS], *front(trials, objectives))
    return {trial.number for trial in chosen} | ({best.number} if best is not None else set())


def in_use(trials: Sequence[Trial]) -> set[int]:
    """The trials whose checkpoints a running trial writes or goes on from."""
    running = [trial for trial in trials if trial.state is State.RUNNING]
    return {number for trial in running for number in (trial.number, trial.continue_from) if number is not None}
