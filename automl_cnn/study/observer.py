"""Who watches a search: the terminal, a log, a test. It receives every event and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from automl_cnn.data import Dataset
    from automl_cnn.records import Event, Job, StudyResult, Trial
    from automl_cnn.workers import Place


class Observer(Protocol):
    """Receives what happens in a study, in this order; every method returns at once."""

    def note(self, text: str) -> None:
        """Something the user should know, at any time; also from within a signal handler."""

    def checking(self, text: str) -> None:
        """How far the images are listed, checked and decoded; a few times a second."""

    def data(self, dataset: Dataset) -> None:
        """The images are scanned, checked and split."""

    def known(self, data: Mapping[str, Any], metric: str) -> None:
        """The data set in figures, as the study's record keeps it, and the metric that models are chosen by."""

    def resumed(self, trials: Sequence[Trial], seconds_used: float) -> None:
        """The study was begun earlier: what it tried and the seconds of budget that took."""

    def workers(self, places: Sequence[Place]) -> None:
        """Which workers there are; again when they change."""

    def trial_started(self, job: Job, number: int, place: Place | None = None) -> None:
        """A trial is about to be trained, at `place`; None where no worker is needed. Others may be running."""

    def event(self, number: int, event: Event) -> None:
        """An event that a running trial reported."""

    def trial_finished(self, trial: Trial, trials: Sequence[Trial]) -> None:
        """A trial ended; `trials` are all so far, it included."""

    def clock(self, elapsed: float, budget: float | None) -> None:
        """Seconds used of the budget (None: no limit)."""

    def finishing(self, text: str) -> None:
        """The search is over; `text` says what is being done to conclude it."""

    def result(self, result: StudyResult) -> None:
        """The study's result; the last call."""


class NullObserver:
    """Watches nothing. A base for observers that care about a few things only."""

    def note(self, text: str) -> None: ...

    def checking(self, text: str) -> None: ...

    def data(self, dataset: Dataset) -> None: ...

    def known(self, data: Mapping[str, Any], metric: str) -> None: ...

    def resumed(self, trials: Sequence[Trial], seconds_used: float) -> None: ...

    def workers(self, places: Sequence[Place]) -> None: ...

    def trial_started(self, job: Job, number: int, place: Place | None = None) -> None: ...

    def event(self, number: int, event: Event) -> None: ...

    def trial_finished(self, trial: Trial, trials: Sequence[Trial]) -> None: ...

    def clock(self, elapsed: float, budget: float | None) -> None: ...

    def finishing(self, text: str) -> None: ...

    def result(self, result: StudyResult) -> None: ...
