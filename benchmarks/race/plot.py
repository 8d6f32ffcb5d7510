"""Accuracy by minute: how good a tool's best model so far is, whenever one stops it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from race.results import mean_curve, minutes

COLOURS = ("#0072B2", "#56B4E9", "#999999", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # distinguishable for the color-blind too
MARKS = "osD^vPX"


def plot(rows: Sequence[Mapping[str, str]], budget: int, folder: Path) -> list[Path]:
    """Write `race.svg` and `race.png`: a panel per image set, a line per tool (the mean over its seeds), each seed's own beneath it.

    Raises:
        ValueError: no row of that budget has an accuracy.
    """
    rows = [row for row in rows if int(row["budget"]) == budget and any(value is not None for value in minutes(row))]
    if not rows:
        raise ValueError(f"No cell with a budget of {budget} s has an accuracy to plot.")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "race"  # the same rows give the same file
    sets, tools = ([*dict.fromkeys(row[key] for row in rows)] for key in ("set", "tool"))
    figure = Figure(figsize=(1.5 + 4 * len(sets), 4.2), layout="constrained")
    panels = figure.subplots(1, len(sets), squeeze=False)[0]
    for panel, name in zip(panels, sets, strict=True):
        for number, tool in enumerate(tools):
            own = [row for row in rows if (row["set"], row["tool"]) == (name, tool)]
            if own:
                _lines(panel, own, budget, tool=tool, colour=COLOURS[number % len(COLOURS)], mark=MARKS[number % len(MARKS)])
        panel.set(title=name, xlabel="minutes", xlim=(0, budget / 60 * 1.03))
        panel.grid(alpha=0.25)
    panels[0].set_ylabel("test accuracy of the best model so far")
    handles = {label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 3 * len(sets)), frameon=False)
    paths = [folder / "race.svg", folder / "race.png"]
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(paths[0], metadata={"Date": None})
    figure.savefig(paths[1], dpi=150)
    return paths


def _lines(panel, rows: Sequence[Mapping[str, str]], budget: int, *, tool: str, colour: str, mark: str) -> None:
    seconds = [min(60 * minute, budget) / 60 for minute in range(1, -(-budget // 60) + 1)]
    gaps = [[float("nan") if value is None else value for value in curve] for curve in (mean_curve(rows), *map(minutes, rows))]
    panel.plot(seconds, gaps[0], color=colour, marker=mark, markersize=4, label=tool)
    for curve in gaps[1:] if len(rows) > 1 else []:
        panel.plot(seconds, curve, color=colour, alpha=0.25, linewidth=0.8)
