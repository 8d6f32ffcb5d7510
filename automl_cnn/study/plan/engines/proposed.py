"""An engine's proposals as data, which a plan may look at as often as it likes."""

from __future__ import annotations

from automl_cnn.records import Trial
from automl_cnn.study.plan.engines.protocol import Engine, Proposal


class Proposed:
    """Number n is what the engine proposes once n others were refused since a trial last began or ended; None: nothing before a running trial has ended.

    Looking at a number again gives the same proposal, so that a plan that was interrupted for a measurement can be made again.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._made: list[Proposal] = []

    def __call__(self, number: int) -> Proposal | None:
        while len(self._made) <= number:
            if self._made:
                self.engine.refuse(self._made[-1])
            proposal = self.engine.ask()
            if proposal is None:
                return None
            self._made.append(proposal)
        return self._made[number]

    def begin(self, trial: Trial, proposal: int | None) -> None:
        """Let the engine know of a trial that begins, and which of its proposals it is, if it is one; the next proposals take it into account."""
        self._made.clear()
        self.engine.begin(trial, proposal)

    def tell(self, trial: Trial) -> None:
        """Let the engine learn from a trial that has ended; its proposals are others from then on."""
        self._made.clear()
        self.engine.tell(trial)
