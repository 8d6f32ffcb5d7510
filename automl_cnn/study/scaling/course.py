"""`automl-cnn scale` as a session: it trains what its planner wishes for, and writes what that showed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl_cnn.errors import ConfigError
from automl_cnn.measure import Measure
from automl_cnn.store import StudyFolder
from automl_cnn.study.identity import IDENTITY_KEY
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.plan.stages.situation import UNHURRIED_EPOCHS
from automl_cnn.study.record.record import DATA, Record
from automl_cnn.study.scaling.planner import COEFFICIENTS, KEY, Plan, Referee, ScalePlanner
from automl_cnn.study.scaling.results import report, write


@dataclass
class Scale:
    """The course of a session that scales: hand it to `automl_cnn.study.run`. Afterward, `planner` and its conclusions are set."""

    asked: Plan
    planner: ScalePlanner | None = None
    report: Any = None
    timed: bool = False

    @property
    def settings(self) -> Mapping[str, Any]:
        return {f"scale.{name}": value for name, value in dataclasses.asdict(self.asked).items() if value is not None}

    def plan(self, sizing: Sizing, record: Record, note: Callable[[str], None]) -> Planner:
        known, now = record.settings.get(KEY), self.asked.identity
        if known is None and record.trials:
            raise ConfigError(f"The study '{record.name}' is a search, not one of scaling. Choose another --name.")
        changed = [f"{name} was {known[name]!r}, now {value!r}" for name, value in now.items() if known is not None and known.get(name) != value]
        if changed:
            raise ConfigError(
                f"The study '{record.name}' was begun otherwise: {'; '.join(changed)}. Choose another --name, or what it began with; "
                "how far to scale may change."
            )
        record.keep(KEY, now)
        epochs = UNHURRIED_EPOCHS * 2 if self.asked.epochs is None else self.asked.epochs
        metric = Measure.of(str((record.settings.get(IDENTITY_KEY) or {}).get("metric", "")), record.settings.get(DATA) or {})
        self.planner = ScalePlanner(sizing, Referee(), epochs, plan=self.asked, metric=metric)
        return self.planner

    def conclude(self, record: Record, folder: StudyFolder) -> Sequence[Path]:
        if self.planner is None:
            return ()
        self.report = report(self.planner, record.trials)
        chosen = self.report.coefficients
        if self.report.grid:
            record.keep(COEFFICIENTS, {"architecture": self.asked.architecture, "alpha": chosen.alpha, "beta": chosen.beta, "gamma": chosen.gamma})
        return write(self.report, folder.folder, self.planner.metric)
