"""Live output of a search: a panel on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live

from automl_cnn import elapsed
from automl_cnn.cli.board import Running, View, panel
from automl_cnn.cli.console import Text, plural
from automl_cnn.cli.words import dataset_lines, outcome, short
from automl_cnn.config import StudyConfig
from automl_cnn.diagnosis import Context
from automl_cnn.judged import metric_name
from automl_cnn.measure import Measure, spelled
from automl_cnn.pareto import winner
from automl_cnn.paths import named
from automl_cnn.quantities import clock
from automl_cnn.records import Epoch, Event, Job, Progress, Started, State, Trial
from automl_cnn.study.observer import NullObserver
from automl_cnn.text import inline
from automl_cnn.workers import Place

if TYPE_CHECKING:
    from automl_cnn.data import Dataset

EVERY = 5  # epochs between two lines of a log
SECONDS = 5.0  # between two lines of a log while the images are checked


class Watch(NullObserver):
    """Keeps the view up to date; a subclass shows it. Use it as a context manager around the search."""

    def __init__(self, screen: Console, config: StudyConfig, started: float, now: Callable[[], float] = elapsed.now) -> None:
        self.screen = screen
        self.now = now
        self.view = View(title=config.name or named(config.data), metric=config.scored_by, budget=config.budget, limit=config.trials)
        self.view.objectives = config.objectives or ()
        self.view.doing = "checking the images"
        self._zero = started  # the moment at which the budget's clock would have stood at 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    @property
    def elapsed(self) -> float:
        """Seconds used of the budget, now."""
        return self.now() - self._zero

    def line(self, text: str, style: str = "") -> None:
        """Print one line that starts with the time."""
        self.screen.print(Text.assemble((f"{clock(self.elapsed):>7}  ", "dim"), (inline(text.replace("\n", " ")), style)), soft_wrap=True)

    def checking(self, text: str) -> None:
        self.view.doing = text

    def data(self, dataset: Dataset) -> None:
        self.view.doing = "planning the first trial"
        for text in dataset_lines(dataset):
            self.line(text)

    def known(self, data: Mapping[str, Any], metric: str) -> None:
        self.view.doing = "planning the first trial"  # the images were looked at in between
        self.view.metric, self.view.known = Measure.of(metric, data), Context.of(data, metric)

    def resumed(self, trials: Sequence[Trial], seconds_used: float) -> None:
        self.view.trials = tuple(trials)
        self._zero -= seconds_used
        best = winner(trials, self.view.objectives)
        so_far = f", best {metric_name(self.view.metric)} {spelled(self.view.metric, best.score)}" if best is not None and best.score is not None else ""
        self.line(f"going on with {plural(len(trials), 'trial')}, {clock(seconds_used)} used{so_far}")

    def workers(self, places: Sequence[Place]) -> None:
        self.view.places = tuple(places)

    def trial_started(self, job: Job, number: int, place: Place | None = None) -> None:
        self.view.running[number] = Running(number, job, self.now(), place=place)

    def event(self, number: int, event: Event) -> None:
        running = self.view.running.get(number)
        if running is None:
            return
        if isinstance(event, Started):
            running.params, running.mult_adds, running.epochs = event.cost.params, event.cost.mult_adds, event.epochs
        elif isinstance(event, Progress):
            running.epoch, running.epochs = event.epoch, event.epochs
            running.done = (event.epoch - 1 + event.step / max(1, event.steps)) / max(1, event.epochs)
        elif isinstance(event, Epoch):
            running.epoch, running.epochs, running.score = event.number, event.epochs, event.score
            running.done = event.number / max(1, event.epochs)

    def trial_finished(self, trial: Trial, trials: Sequence[Trial]) -> None:
        self.view.running.pop(trial.number, None)
        self.view.doing = "planning the next trial"
        self.view.trials = tuple(trials)

    def clock(self, elapsed: float, budget: float | None) -> None:
        self._zero = self.now() - elapsed
        self.view.budget = budget

    def finishing(self, text: str) -> None:
        self.view.running.clear()
        self.view.doing = text


class Panel(Watch):
    """On a terminal: one panel that redraws itself; permanent lines are printed above it."""

    def __enter__(self) -> Self:
        # the cursor rests on an empty line below: at the panel's corner, a ^C that the terminal echoes would wrap and leave half a panel behind
        self._live = Live(get_renderable=lambda: Group(self.render(), Text()), console=self.screen, refresh_per_second=4, transient=True)
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()
        self._print_notes()

    def render(self) -> RenderableType:
        """The current panel."""
        self.view.elapsed = self.elapsed
        for running in self.view.running.values():
            running.seconds = self.now() - running.began
        return panel(self.view, self.screen.width)

    def note(self, text: str) -> None:
        self.view.notes.append(text)  # shown by the next redraw: printing from within a signal handler could meet another print

    def trial_started(self, job: Job, number: int, place: Place | None = None) -> None:
        self._print_notes()
        super().trial_started(job, number, place)

    def trial_finished(self, trial: Trial, trials: Sequence[Trial]) -> None:
        super().trial_finished(trial, trials)
        self._print_notes()
        if trial.state is State.FAILED:
            self.line(f"trial {trial.number} ({short(trial.configuration)}) {outcome(trial, self.view.metric)}", "red")

    def _print_notes(self) -> None:
        while self.view.notes:
            self.line(self.view.notes.pop(0), "yellow")


class Lines(Watch):
    """Without a terminal: a line when a trial starts or ends, and every fifth epoch."""

    _checked: float | None = None  # when the last line on the images was written, or might have been

    def note(self, text: str) -> None:
        self.line(text)

    def checking(self, text: str) -> None:
        super().checking(text)
        if self._checked is None:
            self._checked = self.now()
        elif self.now() - self._checked >= SECONDS:
            self._checked = self.now()
            self.line(text)

    def trial_started(self, job: Job, number: int, place: Place | None = None) -> None:
        super().trial_started(job, number, place)
        where = "" if place is None or len(self.view.places) < 2 else f" on worker {place.worker}{f' ({place.node})' if place.node else ''}"
        self.line(f"trial {number} starts{where}: {short(job.configuration)} ({job.reason})")

    def event(self, number: int, event: Event) -> None:
        super().event(number, event)
        if isinstance(event, Epoch) and event.number % EVERY == 0:
            reached = f"{metric_name(self.view.metric)} {spelled(self.view.metric, event.score)}"
            self.line(f"trial {number} epoch {event.number} of {event.epochs}: {reached}, loss {event.loss:.3f}")

    def trial_finished(self, trial: Trial, trials: Sequence[Trial]) -> None:
        super().trial_finished(trial, trials)
        best = winner(trials, self.view.objectives)
        crown = "; best so far" if best is not None and best.number == trial.number else ""
        self.line(f"trial {trial.number} {outcome(trial, self.view.metric)}{crown}")

    def finishing(self, text: str) -> None:
        super().finishing(text)
        self.line(text)


def watch(screen: Console, config: StudyConfig, started: float) -> Watch:
    """The observer that suits the screen; `started` is when the budget's clock began, a reading of `elapsed.now`."""
    return Panel(screen, config, started) if screen.is_terminal and not screen.is_dumb_terminal else Lines(screen, config, started)
