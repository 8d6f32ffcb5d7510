"""`automl-cnn studies compare`: compare studies side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from automl_cnn.cli import completions
from automl_cnn.cli.console import Text, console, value, write_json
from automl_cnn.cli.dashboard import STORE, InStore
from automl_cnn.cli.tables import Json
from automl_cnn.errors import ConfigError
from automl_cnn.judged import metric_name
from automl_cnn.measure import amount, with_interval
from automl_cnn.quantities import clock, compact
from automl_cnn.store import Store

if TYPE_CHECKING:
    from automl_cnn.study.stored.compare import Comparison, Difference
    from automl_cnn.study.stored.overview import Overview


def compare(
    names: Annotated[list[str], typer.Argument(help="Two studies or more.", show_default=False, autocompletion=completions.studies)],
    store: InStore = STORE,
    as_json: Json = False,
) -> None:
    """Compare studies: scores with intervals, whether their difference is significant, and the differences between the best networks."""
    from automl_cnn.study.stored import overview
    from automl_cnn.study.stored.compare import compare as compare_studies

    chosen = list(dict.fromkeys(names))
    if len(chosen) < 2:
        raise ConfigError(f"There is nothing to compare '{chosen[0]}' with. Name two studies or more: automl-cnn studies compare A B")
    studies = [overview.overview(Store(store), name) for name in chosen]
    comparison = compare_studies(studies)
    if as_json:
        write_json({"studies": [study.as_dict() for study in studies], **comparison.as_dict()})
    else:
        _print(console(), studies, comparison)


def _print(screen: Console, studies: list[Overview], comparison: Comparison) -> None:
    screen.print(_table(studies, {head: [_cell(study, head) for study in studies] for head in HEADS}, head=True))
    if comparison.configuration:
        screen.print(Text("\nwhat differs between the best trials", style="bold"))
        shown = {key: ["-" if given is None else value(given) for given in values] for key, values in comparison.configuration.items()}
        screen.print(_table(studies, shown, head=False))
    if comparison.warnings:
        screen.print()
        for warning in (*comparison.warnings, "So their scores do not compare."):
            screen.print(Text(warning, style="yellow"), soft_wrap=True)
    if comparison.differences:
        screen.print(Text("\nby more than chance?", style="bold"))
        for difference in comparison.differences:
            screen.print(Text(_sentence(difference, studies[0].metric), style="green" if difference.more_than_chance else ""), soft_wrap=True)
        screen.print(Text(comparison.method, style="dim"), soft_wrap=True)


HEADS = ("state", "data", "images", "fingerprint", "metric", "validation", "test", "network", "params", "mult-adds", "trials", "time")


def _cell(study: Overview, head: str) -> str:
    best, test = study.best, study.test
    match head:
        case "state":
            return str(study.state)
        case "data":
            return str(study.data.get("name", "-"))
        case "images":
            return "-" if study.images is None else f"{study.images:,}"
        case "fingerprint":
            return str(study.data.get("fingerprint", "-"))[:8]
        case "metric":
            return metric_name(study.metric)
        case "validation":
            if best is None or best.score is None:
                return "-"
            return f"{with_interval(study.metric, best.score, best.interval)}{f', {best.judged}' if best.folds else ''}"
        case "test":
            return with_interval(study.metric, *test) if test else "-"
        case "network":
            return str(best.configuration.get("architecture", "-")) if best else "-"
        case "params":
            return compact(best.params if best else None)
        case "mult-adds":
            return compact(best.mult_adds if best else None)
        case "trials":
            return f"{study.done}" + (f" +{study.failed} failed" if study.failed else "")
        case _:
            return clock(study.seconds)


def _table(studies: list[Overview], rows: dict[str, list[str]], *, head: bool) -> Table:
    table = Table(box=None, show_header=head, header_style="bold cyan", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", style="dim", no_wrap=True)
    for study in studies:
        table.add_column(study.name, overflow="fold")
    for label, cells in rows.items():
        table.add_row(f"  {label}", *map(Text, cells))
    return table


def _sentence(difference: Difference, metric: str) -> str:
    span = f" (95 % interval {difference.interval[0]:+.3f} to {difference.interval[1]:+.3f})" if difference.interval else ""  # only of shares
    verdict = "more than chance" if difference.more_than_chance else "not shown to be more than chance"
    return f"  {difference.better} is {amount(metric, difference.difference)} ahead of {difference.other}{span}: {verdict}"
