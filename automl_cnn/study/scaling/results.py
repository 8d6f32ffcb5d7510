"""What a scale study found: the grid, the coefficients, the scaled networks, what each doubling bought, and which way of scaling won."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl_cnn.measure import ahead_by, apart, heading, read, spelled
from automl_cnn.records import State, Trial
from automl_cnn.scaling import OFF, Z95, Coefficients, Scaled, growth, mean
from automl_cnn.space import Configuration
from automl_cnn.store import atomic_write_text
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.scaling.planner import ScalePlanner, gain, trainings

Interval = tuple[float, float]
LEFT_OUT = "left out: "


@dataclass(frozen=True)
class Row:
    """One network: how it was scaled, what it should and does cost in times the baseline's mult-adds, and its mean score. `note` says what is odd about it."""

    name: str
    phi: float
    depth: float
    width: float
    resolution: int
    predicted: float
    actual: float
    mult_adds: int
    score: float | None = None
    interval: Interval | None = None
    trainings: int = 0
    note: str = ""


@dataclass(frozen=True)
class Doubling:
    """From one network to the next larger: the rise of the score for each doubling of the mult-adds, and half of its 95 % interval."""

    before: str
    after: str
    doublings: float
    rise: float
    margin: float


@dataclass(frozen=True)
class ScaleReport:
    """A scale study, JSON-ready by `as_dict`. `why` tells how the coefficients were chosen, `verdict` which way of scaling won."""

    architecture: str
    epochs: int | None
    baseline: Row
    grid: tuple[Row, ...]
    coefficients: Coefficients
    why: str
    steps: tuple[Row, ...]
    doublings: tuple[Doubling, ...]
    ways: tuple[Row, ...]
    verdict: str
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @property
    def rows(self) -> tuple[tuple[str, Row], ...]:
        """Every network with the part of the study it belongs to."""
        parts = (("baseline", (self.baseline,)), ("grid", self.grid), ("phi", self.steps), ("compare", self.ways))
        return tuple((part, row) for part, rows in parts for row in rows)


def report(planner: ScalePlanner, trials: Sequence[Trial]) -> ScaleReport:
    """The study as far as it has come."""
    base = planner.base(trials, Budget(None, 0.0))
    start = planner.sizing.cost(base).mult_adds
    chosen = planner.chosen(trials, base)
    by_name: dict[str, tuple[Trial, ...]] = {}
    missing: list[str] = []

    def row(name: str, network: Scaled, note: str = "") -> Row:
        configuration = network.of(base)
        by_name[name] = known = trainings(trials, configuration)
        paid = planner.sizing.cost(configuration).mult_adds
        score, span = mean([trial.score or 0.0 for trial in known], [trial.interval for trial in known]) if known else (None, None)
        lost = "" if known else _lost(trials, configuration) or ("" if planner.sizing.allowed(configuration) else "above a limit")
        if not known and not lost and not note.startswith(LEFT_OUT):
            missing.append(name)
        note = lost or note or network.held
        sizes = (network.depth, network.width, network.resolution)
        return Row(name, network.phi, *sizes, network.predicted, paid / start, paid, score, span, len(known), note)

    here = Scaled(0.0, float(base.get("depth", 1.0)), float(base.get("width", 1.0)), int(base["resolution"]), 1.0)
    baseline = row("baseline", here)
    tried = planner.points(base) if planner.plan.coefficients is None else ()
    points = tuple(row(str(point.coefficients), point.network, point.left_out and LEFT_OUT + point.left_out) for point in tried)
    networks = planner.steps(base, chosen.coefficients)
    steps = tuple(row(f"phi {network.phi:.3g}", network, _why(planner, base, network, chosen.coefficients)) for network in networks)
    ways: tuple[Row, ...] = ()
    if planner.plan.compare and (alone := planner.ways(trials, base, chosen.coefficients)):
        largest = next(step for step in reversed(steps) if step.trainings)
        by_name["compound"] = by_name[largest.name]
        ways = (*(row(way, network) for way, network in alone.items()), dataclasses.replace(largest, name="compound"))
    bought = tuple(_bought(one, other, by_name) for one, other in zip((baseline, *steps), steps, strict=False) if one.trainings and other.trainings)
    notes = []
    reached = networks[-1].phi if networks else 0.0
    if reached < planner.asked(base, chosen.coefficients).phi and not (planner.plan.phi is planner.plan.times is None):
        notes.append(f"phi {reached:.3g} is as far as the limits allow.")
    if missing:
        notes.append(f"Not trained for lack of time: {', '.join(missing)}. The same command with a larger --budget goes on.")
    first = next((trial for trial in trials if trial.stage == "baseline" and trial.epochs), None)
    epochs = planner.plan.epochs or (first.epochs[-1].epochs if first else None)
    verdict = _verdict(ways, by_name, planner.metric)
    return ScaleReport(planner.plan.architecture, epochs, baseline, points, chosen.coefficients, chosen.why, steps, bought, ways, verdict, tuple(notes))


def _lost(trials: Sequence[Trial], configuration: Configuration) -> str:
    """What became of a network that was begun and has no whole training."""
    ended = [trial for trial in trials if trial.configuration == configuration and trial.state in (State.FAILED, State.PRUNED)]
    if not ended:
        return ""
    return "stopped: hopeless" if ended[-1].state is State.PRUNED else f"failed: {ended[-1].failure}"


def _why(planner: ScalePlanner, base: Configuration, network: Scaled, coefficients: Coefficients) -> str:
    """Why a network costs other than 2^phi."""
    if network.held:
        return network.held
    row = growth(base, [network.phi], planner.sizing.cost, coefficients, largest=planner.sizing.largest)[0]
    return row.reason if abs(row.off) > OFF else ""


def _bought(one: Row, other: Row, by_name: dict[str, tuple[Trial, ...]]) -> Doubling:
    doublings = math.log2(other.mult_adds / one.mult_adds) or math.inf
    rise, spread = gain(by_name[one.name], by_name[other.name])
    return Doubling(one.name, other.name, doublings, rise / doublings, Z95 * spread / abs(doublings))


def _verdict(ways: Sequence[Row], by_name: dict[str, tuple[Trial, ...]], metric: str) -> str:
    """Whether compound scaling wins here, in a sentence."""
    compound = next((row for row in ways if row.name == "compound" and row.score is not None), None)
    others = [row for row in ways if row.name != "compound" and row.score is not None]
    if compound is None or not others:
        return ""
    rival = max(others, key=lambda row: row.score or 0.0)
    rise, spread = gain(by_name[rival.name], by_name["compound"])
    ahead = ahead_by(metric, abs(rise), Z95 * spread)
    if abs(rise) <= Z95 * spread:
        both = f"{spelled(metric, compound.score or 0.0)} and {spelled(metric, rival.score or 0.0)}"
        outcome = f"compound scaling and {rival.name} alone cannot be distinguished here ({both}, apart by {apart(metric, abs(rise), Z95 * spread)})"
    elif rise > 0:
        outcome = f"compound scaling wins: it {ahead} than {rival.name} alone, the next best"
    else:
        outcome = f"{rival.name} alone wins: it {ahead} than compound scaling"
    dearest, cheapest = max(row.actual for row in ways), min(row.actual for row in ways)
    fair = "" if dearest / cheapest < 1 + OFF else f"; their real mult-adds differ, {cheapest:.1f} to {dearest:.1f} times the baseline's"
    return f"At {compound.actual:.1f} times the baseline's mult-adds, {outcome}{fair}."


def write(result: ScaleReport, folder: Path, metric: str = "") -> tuple[Path, ...]:
    """`scale.json`, `scale.csv` and, where Plotly is installed, `scale.html`, in a folder; `metric` says how scores read on the page."""
    files = [folder / "scale.json", folder / "scale.csv"]
    atomic_write_text(files[0], json.dumps(result.as_dict(), indent=2))
    out = io.StringIO()
    heads = [field.name for field in dataclasses.fields(Row) if field.name != "interval"]
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["part", *heads, "low", "high"])
    for part, row in result.rows:
        low, high = row.interval or ("", "")
        table.writerow([part, *(getattr(row, head) for head in heads), low, high])
    atomic_write_text(files[1], out.getvalue())
    page = _plot(result, metric)
    if page is not None:
        files.append(folder / "scale.html")
        atomic_write_text(files[-1], page)
    return tuple(files)


def _plot(result: ScaleReport, metric: str) -> str | None:
    """Score by mult-adds, with intervals, as a page of its own; None without Plotly."""
    try:
        import plotly.graph_objects as go  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional
    except ImportError:
        return None
    figure = go.Figure()
    for name, rows in (("compound", (result.baseline, *result.steps)), ("grid", result.grid), ("one dimension", result.ways[:-1])):
        known = [row for row in rows if row.score is not None]
        ends = [sorted(read(metric, end) for end in row.interval or (row.score or 0.0,)) for row in known]
        down, up = ([abs(read(metric, row.score or 0.0) - end[side]) for row, end in zip(known, ends, strict=True)] for side in (0, -1))
        figure.add_scatter(
            x=[row.mult_adds for row in known],
            y=[read(metric, row.score or 0.0) for row in known],
            text=[row.name for row in known],
            name=name,
            mode="lines+markers" if name == "compound" else "markers",
            error_y={"type": "data", "array": up, "arrayminus": down},
        )
    figure.update_layout(title=f"{result.architecture}, scaled", xaxis={"title": "mult-adds", "type": "log"}, yaxis={"title": f"validation {heading(metric)}"})
    return str(figure.to_html(include_plotlyjs=True, full_html=True))
