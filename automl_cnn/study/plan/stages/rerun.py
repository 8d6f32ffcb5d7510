"""What the engine proposed, and a node took along: trained again on another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automl_cnn.errors import Cause
from automl_cnn.records import Job, Trial
from automl_cnn.study.plan.stages.proposals import STAGE
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import Sizing


@dataclass(frozen=True)
class Rerun:
    """Looks at the proposals among the `trials` that were lost with their nodes. The other stages ask again for what they miss by themselves.

    It comes before the engine is asked for more: the engine counts what was tried, and would propose what runs already.
    """

    sizing: Sizing
    trials: Sequence[Trial]

    def next(self, now: Situation) -> Job | None:
        """The same job with the same random numbers; None where each was begun again, or no time is left for it."""
        for lost in self.trials:
            if lost.cause is not Cause.NODE or lost.stage != STAGE:
                continue
            if any(later.number > lost.number and later.configuration == lost.configuration for later in self.trials):
                continue
            if now.left < self.sizing.wanted(lost.configuration, now.done, lost.fidelity.seconds):
                continue
            reason = f"trial {lost.number} again, since its node was lost"
            return Job(lost.configuration, lost.fidelity, reason, STAGE, seed=lost.number if lost.seed is None else lost.seed)
        return None
