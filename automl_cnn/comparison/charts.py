"""The plot of a comparison: its first measure with 95 % intervals, a panel for each image set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automl_cnn.comparison.results import FIXED, LOWER, Results, Score
from automl_cnn.comparison.table import MEASURES, Measure, Network
from automl_cnn.comparison.words import NAMES
from automl_cnn.quantities import compact

COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")  # Paul Tol's, which color-blind people can distinguish
MARKERS = "osD^vPX"
PANEL, HEIGHT, DPI = 4.6, 3.6, 120
LETTER, FREE = 0.075, 12  # inches that a letter of a longer name takes, beyond as many as a panel has room for


def plot(results: Results, file: Path) -> Path:
    """Draw the results and write them as a picture; the file."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(asked.name for asked in results.comparison.sets if any(row.set == asked.name for row in results.rows)))
    lines = any(len(_networks(results, name, series)) > 1 for name in names for series in results.comparison.series)
    rows = max(1, len(results.comparison.series))
    labels = 0.0 if lines else LETTER * max(0, max(map(len, results.comparison.series)) - FREE)
    figure = Figure(figsize=((PANEL + labels) * max(1, len(names)) + 0.6, HEIGHT if lines else max(1.8, 0.42 * rows + 1.2)), layout="constrained")
    panels = figure.subplots(1, max(1, len(names)), squeeze=False)[0]
    for panel, name in zip(panels, names, strict=False):
        (_lines if lines else _dots)(panel, results, name)
        panel.set_title(name, fontsize=11)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="both" if lines else "x", alpha=0.25)
    if lines and len(results.comparison.series) > 1:
        panels[0].legend(fontsize=9, frameon=False)
    figure.suptitle(results.comparison.title, fontsize=12, fontweight="bold")
    figure.savefig(file, dpi=DPI)
    return file


def _networks(results: Results, name: str, series: str) -> list[Network]:
    return [network for network in results.comparison.networks if network.images.name == name and network.series == series]


def _measured(results: Results, network: Network, measure: Measure) -> Score | None:
    return results.score(network.images.name, network.series, network.point, measure)


def _lines(panel: Any, results: Results, name: str) -> None:
    """A line for each of the compared, along what else is varied."""
    comparison, first = results.comparison, results.comparison.measures[0]
    by_measure = comparison.axis in MEASURES
    places: list[float] = []
    for number, series in enumerate(comparison.series):
        points = []
        for index, network in enumerate(_networks(results, name, series)):
            score = _measured(results, network, first)
            axis = _measured(results, network, comparison.axis) if by_measure else None  # type: ignore[arg-type]  # one of MEASURES, as just asked
            at = axis.mean if axis is not None else network.at if network.at is not None else float(network.images.train or index)
            if score is not None:
                points.append((at, score))
        points.sort(key=lambda point: point[0])
        places += [at for at, _ in points]
        halves = [score.half or 0.0 for _, score in points]
        style = {"color": COLORS[number % len(COLORS)], "marker": MARKERS[number % len(MARKERS)], "markersize": 5, "capsize": 3, "label": series}
        panel.errorbar([at for at, _ in points], [score.mean for _, score in points], yerr=halves, **style)
    if places and min(places) > 0 and max(places) / min(places) >= 8:
        panel.set_xscale("log")
        if len(set(places)) <= 8 and not by_measure:
            panel.set_xticks(sorted(set(places)), [f"{at:g}" for at in sorted(set(places))])
            panel.minorticks_off()
    if by_measure and comparison.axis in FIXED:
        panel.xaxis.set_major_formatter(lambda value, _: compact(round(value)))
    panel.set_xlabel(NAMES[comparison.axis] if by_measure else comparison.axis)  # type: ignore[index]  # one of MEASURES
    panel.set_ylabel(_label(first))


def _dots(panel: Any, results: Results, name: str) -> None:
    """A dot for each of the compared, with its number of images where that differs."""
    first = results.comparison.measures[0]
    images = {network.series: network.images.train for network in results.comparison.networks if network.images.name == name}
    several = len(set(images.values())) > 1
    scores = {network.series: _measured(results, network, first) for network in results.comparison.networks if network.images.name == name}
    named = {series: f"{series} ({images[series]:,})" if several and images[series] else series for series in scores}
    shown = {named[series]: score for series, score in scores.items() if score is not None}
    dots(panel, shown, first, reference=named.get(results.comparison.reference))


def dots(panel: Any, scores: Mapping[str, Score], measure: Measure, *, reference: str | None = None) -> None:
    """A dot with its interval for each name, the first at the top; the `reference` has a color of its own."""
    for number, (name, score) in enumerate(scores.items()):
        color = COLORS[0] if reference is None or name == reference else COLORS[1]
        panel.errorbar([score.mean], [len(scores) - number], xerr=[score.half or 0.0], fmt="o", color=color, capsize=3)
    panel.set_yticks([len(scores) - number for number in range(len(scores))], list(scores))
    panel.set_ylim(0.4, len(scores) + 0.6)
    panel.set_xlabel(_label(measure))


def _label(measure: Measure) -> str:
    return f"{NAMES[measure]} ({'lower' if measure in LOWER else 'higher'} is better)"
