"""How scores were measured, and the notes beside them, in words: the same in terminal, report and model card. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from automl_cnn.records import Calibration, Folds, Refit, Trial, words_of
from automl_cnn.tasks import Target

Kept = TypeVar("Kept", Calibration, Folds, Refit)
HELD_OUT = "validation images"
EVERY = "training and validation images"
NAMES = {"rmse": "RMSE", "mae": "MAE", "r2": "R²"}


def metric_name(metric: str) -> str:
    """A metric as people write it: `mean average precision`, `RMSE`."""
    return NAMES.get(metric, metric.replace("_", " "))


def cuts(calibration: Calibration | None) -> str:
    """The thresholds of several labels and what they do, in a line; empty where answers need none."""
    if calibration is None or not calibration.thresholds:
        return ""
    low, high = min(calibration.thresholds), max(calibration.thresholds)
    chosen, half = calibration.f1 or 0.0, calibration.f1_at_half or 0.0
    if not chosen and not half:
        return "0.5 for every label: there was nothing to choose other thresholds by"
    if low == high == 0.5:
        return f"0.5 for every label: others gave a macro F1 of {chosen:.3f} instead of {half:.3f} on held-out images"
    span = f"from {low:.2f} to {high:.2f}" if high - low >= 0.005 else f"{low:.2f}"
    return f"one for each label, {span}: macro F1 {chosen:.3f} instead of {half:.3f} at 0.5, on held-out images"


def within(figures: Mapping[str, Mapping[str, float | None]], targets: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each number on its errors and its prediction interval; none where images have no numbers."""
    lines = []
    for target in map(_target, targets):
        known = figures.get(target.name)
        if not known:
            continue
        half, covered = known.get("half_width"), known.get("covered")
        parts = [f"RMSE {target.shown(known['rmse'] or 0.0)}", f"MAE {target.shown(known['mae'] or 0.0)}", f"R² {known['r2'] or 0.0:.3f}"]
        if half is not None:
            parts.append(
                f"90 % of the true values are expected within ± {target.shown(half)} of a prediction{'' if covered is None else f'; {covered:.1%} were'}"
            )
        lines.append(f"{target.name}: {', '.join(parts)}")
    return lines


def rows_by_number(figures: Mapping[str, Mapping[str, float | None]], targets: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """(name and unit, RMSE, MAE, R², Spearman's correlation, half-width of the interval, share of truths within) of each number, as text."""
    rows = []
    for target in map(_target, targets):
        known = figures.get(target.name) or {}
        errors = ["-" if (error := known.get(name)) is None else target.rounded(error) for name in ("rmse", "mae")]
        scores = ["-" if (score := known.get(name)) is None else f"{score:.3f}" for name in ("r2", "spearman")]
        half, covered = known.get("half_width"), known.get("covered")
        interval = ("-" if half is None else f"± {target.rounded(half)}", "-" if covered is None else f"{100 * covered:.1f} %")
        rows.append((target.title, *errors, *scores, *interval))
    return rows


def _target(values: Mapping[str, Any]) -> Target:
    return Target(str(values["name"]), str(values.get("unit", "")), float(values["mean"]), float(values["sd"]))


def kind(folds: int) -> str:
    """`validation`, or `5-fold cross-validation`."""
    return f"{folds}-fold cross-validation" if folds else "validation"


def over(folds: int) -> str:
    """The images behind such a score: `validation images`, or `training and validation images`."""
    return EVERY if folds else HELD_OUT


def scored_splits(folds: int) -> tuple[str, ...]:
    """The splits that those images are from."""
    return ("train", "val") if folds else ("val",)


def is_crossed(trials: Iterable[Trial]) -> bool:
    """Whether any score was cross-validated."""
    return any(trial.folds and trial.score is not None for trial in trials)


def looked_at(tested: int) -> str:
    """How new the test images were, if `tested` winners of the study have been scored on them by now."""
    return "never looked at before" if tested <= 1 else f"that scored {tested - 1} earlier winner{'s' if tested > 2 else ''} of this study too"


def not_new(refit: Refit | None) -> str:
    """A warning that the score on images a model was trained on does not measure it; empty where it was trained on the training images alone."""
    learned = () if refit is None or refit.kept else tuple(split for split in refit.splits if split != "train")
    if not learned:
        return ""
    return (
        f"The model was trained on the {words_of(learned)} images too. Its score on them shows whether a file matches the original, not how good the model is."
    )


def refit_of(values: Mapping[str, Any] | None) -> Refit | None:
    """A `Refit` from a stored result or a model's card; None where there was none."""
    return _kept(Refit, values)


def calibration_of(values: Mapping[str, Any] | None) -> Calibration | None:
    """A `Calibration` from a stored result; None where there was none."""
    return _kept(Calibration, values)


def folds_of(values: Mapping[str, Any] | None) -> Folds | None:
    """A `Folds` from a stored result; None where there was none."""
    return _kept(Folds, values)


def _kept(kind: type[Kept], values: Mapping[str, Any] | None) -> Kept | None:
    """The value from JSON, without fields that this version does not know."""
    if not values:
        return None
    known = {field.name for field in dataclasses.fields(kind)}
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name in known}
    return kind(**given)
