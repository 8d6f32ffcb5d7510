"""The panel of a running search: time, running trials, best trials. Pure functions from a `View` to a renderable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table

from automl_cnn.cli.console import Text, value
from automl_cnn.cli.words import STATES, judged_score, short
from automl_cnn.judged import EVERY, HELD_OUT, is_crossed, kind, metric_name
from automl_cnn.measure import heading, spelled, with_margin
from automl_cnn.pareto import winner
from automl_cnn.quantities import clock, compact
from automl_cnn.ranking import ranked
from automl_cnn.records import Job, State, Trial
from automl_cnn.tasks.words import MULTICLASS
from automl_cnn.transfer import name_of
from automl_cnn.workers import WAITING, Place

if TYPE_CHECKING:
    from automl_cnn.diagnosis import Context

SHOWN = 8  # trials on the leaderboard
IN_FULL = 4  # up to this number of workers, each has two lines; of more workers, each has one
ROOMY = 100  # columns from which on nothing is abbreviated
CROSSED = "†"  # stands between a cross-validated score and its margin
NARROW = {"trial": "no.", "mult-adds": "mult-\nadds"}  # shorter column heads for narrow terminals
COLOURS = {State.COMPLETE: "green", State.STOPPED: "yellow", State.PRUNED: "dim", State.FAILED: "red", State.RUNNING: "cyan"}


@dataclass
class Running:
    """A running trial: it started at `began` on the clock of the view, and has run for `seconds`; `done` is the share of its planned epochs."""

    number: int
    job: Job
    began: float = 0.0
    seconds: float = 0.0
    epoch: int = 0
    epochs: int = 0
    done: float = 0.0
    score: float | None = None
    params: int | None = None
    mult_adds: int | None = None
    place: Place | None = None


@dataclass
class View:
    """The data that the panel shows."""

    title: str
    metric: str
    elapsed: float = 0.0
    budget: float | None = None
    limit: int | None = None  # trials
    trials: tuple[Trial, ...] = ()
    running: dict[int, Running] = field(default_factory=dict)  # by number
    places: tuple[Place, ...] = ()  # of the workers
    doing: str = "starting"
    notes: list[str] = field(default_factory=list)
    known: Context | None = None  # of the images, for the diagnosis
    objectives: tuple[str, ...] = ()  # the metric, then costs, where there are several


def panel(view: View, width: int) -> Panel:
    """The whole panel for a terminal of `width` columns."""
    parts: list[RenderableType] = [_status(view, width)]
    if any(trial.state is not State.RUNNING for trial in view.trials):
        parts += [Text(), leaderboard(view.trials, width - 4, known=view.known, objectives=view.objectives, metric=view.metric)]
    parts += [Text(note, style="yellow") for note in view.notes]
    title = Text.assemble(("automl-cnn", "bold cyan not dim"), (f" · {view.title}", "not dim"))
    return Panel(Group(*parts), title=title, title_align="left", border_style="dim", box=box.ROUNDED, padding=(0, 1), width=width)


def leaderboard(
    trials: Sequence[Trial],
    width: int,
    most: int | None = SHOWN,
    *,
    known: Context | None = None,
    objectives: Sequence[str] = (),
    metric: str = "",
) -> Table:
    """The best `most` trials (None: all), the winner by `objectives` first; those pruned and failed come last.

    `known` is the context of the diagnosis, in addition to the curves. `metric` is the metric in which scores are shown, if they stand for errors.
    """
    from automl_cnn.diagnosis import diagnose, headline

    roomy = width + 4 >= ROOMY
    best = winner(trials, objectives)
    words = MULTICLASS if known is None else known.words
    context = known.among(trials) if known is not None else None  # the same trials as `studies show` and the report compare with
    table = Table(box=None, header_style="dim", padding=(0, 2 if roomy else 1, 0, 0), pad_edge=False, expand=not roomy)
    heads = ("#", "trial", "network", "px", "width", "params", "mult-adds", "epochs", "score", "time", "state", *(("finding",) if roomy else ()))
    scored = heading(metric)
    for head in heads:
        left = head in ("network", "state", "finding")
        shown = scored if head == "score" else head if roomy else NARROW.get(head, head)
        table.add_column(
            shown,
            justify="left" if left else "right",
            no_wrap=head != "network" or not roomy,  # in a narrow table, the network's name is shortened
            overflow="ellipsis" if head != "network" or not roomy else "fold",
            vertical="bottom",
            ratio=1 if head == "network" and not roomy else None,
        )
    listed = ranked(trials, best)[:most]
    for rank, trial in enumerate(listed, start=1):
        top = best is not None and trial.number == best.number
        cells = [
            str(rank) if trial.scored else "-",
            str(trial.number),
            name_of(trial.configuration),
            value(trial.configuration.get("resolution", "-")),
            value(trial.configuration.get("width", "-")),
            compact(trial.params),
            compact(trial.mult_adds),
            str(len(trial.epochs)),
            _score(trial, metric, 3 if roomy else 2),
            clock(trial.seconds) if roomy or trial.seconds < 3600 else f"{trial.seconds // 3600:.0f}h{trial.seconds % 3600 // 60:02.0f}",
        ]
        style = "bold" if top else "" if trial.scored else "dim"
        finding = [Text(headline(diagnose(trial, context), words), style=style)] if roomy else []
        table.add_row(*(Text(cell, style=style) for cell in cells), _state(trial), *finding)
    if is_crossed(listed):
        table.caption, table.caption_justify = Text(_legend(listed), style="dim not italic"), "left"
    return table


def _state(trial: Trial) -> Text:
    """The outcome of a trial; "elsewhere" if its model is on another machine."""
    return Text("elsewhere" if trial.absent else STATES[trial.state], style=COLOURS[trial.state])


def _score(trial: Trial, metric: str, digits: int) -> str:
    """A score and its margin. The mark of a cross-validated score replaces a space, which keeps the column's width."""
    score = with_margin(metric, trial.score, trial.interval, digits, unit=False)
    if not trial.folds or trial.score is None:
        return score
    return score.replace(" ", CROSSED, 1) if " " in score else score + CROSSED


def _legend(trials: Sequence[Trial]) -> str:
    """The meaning of the mark."""
    scored = [trial for trial in trials if trial.score is not None]
    folds = " or ".join(dict.fromkeys(kind(trial.folds) for trial in scored if trial.folds))
    both = "" if all(trial.folds for trial in scored) else f"; the others: {HELD_OUT}"
    return f"{CROSSED} {folds} over {EVERY}{both}"


def _status(view: View, width: int) -> Table:
    """Best score so far, time, and current activity: a label each, then the text."""
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row("best", _best(view))
    grid.add_row("time", _time(view, width))
    if not view.running:
        grid.add_row("now", Spinner("dots", Text(view.doing), style="cyan"))
    elif len(view.places) > 1:
        _workers(grid, view, width)
    else:
        for running in view.running.values():
            grid.add_row(f"trial {running.number}", _heading(running))
            grid.add_row("epoch", _epoch(running, view.metric, width))
    return grid


def _workers(grid: Table, view: View, width: int) -> None:
    """A row for each worker: its trial and its progress; if there are many workers, only these."""
    trials = {running.place.worker: running for running in view.running.values() if running.place is not None}
    for place in view.places:
        label, running, node = f"worker {place.worker}", trials.get(place.worker), f"{place.node}, " if place.node else ""
        if running is None:
            grid.add_row(label, Text(place.node if place.node == WAITING else f"{node}idle", style="dim"))
        elif len(view.places) > IN_FULL:
            grid.add_row(label, _epoch(running, view.metric, width, f"{node}trial {running.number}: "))
        else:
            grid.add_row(label, Text.assemble((f"{node}trial {running.number}: ", "dim"), _heading(running), overflow="ellipsis", no_wrap=True))
            grid.add_row("", _epoch(running, view.metric, width))


def _heading(running: Running) -> Text:
    return Text.assemble((short(running.job.configuration), "bold"), f"  {running.job.reason}", overflow="ellipsis", no_wrap=True)


def _best(view: View) -> Text:
    best = winner(view.trials, view.objectives)
    if best is None:
        return Text("none yet", style="dim")
    return Text.assemble(
        (f"{metric_name(view.metric)} {judged_score(best, view.metric)}", "bold green"),
        f"  trial {best.number}: {short(best.configuration)}",
        overflow="ellipsis",
        no_wrap=True,
    )


def _time(view: View, width: int) -> RenderableType:
    if view.budget is not None:
        left = max(0.0, view.budget - view.elapsed)
        return _bar(view.elapsed / view.budget, f"{clock(view.elapsed)} of {clock(view.budget)}, {clock(left)} left", width)
    if view.limit is not None:
        ended = sum(trial.state is not State.RUNNING for trial in view.trials)
        return _bar(ended / view.limit, f"{clock(view.elapsed)}, {ended} of {view.limit} trials", width)
    return Text(clock(view.elapsed))


def _epoch(running: Running, metric: str, width: int, before: str = "") -> RenderableType:
    """The progress of a trial; `before` is a text in front of it."""
    if not running.epochs:
        return Spinner("dots", Text(f"{before}building the network, {clock(running.seconds)}"), style="cyan")
    score = "" if running.score is None else f", {'' if before else 'last '}{metric_name(metric)} {spelled(metric, running.score)}"
    return _bar(running.done, f"{before}{running.epoch} of {running.epochs}{score}, {clock(running.seconds)}", width)


def _bar(share: float, words: str, width: int) -> Table:
    """A bar of the same length in every row, and words beside it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=24 if width < ROOMY else 40)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_row(ProgressBar(total=1.0, completed=min(1.0, max(0.0, share)), complete_style="cyan", finished_style="cyan"), Text(words))
    return grid
