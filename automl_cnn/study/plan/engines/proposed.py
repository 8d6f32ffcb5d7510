"""An engine's proposals as data, which a plan may look at as often as it likes."""

from __future__ import annotations

from automl_cnn.records import Trial
from automl_cnn.study.plan.engines.protocol import Engine, Proposal


class Proposed:
    """Number n is what the engine proposes once n others were refused since the last trial.

    Looking at a number again gives the same proposal, so that a plan that was interrupted for a measurement can be made again.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._made: list[Proposal] = []

    def __call__(self, number: int) -> Proposal:
        while len(self._made) <= number:
            if self._made:
                self.engine.refuse(self._made[-1])
            self._made.append(self.engine.ask())
        return self._made[number]

    def tell(self, trial: Trial) -> None:
        """Let the engine learn from a trial that has ended; its proposals are others from then on."""
        self._made.clear()
        self.engine.tell(trial)
