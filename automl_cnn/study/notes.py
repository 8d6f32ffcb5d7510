"""What a user of Python should know of a search: the notes in its result."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from automl_cnn.caveats import leaks
from automl_cnn.config import StudyConfig
from automl_cnn.problems import NO_TIME, Checked
from automl_cnn.study.identity import measured
from automl_cnn.study.observer import Observer

if TYPE_CHECKING:
    from automl_cnn.data import Dataset
    from automl_cnn.records import Event, Job, StudyResult, Trial
    from automl_cnn.workers import Place

STATED = frozenset({"unreadable", "conflict", "near_copies"})  # kinds of problems that a line about the data set names already
NAMED = 5  # files that are left out are named up to this number


def remarks(dataset: Dataset) -> tuple[str, ...]:
    """The notes on a data set, and how many of its files were left out, with the first names and reasons."""
    count = len(dataset.skipped)
    if not count:
        return dataset.notes
    named = "; ".join(f"{item.path}: {item.reason}" for item in dataset.skipped[:NAMED])
    more = f"; and {count - NAMED:,} more" if count > NAMED else ""
    return (*dataset.notes, f"{count:,} {'file was' if count == 1 else 'files were'} left out: {named}{more}.")


def on_images(checked: Checked, dataset: Dataset, config: StudyConfig) -> tuple[str, ...]:
    """A line for each error and warning of a check that the data set's own notes do not state already, and one that names the whole check."""
    stated = STATED | ({"leak"} if leaks(measured(dataset)) else frozenset())
    grave = [problem for problem in checked.problems if problem.severity != "note"]
    missed = [reason.removesuffix(f": {NO_TIME}") for reason in checked.unchecked if reason.endswith(NO_TIME)]
    lines = [problem.line for problem in grave if problem.kind not in stated]
    if missed:
        lines.append(f"There was no time to check: {'; '.join(missed)}.")
    if (grave or missed) and checked.folder:
        lines.append(f"`{command(config)}` {dataset.task.words.also_checked}, and shows pictures of all that is odd.")
    return tuple(lines)


def command(config: StudyConfig) -> str:
    """What checks the same images as a whole."""
    columns = "" if config.columns is None else f" --columns {shlex.quote(config.columns)}"
    place = "" if config.store == StudyConfig.model_fields["store"].default else f" --store {shlex.quote(str(config.store))}"
    return f"automl-cnn check --data {shlex.quote(str(config.data))}{columns}{place}"


class Noting:
    """An observer that passes everything on to another, and remembers the remarks on the data set and the notes, each once."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._texts: dict[str, None] = {}

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self._texts)

    def note(self, text: str) -> None:
        self._texts[text] = None
        self.observer.note(text)

    def checking(self, text: str) -> None:
        self.observer.checking(text)

    def data(self, dataset: Dataset) -> None:
        self._texts.update(dict.fromkeys(remarks(dataset)))
        self.observer.data(dataset)

    def known(self, data: Mapping[str, Any], metric: str) -> None:
        self.observer.known(data, metric)

    def resumed(self, trials: Sequence[Trial], seconds_used: float) -> None:
        self.observer.resumed(trials, seconds_used)

    def workers(self, places: Sequence[Place]) -> None:
        self.observer.workers(places)

    def trial_started(self, job: Job, number: int, place: Place | None = None) -> None:
        self.observer.trial_started(job, number, place)

    def event(self, number: int, event: Event) -> None:
        self.observer.event(number, event)

    def trial_finished(self, trial: Trial, trials: Sequence[Trial]) -> None:
        self.observer.trial_finished(trial, trials)

    def clock(self, elapsed: float, budget: float | None) -> None:
        self.observer.clock(elapsed, budget)

    def finishing(self, text: str) -> None:
        self.observer.finishing(text)

    def result(self, result: StudyResult) -> None:
        self.observer.result(result)
