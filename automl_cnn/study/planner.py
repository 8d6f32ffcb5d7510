"""What to train next: the first wish that one of the stages has. It reads the trials so far and the budget.

A stage that fails, with an error of ours or of a library (a sampler's, say), sits out: the others go on without it.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automl_cnn.diagnosis import Context
from automl_cnn.errors import AutomlCnnError
from automl_cnn.records import INTERRUPTED, Job, State, Trial
from automl_cnn.scaling import Coefficients
from automl_cnn.study.budget import Budget
from automl_cnn.study.engines.protocol import Engine
from automl_cnn.study.stages import Defaults, Final, Guided, Portfolio, Promotion, Proposals, Readouts, Retry, Scaling, Situation, Sizing, Stage


@dataclass(frozen=True)
class Planner:
    """The wishes of one study."""

    sizing: Sizing
    engine: Engine
    max_epochs: int
    objectives: tuple[str, ...] = ()  # the metric, then costs, where there are several
    known: Context | None = None  # what the diagnosis is told beside the trials; without it no trial is guided by it
    scaling: str = "off"  # auto, compound or off
    coefficients: Mapping[str, Coefficients] = field(default_factory=dict)  # by architecture, where a scale study found them
    failed: dict[str, str] = field(default_factory=dict)  # the stages that sit out, each with its error

    def next(self, trials: Sequence[Trial], budget: Budget) -> Job | None:
        """The next job, or None when the study should be finished."""
        done = tuple(trial for trial in trials if not (trial.is_majority or (trial.state is State.FAILED and (trial.failure or "").startswith(INTERRUPTED))))
        if budget.trials is not None and len(done) >= budget.trials:
            return None
        if budget.left <= 0:
            return None
        defaults = Defaults(self.sizing)
        allowed = budget.defaults(defaults.number)
        share = budget.slice(allowed, first=not any(trial.scored for trial in done))
        now = Situation(done, budget, share, allowed, self.max_epochs, objectives=self.objectives)
        promotion, proposals = Promotion(self.sizing), Proposals(self.sizing, self.engine)
        guided = () if self.known is None or self.objectives else (Guided(self.sizing, self.known),)  # its effects are those on one score
        first = (Retry(self.sizing), Defaults(self.sizing, probes=True), Readouts(self.sizing), Portfolio(self.sizing), defaults)
        scaling = () if self.scaling == "off" else (Scaling(self.sizing, self.coefficients, always=self.scaling == "compound"),)
        job = self._first((*first, promotion, *guided, *scaling, proposals, Final(self.sizing)), now)
        if job is None and now.share is not None:  # nothing is left to finish: what was set aside for it is free
            job = self._first((promotion, *guided, proposals), dataclasses.replace(now, saving=False))
        return job

    def _first(self, stages: tuple[Stage, ...], now: Situation) -> Job | None:
        return next((job for job in (self._wish(stage, now) for stage in stages) if job is not None), None)

    def _wish(self, stage: Stage, now: Situation) -> Job | None:
        name = type(stage).__name__.lower()
        if name in self.failed:
            return None
        try:
            return stage.next(now)
        except (AutomlCnnError, OSError):  # about the user's settings, the store or the disk
            raise
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            self.failed[name] = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
            return None
