"""The errors of numbers in MLflow, in the user's unit: beside the scores, which are higher the better, and for each number by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl_cnn.measure import Measure, of_result, read
from automl_cnn.records import StudyResult

EACH = ("rmse", "mae", "r2", "spearman", "half_width", "covered")  # of a number, as `Regression.of_each` names them


def named(metric: Measure, prefix: str, score: float | None, interval: tuple[float | None, float | None] = (None, None)) -> dict[str, float | None]:
    """A score as the error that it stands for, with the ends of its interval: `best_rmse`, `best_rmse_low`, `best_rmse_high`; nothing of other metrics."""
    if metric.scale is None or score is None:
        return {}
    low, high = interval  # the lower score is the higher error
    ends = {f"{prefix}{metric}_low": high, f"{prefix}{metric}_high": low}
    return {f"{prefix}{metric}": read(metric, score), **{name: read(metric, end) for name, end in ends.items() if end is not None}}


def changed(metric: Measure, effect: Mapping[str, Any]) -> dict[str, Any]:
    """An effect as JSON has it, `mean` and `interval` as changes of the error where the metric is one."""
    if metric.scale is None:
        return dict(effect)
    span = effect["interval"]
    return {**effect, "mean": -effect["mean"] * metric.scale, "interval": None if span is None else [-end * metric.scale for end in reversed(span)]}


def of_winner(result: StudyResult) -> dict[str, float | None]:
    """`val_rmse` and `test_rmse` with their intervals; of a single number also the other errors on the images that they are known of, as in `test_mae`."""
    metric = of_result(result)
    values = named(metric, "val_", result.val_score, result.val_interval)
    values |= named(metric, "test_", result.test_score, result.test_interval or (None, None))
    split = "val" if result.test_score is None else "test"
    if len(result.targets) == 1:
        for figures in result.per_label.values():
            values |= {f"{split}_{name}": figures.get(name) for name in EACH if f"{split}_{name}" not in values}
    return values


def rows(result: StudyResult) -> list[dict[str, Any]]:
    """The table, a row for each number: its unit, errors, scores, interval and coverage."""
    units = {str(target["name"]): str(target.get("unit", "")) for target in result.targets}
    return [{"number": name, "unit": units.get(name, ""), **{kind: figures.get(kind) for kind in EACH}} for name, figures in result.per_label.items()]
