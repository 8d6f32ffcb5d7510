"""The summary at the end of a search, and the commands to use next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table

from automl_cnn.cli.board import leaderboard
from automl_cnn.cli.console import Text, plural, value
from automl_cnn.cli.dashboard import STORE
from automl_cnn.cli.front import front_table, models_line
from automl_cnn.judged import cuts, kind, looked_at, metric_name, over, within
from automl_cnn.measure import of_result, spelled, with_interval
from automl_cnn.quantities import clock, compact
from automl_cnn.records import MAJORITY_CLASS, Calibration, State, StudyResult
from automl_cnn.scored import ahead, folded
from automl_cnn.tasks import words_for
from automl_cnn.text import inline
from automl_cnn.transfer import name_of

if TYPE_CHECKING:
    from automl_cnn.diagnosis import Context

ENDED = {
    "budget": "no further trial fits into the budget; the same command with a larger --budget goes on",
    "trials": "all trials are done",
    "user": "you stopped it; the same command goes on",
    "exhausted": "the last trials all failed",
    "disk": "no room was left on the disk, or within --max-disk; the same command goes on",
}


def print_summary(screen: Console, result: StudyResult, store: Path, *, mlflow: bool = True, known: Context | None = None) -> None:
    """Print the winner, its scores, its configuration, the path of its model, and the next commands."""
    for part in _parts(result, store, screen.width, mlflow=mlflow, known=known):
        screen.print(part, soft_wrap=isinstance(part, Text))  # a path is never broken


def _parts(result: StudyResult, store: Path, width: int, *, mlflow: bool, known: Context | None) -> list[RenderableType]:
    parts: list[RenderableType] = []
    measure = of_result(result)
    metric = metric_name(measure)
    if result.leaderboard:
        parts += [Text(), leaderboard(result.leaderboard, width, known=known, objectives=result.objectives, metric=measure)]
    parts += [
        Text(),
        Rule(Text(f"{result.study}", style="bold"), style="dim"),
        _winner(result),
        *(fact("warning", text, "yellow") for text in result.caveats),
        fact("validation", f"{metric} {with_interval(measure, result.val_score, result.val_interval)}{crossed(result.folds)}"),
        *_ahead(result),
    ]
    if result.test_score is not None:
        unseen = "" if any("test images are copies" in text for text in result.caveats) else f", on images {looked_at(result.tested)}"
        parts.append(fact("test", f"{metric} {with_interval(measure, result.test_score, result.test_interval)}{unseen}", "bold green"))
    parts += [fact("intervals" if not number else "", line) for number, line in enumerate(within(result.per_label, result.targets))]
    if result.cross_validation is not None:
        parts.append(fact("folds", folded(result.cross_validation, measure)))
    if result.refit is not None:
        parts.append(fact("refit", result.refit.sentence))
    if result.members:
        parts.append(fact("ensemble", f"{_members(result)}: together better than the best of them alone"))
    if result.baseline is not None:
        parts.append(fact("baseline", f"{metric} {spelled(measure, result.baseline)}, for {words_for(result.task).same}"))
    calibration = result.calibration
    if calibration is not None:
        parts += [fact("calibration", _calibration(calibration))] if not result.targets else []
        parts += [fact("thresholds", line) for line in [cuts(calibration)] if line]
    parts += [
        fact("model", result.model_path),
        *(fact("report", str(page)) for page in [Path(result.model_path).parent.parent / "report.html"] if page.is_file()),
        fact("ended", f"{ENDED.get(result.stopped_by, result.stopped_by)}; {plural(result.trials, 'trial')}{_failed(result)} in {clock(result.seconds)}"),
        *(fact("workers", used.sentence) for used in [result.workers] if used is not None and used.count > 1),
        *(fact("note", note, "yellow") for note in result.notes if note not in result.caveats),
        Text(),
        *_front(result),
        Text("configuration", style="bold"),
        pairs(switched_on(result.configuration)),
        Text(),
        Text("next", style="bold"),
        _commands(result, store, mlflow=mlflow),
    ]
    return parts


def _failed(result: StudyResult) -> str:
    """The number of failed trials in parentheses; "" if there are none."""
    count = sum(trial.state is State.FAILED for trial in result.leaderboard)
    return f" ({count:,} failed)" if count else ""


def _winner(result: StudyResult) -> Text:
    if result.configuration.get("architecture") == MAJORITY_CLASS:
        return fact(
            "winner", f"none: no network could be trained in time. The model answers {words_for(result.task).usual} for every image: raise --budget", "yellow"
        )
    return fact(
        "winner",
        f"{name_of(result.configuration)} (trial {result.trial} of {result.trials}), "
        f"{compact(result.params)} parameters, {compact(result.mult_adds)} mult-adds",
    )


def crossed(folds: int) -> str:
    """The text after a score that says how it was measured, if not on the validation images."""
    return f", by {kind(folds)} over {over(folds)}" if folds else ""


def _ahead(result: StudyResult) -> list[Text]:
    """A trial with a higher score that is not the winner, and why."""
    winner = next((trial for trial in result.leaderboard if trial.number == result.trial), None)
    if winner is None or winner.is_majority or result.members or result.objectives:
        return []
    return [fact("chance", sentence) for sentence in [ahead(result.leaderboard, winner, of_result(result))] if sentence]


def _calibration(calibration: Calibration) -> str:
    if calibration.temperature != 1:
        off = f"confidence was off by {calibration.error:.3f} on average, now by {calibration.error_after:.3f}"
        return f"{off} (temperature {calibration.temperature:.2f})"
    instead = f"; scaled, it would be off by {calibration.held_out_error:.3f} on held-out images" if calibration.held_out_error is not None else ""
    return f"not needed: confidence is off by {calibration.error:.3f} on average{instead}"


def _members(result: StudyResult) -> str:
    """The members of the ensemble, and their shares."""
    return ", ".join(f"trial {number} ({share:.0%})" for number, share in result.members.items())


def _front(result: StudyResult) -> list[RenderableType]:
    """The Pareto front and the folder of its models; empty if there was one objective."""
    if not result.front:
        return []
    folder = Path(result.model_path).parent.parent / "trials"
    return [Text("Pareto front", style="bold"), front_table(result.table, of_result(result)), models_line(folder, result.table), Text()]


def fact(label: str, words: str, style: str = "") -> Text:
    """A line with its label in front."""
    return Text.assemble((f"{label:<12}", "dim"), (inline(words), style))


def switched_on(configuration: Mapping[str, object]) -> dict[str, object]:
    """The configuration without the regularizers that are off."""
    return {name: given for name, given in configuration.items() if not (name.startswith("regularizer.") and given is False)}


def pairs(values: Mapping[str, object]) -> Table:
    """Names and values in two columns."""
    cells = [(name, value(given)) for name, given in values.items()]
    half = (len(cells) + 1) // 2
    grid = Table.grid(padding=(0, 2))
    for style in ("cyan", "", "cyan", ""):
        grid.add_column(style=style, overflow="fold")
    for index in range(half):
        left, right = cells[index], cells[index + half] if index + half < len(cells) else ("", "")
        grid.add_row(f"  {left[0]}", left[1], right[0], right[1])
    return grid


def _commands(result: StudyResult, store: Path, *, mlflow: bool) -> Group:
    commands = [("predict", "photo.jpg", words_for(result.task).predicts), ("export", "--out exported", "the files to deploy")]
    if mlflow:
        commands.insert(1, ("dashboard", "", "browse every trial"))
    return next_commands(result.study, store, commands)


def next_commands(study: str, store: Path, commands: Sequence[tuple[str, str, str]]) -> Group:
    """Commands that can be copied: names are quoted. Each of `commands` is an action, the arguments after the study's name, and a purpose."""
    place = "" if store == STORE else f" --store {shlex.quote(str(store))}"
    lines = []
    for command, rest, purpose in commands:
        name = "" if command == "dashboard" else f" {shlex.quote(study)}"
        lines.append((f"automl-cnn {command}{name}{rest and f' {rest}'}{place}", purpose))
    longest = max(len(line) for line, _ in lines)
    return Group(*(Text.assemble("  ", (line.ljust(longest), "cyan"), (f"   {purpose}", "dim")) for line, purpose in lines))
