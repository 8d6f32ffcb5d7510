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


def seed_of(study: int, trials: int, refused: int) -> int:
    """The seed of a proposal: by the study's, the number of trials begun, and that of the proposals refused since the last one."""
    return study * 1_000_003 + trials * 7919 + refused * 104_729


class Engine(Protocol):
    """Ask, begin, report, tell, refuse. It learns from all trials, whether or not it proposed them.

    The trials are all that an engine knows: the same seed and the same trials in the same order give the same proposals, so that a search that was
    killed goes on as it would have. A refused proposal does not become a trial; `Trial.refused` counts those before the one that was trained.
    """

    name: str
    note: str | None  # what a user of this engine should know

    def ask(self) -> Proposal | None:
        """A configuration worth trying next; the same one until `begin`, `tell` or `refuse`. None: there is none before a running trial has ended."""

    def begin(self, trial: Trial, proposal: int | None) -> None:
        """Take note of a trial that begins, whether or not the engine proposed it: its configuration is not proposed again while it runs."""

    def refuse(self, proposal: Proposal) -> None:
        """Take note that a proposal is not trained, since it cannot be or takes too long. That says nothing of its quality; the next one is another."""

    def report(self, id: int, step: int, value: float) -> bool:
        """Take the score of proposal `id` after `step` tenths of its training; False means that the trial is hopeless."""

    def tell(self, trial: Trial) -> None:
        """Learn from a trial that has ended, whether or not the engine proposed it."""
