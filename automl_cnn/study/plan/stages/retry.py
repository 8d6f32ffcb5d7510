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
    """Looks at the last trial alone; a second failure stands."""

    sizing: Sizing

    def next(self, now: Situation) -> Job | None:
        last = now.done[-1] if now.done else None
        if last is None or last.state is not State.FAILED or last.stage == STAGE or last.cause is not Cause.MEMORY:
            return None
        if "batch_size" not in last.configuration:
            return None
        half = [size for size in self.sizing.options("batch_size") if size <= int(last.configuration["batch_size"]) // 2]
        if not half:
            return None
        configuration = {**last.configuration, "batch_size": max(half)}
        reason = f"trial {last.number} again with half the batch, since it ran out of memory"
        return Job(configuration, dataclasses.replace(last.fidelity), reason, STAGE, continue_from=last.continue_from)
