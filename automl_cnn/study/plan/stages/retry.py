"""A trial that ran out of memory gets a second chance, with half the batch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from automl_cnn.errors import Cause
from automl_cnn.records import Job, State
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import Sizing

STAGE = "retry"


@dataclass(frozen=True)
class Retry:
    """Looks at each such trial once; a second failure stands."""

    sizing: Sizing

    def next(self, now: Situation) -> Job | None:
        for trial in now.done:
            if trial.state is not State.FAILED or trial.stage == STAGE or trial.cause is not Cause.MEMORY or "batch_size" not in trial.configuration:
                continue
            half = [size for size in self.sizing.options("batch_size") if size <= int(trial.configuration["batch_size"]) // 2]
            if not half:
                continue
            configuration = {**trial.configuration, "batch_size": max(half)}
            if any(later.stage == STAGE and later.number > trial.number and later.configuration == configuration for later in now.begun):
                continue
            reason = f"trial {trial.number} again with half the batch, since it ran out of memory"
            return Job(configuration, dataclasses.replace(trial.fidelity), reason, STAGE, continue_from=trial.continue_from)
        return None
