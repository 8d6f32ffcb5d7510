"""Prediction errors, where images have numbers, instead of a confusion matrix: a table, and true values against predictions in charts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from automl_cnn.by_number import figures_of, points_of
from automl_cnn.dataset_summary import images_in, targets_of, task_of
from automl_cnn.facts import Facts
from automl_cnn.judged import metric_name, rows_by_number
from automl_cnn.measure import spelled
from automl_cnn.report import charts
from automl_cnn.report.numbers import percent
from automl_cnn.report.parts import Numbers, Scattered, Tile
from automl_cnn.tasks import Target
from automl_cnn.tasks.regression import TARGETS

SHOWN = 4  # numbers whose charts are shown at once; the others behind a fold
BRIEF = 8  # signs of a unit in large print
SURE = 2.0  # standard errors from which a mean error is named


def numbers(facts: Facts) -> Numbers | None:
    """Each number in figures and charts; None for classes and labels, or where no image was examined."""
    task, targets = task_of(facts.data), targets_of(facts.data)
    if task.probable:
        return None
    figures, split = figures_of(facts)
    points, drawn = points_of(facts)
    if not figures and not points:
        return None
    total = images_in(facts.data, "test" if drawn == "test" else "val")
    each = tuple(_scattered(target, pairs, figures.get(target.name) or {}, drawn, total) for target, pairs in zip(targets, points, strict=False) if pairs)
    rows = tuple(rows_by_number(figures, facts.data.get(TARGETS) or ())) if figures else ()
    return Numbers(split, task.words.heading, task.words.head, rows, drawn, each[:SHOWN], each[SHOWN:])


def number_tiles(facts: Facts) -> list[Tile]:
    """Large print: the errors of one number, or the RMSE of each of several; and the error of predicting the mean. Empty for classes and labels."""
    figures, split = figures_of(facts)
    known = [(target, figures[target.name]) for target in targets_of(facts.data) if target.name in figures]
    if not known:
        return []
    if len(known) == 1:
        (target, one), *_ = known
        errors = [Tile(f"{metric_name(name)}, {split}", target.shown(one[name] or 0.0)) for name in ("rmse", "mae") if name != facts.metric]
        tiles = errors + ([Tile(f"R², {split}", f"{one['r2'] or 0.0:.3f}")] if facts.metric != "r2" else [])
    else:
        tiles = [
            Tile(f"{target.name}: RMSE, {split}", target.shown(one["rmse"] or 0.0), f"MAE {target.shown(one['mae'] or 0.0)}, R² {one['r2'] or 0.0:.3f}")
            for target, one in known[:SHOWN]
        ]
    baseline = (facts.result or {}).get("baseline")
    return tiles if baseline is None else [*tiles, score_tile(facts.metric, f"{metric_name(facts.metric)}, always predicting the mean", float(baseline))]


def score_tile(metric: str, label: str, score: float, note: str = "") -> Tile:
    """A score in large print; a long unit is below it."""
    unit = getattr(metric, "unit", "")
    if len(unit) <= BRIEF:
        return Tile(label, spelled(metric, score), note)
    return Tile(label, spelled(metric, score, unit=False), ", ".join(filter(None, (unit, note))))


def _scattered(target: Target, pairs: tuple[tuple[float, float], ...], known: Mapping[str, float | None], split: str, total: int) -> Scattered:
    """The charts of one number, and what they show in a sentence; `total` is how many images the split has."""
    half, unit = known.get("half_width"), f" ({target.unit})" if target.unit else ""
    sentence = _sentence(target, pairs, half)
    if len(pairs) < total:
        sentence = f"{len(pairs):,} of the {total:,} {split} images, drawn at random. {sentence}"
    what = f"{target.name} of {len(pairs)} {split} images. {sentence}"
    return Scattered(
        target.title,
        sentence,
        charts.agreement(f"Predictions against true values: {what}", pairs, (f"true value{unit}", f"prediction{unit}"), half, target.digits),
        charts.errors(f"Errors against true values: {what}", pairs, (f"true value{unit}", f"prediction minus true value{unit}"), half, target.digits),
        half is not None,
    )


def _sentence(target: Target, pairs: tuple[tuple[float, float], ...], half: float | None) -> str:
    off = np.array([answer - truth for truth, answer in pairs])
    parts = []
    if half is not None:
        inside = float(np.mean(np.abs(off) <= half))
        parts.append(f"Of these true values, {percent(inside)} lie within ± {target.shown(half)} of the prediction; 90\u00a0% were expected.")
    parts.append(f"The largest error is {target.shown(float(np.abs(off).max()))}.")
    mean, spread = float(off.mean()), float(off.std(ddof=1)) / len(off) ** 0.5 if len(off) > 1 else 0.0
    if spread and abs(mean) > SURE * spread:
        parts.append(f"Predictions are too {'high' if mean > 0 else 'low'} by {target.shown(abs(mean))} on average.")
    return " ".join(parts)
