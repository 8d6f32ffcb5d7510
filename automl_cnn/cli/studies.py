"""`automl-cnn studies`: list the studies so far, resume one, or delete it."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.measure import Measurement
from rich.table import Table

from automl_cnn.cli.console import Text, console, plural, say, write_json
from automl_cnn.cli.dashboard import STORE, InStorage, InStore, database_option
from automl_cnn.cli.search import go
from automl_cnn.cli.studies_compare import compare
from automl_cnn.cli.studies_show import COLOURS, show
from automl_cnn.cli.tables import Json, StudyName
from automl_cnn.errors import ConfigError
from automl_cnn.judged import metric_name
from automl_cnn.measure import with_margin
from automl_cnn.quantities import bytes_, clock
from automl_cnn.store import Store
from automl_cnn.text import visible

if TYPE_CHECKING:
    from automl_cnn.study.stored.overview import Overview

NUMBERS = ("images", "trials", "size")
DISPENSABLE = ("size", "images", "metric", "data", "time")  # columns left out for lack of room, in this order

app = typer.Typer(help="The studies so far: list, show, resume, delete, compare.")


@app.callback(invoke_without_command=True)
def _bare(context: typer.Context, store: InStore = STORE, storage: InStorage = None, as_json: Json = False) -> None:
    if context.invoked_subcommand is None:
        list_(store, storage, as_json)
    elif store != STORE or storage or as_json:
        raise ConfigError(f"Put the options of `studies {context.invoked_subcommand}` after it: automl-cnn studies {context.invoked_subcommand} --help.")


@app.command("list")
def list_(store: InStore = STORE, storage: InStorage = None, as_json: Json = False) -> None:
    """List every study, the one last worked on first."""
    from automl_cnn.study.stored.overview import overviews

    database = database_option(storage)
    studies = overviews(Store(store), database)
    if as_json:
        write_json([study.as_dict() for study in studies])
        return
    if not studies:
        begin = f"Begin one with: automl-cnn search --data FOLDER{' --storage URL' if database else ''}"
        say(f"There is no study in {f'the database {database}' if database else f'the store {store}'} yet. {begin}")
        return
    screen = console()
    made = _table(studies)
    for column in DISPENSABLE if screen.is_terminal else ():
        if Measurement.get(screen, screen.options.update(max_width=1000), made).maximum <= screen.width:
            break
        made = _table(studies, DISPENSABLE[: DISPENSABLE.index(column) + 1])
    if not screen.is_terminal:  # a line is a line in a file or pipe
        screen.width = max(screen.width, Measurement.get(screen, screen.options.update(max_width=1000), made).maximum)
    screen.print(made)
    for why in dict.fromkeys(study.why for study in studies if study.why):
        say(f"note: {why}")


@app.command("resume")
def resume(
    *,
    name: StudyName,
    budget: Annotated[str | None, typer.Option(help="Additional time: 10m is ten more minutes (default: the rest of the budget).")] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="The number of trials to add. If only one of --budget and --trials is given, only that one limits the search.")
    ] = None,
    workers: Annotated[str | None, typer.Option(help="The number of trials at a time, if it should change: auto, or a number such as 2.")] = None,
    data: Annotated[str | None, typer.Option(help="Where the images are now, if they have moved.", show_default=False)] = None,
    store: InStore = STORE,
    as_json: Json = False,
    mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="Keep the runs in MLflow.")] = True,
) -> None:
    """Continue a study with the settings that it was started with.

    automl-cnn studies resume flowers --budget 10m
    """
    from automl_cnn.study.stored.overview import overview

    where = Store(store)
    go(overview(where, name).continued(where, budget=budget, trials=trials, data=data, workers=workers), as_json=as_json, mlflow=mlflow)


@app.command("delete")
def delete(
    name: StudyName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without confirmation.")] = False,
    store: InStore = STORE,
) -> None:
    """Delete a study: its model and files, its record, and its runs and model in MLflow. The cache of images stays."""
    from automl_cnn.study.stored.overview import overview

    study = overview(Store(store), name)
    if not yes:
        if not _terminal():
            raise ConfigError(f"There is no terminal to confirm that the study '{name}' should be deleted. Pass --yes to delete it without confirmation.")
        best = f", best {metric_name(study.metric)} {with_margin(study.metric, study.best.score, study.best.interval)}" if study.best else ""
        if not typer.confirm(visible(f"Delete the study '{name}' ({plural(len(study.trials), 'trial')}{best}) and its model in {study.folder.folder}?")):
            say("Nothing was deleted.")
            return
    from automl_cnn.study.stored.delete import delete as delete_study

    freed, note = delete_study(Store(store), name)
    say(f"Deleted the study '{name}': {bytes_(freed)} freed.")
    if note:
        say(f"note: {note}")


def _terminal() -> bool:
    return sys.stdin.isatty()


def _table(studies: tuple[Overview, ...], without: tuple[str, ...] = ()) -> Table:
    rows = [{head: cell for head, cell in _cells(study).items() if head not in without} for study in studies]
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for head in rows[0]:
        table.add_column(head, justify="right" if head in NUMBERS else "left", style="cyan" if head == "study" else None, overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    return table


def _cells(study: Overview) -> dict[str, Text]:
    best, test = study.best, study.test
    words = {
        "study": repr(study.name) if study.refused else study.name,
        "state": str(study.state),
        "data": str(study.data.get("name") or Path(str(study.settings.get("data", "-"))).name),
        "images": "-" if study.images is None else f"{study.images:,}",
        "trials": f"{study.done}" + (f" +{study.failed} failed" if study.failed else ""),
        "metric": study.metric,
        "best": with_margin(study.metric, best.score, best.interval) if best else "-",
        "test": with_margin(study.metric, *test) if test else "-",
        "time": clock(study.seconds) + (f" of {clock(study.budget)}" if study.budget else ""),
        "worked on": f"{datetime.datetime.fromtimestamp(study.touched):%Y-%m-%d %H:%M}",
        "size": bytes_(study.folder.size),
    }
    return {head: Text(cell, style=COLOURS[cell] if head == "state" else "") for head, cell in words.items()}


app.command("show")(show)
app.command("compare")(compare)
