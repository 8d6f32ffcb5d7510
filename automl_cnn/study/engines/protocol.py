"""What an engine is: it proposes configurations and learns from their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from automl_cnn.records import Trial
from automl_cnn.space import Configuration


@dataclass(frozen=True)
class Proposal:
    """One configuration, the engine's own number for it, and where it came from.

    `share` is the part of a whole training that it should be given: below 1 for engines that try many
    configurations for a short time and train the best of them longer (Hyperband).
    """

    id: int
    configuration: Configuration
    reason: str
    share: float = 1.0


class Engine(Protocol):
    """Ask, report, tell. Whoever else's trials it is told of, it learns from as well.

    The trials told are all that an engine knows: the same seed and the same trials in the same order
    give the same proposals, so that a search that was killed and begun again goes on as it would have.
    """

    name: str
    note: str | None  # what a user of this engine should know

    def ask(self) -> Proposal:
        """A configuration worth trying next; the same one until a trial is told."""

    def report(self, id: int, step: int, value: float) -> bool:
        """Hear the score after so many tenths of the training; False means that the trial is hopeless."""

    def tell(self, trial: Trial) -> None:
        """Hear how a trial ended, whether or not the engine proposed it."""
