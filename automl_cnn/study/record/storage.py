"""Where the records of studies are kept: a journal file in the store, or a PostgreSQL database that several machines reach.

A `Record` knows neither. It asks its storage for Optuna's interface, and whatever differs between the two is a method here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from optuna.storages import BaseStorage


@dataclass(frozen=True)
class Holder:
    """The process that is at work on a study, and its machine."""

    pid: int
    host: str


class Storage(Protocol):
    """What a record needs of the place where it is kept. Every method raises StoreError where the place cannot be used; its message names no password."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    def open(self) -> BaseStorage:
        """Optuna's interface for writing. What does not exist yet is made."""

    def look(self) -> BaseStorage | None:
        """The same for reading. Nothing is written; None where nothing is kept yet."""

    def explained(self) -> AbstractContextManager[None]:
        """Whatever goes wrong within becomes a StoreError."""

    def claim(self, backend: BaseStorage, study: str, number: int) -> None:
        """Mark the study, whose number is Optuna's, as one of ours.

        Raises:
            StoreError: it belongs to another program.
        """

    def ours(self, marks: Mapping[str, object]) -> bool:
        """Whether a study with these system attributes is one of ours."""

    def held(self, study: str) -> AbstractContextManager[None]:
        """Be the only one, of all machines, who writes to a study within the block. (Processes on one machine are kept apart by `lock.held`.)

        Raises:
            StoreError: somebody else does; the message says who.
        """

    def limit(self, seconds: Callable[[], float]) -> None:
        """Wait no longer than `seconds` says for a place that cannot be reached for a moment: what is left of the budget."""

    def holders(self, studies: Iterable[str]) -> Mapping[str, Holder]:
        """Who is at work on which of these studies, as far as the place knows."""
