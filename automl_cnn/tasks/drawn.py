"""Tasks whose scores are those of one draw of all images, and whose intervals are those of many draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.config import Metric
from automl_cnn.tasks.draws import bootstrap
from automl_cnn.tasks.task import Task


@dataclass(frozen=True)
class Drawn(Task):
    """All scores come from `draws`."""

    def score(self, metric: Metric, truth: np.ndarray, answers: np.ndarray) -> float:
        return float(self.draws(metric, truth, answers)(np.ones((1, len(truth))))[0])

    def interval(
        self, metric: Metric, truth: np.ndarray, answers: np.ndarray, *, groups: Sequence[int] | np.ndarray = (), seed: int = 0
    ) -> tuple[float, float]:
        return bootstrap(self.draws(metric, truth, answers), len(truth), groups, seed)
