"""What a search found, and what to type next."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from automl_cnn.cli.board import leaderboard
from automl_cnn.cli.console import clock, compact, plural, value, with_interval
from automl_cnn.cli.dashboard import STORE
from automl_cnn.records import StudyResult

ENDED = {
    "budget": "the budget is used",
    "trials": "all trials are done",
    "user": "you stopped it; the same command goes on",
    "exhausted": "every trial failed in a row",
}


def print_summary(screen: Console, result: StudyResult, store: Path, *, mlflow: bool = True) -> None:
    """Print the winner, its scores, its configuration, where it is, and the next commands."""
    for part in _parts(result, store, screen.width, mlflow=mlflow):
        screen.print(part, soft_wrap=isinstance(part, Text))  # a path is never broken


def _parts(result: StudyResult, store: Path, width: int, *, mlflow: bool) -> list[RenderableType]:
    architecture = result.configuration["architecture"]
    parts: list[RenderableType] = []
    if result.leaderboard:
        parts += [Text(), leaderboard(result.leaderboard, width)]
    parts += [
        Text(),
        Rule(Text(f"{result.study}", style="bold"), style="dim"),
        _fact(
            "winner", f"{architecture} (trial {result.trial} of {result.trials}), {compact(result.params)} parameters, {compact(result.mult_adds)} mult-adds"
        ),
        _fact("validation", f"{result.metric} {with_interval(result.val_score, result.val_interval)}"),
    ]
    if result.test_score is not None:
        parts.append(_fact("test", f"{result.metric} {with_interval(result.test_score, result.test_interval)}, on images never looked at before", "bold green"))
    parts += [
        _fact("model", result.model_path),
        _fact("ended", f"{ENDED.get(result.stopped_by, result.stopped_by)}; {plural(result.trials, 'trial')} in {clock(result.seconds)}"),
        *(_fact("note", note, "yellow") for note in result.notes),
        Text(),
        Text("configuration", style="bold"),
        _configuration(result),
        Text(),
        Text("next", style="bold"),
        _commands(result, store, mlflow=mlflow),
    ]
    return parts


def _fact(label: str, words: str, style: str = "") -> Text:
    return Text.assemble((f"{label:<12}", "dim"), (words, style))


def _configuration(result: StudyResult) -> Table:
    """Names and values, two pairs a line, read down."""
    pairs = [(name, value(given)) for name, given in result.configuration.items()]
    half = (len(pairs) + 1) // 2
    grid = Table.grid(padding=(0, 2))
    for style in ("cyan", "", "cyan", ""):
        grid.add_column(style=style, overflow="fold")
    for index in range(half):
        left, right = pairs[index], pairs[index + half] if index + half < len(pairs) else ("", "")
        grid.add_row(f"  {left[0]}", left[1], right[0], right[1])
    return grid


def _commands(result: StudyResult, store: Path, *, mlflow: bool) -> Group:
    """Commands that work as they stand, whatever the names."""
    name = shlex.quote(result.study)
    place = "" if store == STORE else f" --store {shlex.quote(str(store))}"
    commands = [(f"automl-cnn predict {name} photo.jpg{place}", "label images")]
    if mlflow:
        commands.append((f"automl-cnn dashboard{place}", "browse every trial"))
    commands.append((f"automl-cnn export {name} --out exported{place}", "the files to deploy"))
    longest = max(len(command) for command, _ in commands)
    return Group(*(Text.assemble("  ", (command.ljust(longest), "cyan"), (f"   {purpose}", "dim")) for command, purpose in commands))
