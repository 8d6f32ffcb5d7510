"""What an engine is: it proposes configurations and learns from their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from automl_cnn.records import Trial
from automl_cnn.space import Configuration


@dataclass(frozen=True)
class Proposal:
    """One configuration, the engine's own number for it, and where it came from."""

    id: int
    configuration: Configuration
    reason: str


class Engine(Protocol):
    """Ask, report, tell. Whoever else's trials it is told of, it learns from as well."""

    def ask(self) -> Proposal:
        """A configuration worth trying next."""

    def report(self, id: int, step: int, value: float) -> bool:
        """Hear the score after so many tenths of the training; False means that the trial is hopeless."""

    def tell(self, trial: Trial) -> None:
        """Hear how a trial ended, whether or not the engine proposed it."""
