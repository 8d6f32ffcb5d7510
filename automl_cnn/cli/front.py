"""The Pareto front of a study with several objectives: its table, and its models by the number of their trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from automl_cnn.cli.console import Text
from automl_cnn.errors import StoreError
from automl_cnn.judged import metric_name
from automl_cnn.measure import with_margin
from automl_cnn.quantities import bytes_, compact
from automl_cnn.store import Store

WINNER = "winner"
OfTrial = Annotated[int | None, typer.Option("--trial", min=0, help="Use this trial's model instead of the winner's. The trial must be on the Pareto front.")]


def front_table(rows: Sequence[Mapping[str, Any]], metric: str) -> Table:
    """A line for each trial of the front, the highest score first; the winner is highlighted."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for head in ("trial", "network", f"{metric_name(metric)} (95 % interval)", "ms, 1 image", "mult-adds", "params", "size", ""):
        table.add_column(head, justify="left" if head in ("network", "") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row, metric), style="bold" if row["winner"] else "")
    return table


def models_line(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Text:
    """The folder of the front's models, and the commands that use them."""
    return Text(f"Their models are in {folder}. Select one in `export` and `predict` with --trial, for example --trial {rows[-1]['trial']}.", style="dim")


def model_of_trial(study: str | None, trial: int, store: Path) -> Path:
    """The model file of one trial of a study (None: the study last worked on).

    Raises:
        StoreError: the trial's model is not kept; the message lists the models that are.
    """
    from automl_cnn.modelfile.file import read_card

    study_folder = Store(store).find(study) if study else Store(store).latest_study()
    kept: dict[int, Path] = {}
    for path in sorted((study_folder.folder / "trials").glob("trial-*.keras")):
        try:
            kept[int(read_card(path)["trial"])] = path
        except (StoreError, KeyError):  # its training may still continue: do not use it
            continue
    if trial not in kept:
        there = f"Kept are those of trials {', '.join(map(str, kept))}" if kept else "None is: only --objective accuracy,latency and the like give a front"
        raise StoreError(
            f"The study '{study_folder.name}' keeps no model of trial {trial}: it is not on the Pareto front. {there}; the winner's needs no --trial."
        )
    return kept[trial]


def _cells(row: Mapping[str, Any], metric: str) -> tuple[str, ...]:
    interval = None if row["low"] is None else (row["low"], row["high"])
    return (
        str(row["trial"]),
        row["network"],
        with_margin(metric, row["score"], interval),
        "-" if row["latency_ms"] is None else f"{row['latency_ms']:.2f}",
        compact(row["mult_adds"]),
        compact(row["params"]),
        "-" if row["bytes"] is None else f"about {bytes_(row['bytes'])}",
        WINNER if row["winner"] else "",
    )
