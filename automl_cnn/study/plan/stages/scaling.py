"""Compound scaling of the best network, toward the end of a search.

Tan and Le 2019, EfficientNet, https://arxiv.org/abs/1905.11946
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automl_cnn.diagnosis import diagnose
from automl_cnn.records import Fidelity, Job, Trial
from automl_cnn.scaling import PAPER, Coefficients, scaled
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import Sizing
from automl_cnn.transfer import weights_of

STAGE = "scaling"
PART = 1 / 3  # of the search's time, which is left when it begins: before, the engine looks for something worth scaling
STEP = 1.0  # phi: twice the mult-adds
MOST = 3  # steps in all
SHORT = ("underfitting", "plateau", "good_fit")  # what the diagnosis of a network says that more capacity may help


@dataclass(frozen=True)
class Scaling:
    """Doubles the mult-adds of the best network from scratch by compound scaling, with twice its time, and again while that helps.

    `known` are the coefficients that `automl-cnn scale` found on these images, by architecture; else the paper's. Unless `always`,
    only a network that the diagnosis finds nothing else wrong with than too little capacity is scaled: none that overfits, say.
    """

    sizing: Sizing
    known: Mapping[str, Coefficients] = field(default_factory=dict)
    always: bool = False

    def next(self, now: Situation) -> Job | None:
        best = now.best
        if best is None or now.share is None or weights_of(best.configuration) is not None or not (self.always or short_of_capacity(best)):
            return None
        if now.left > PART * now.budget.searching or sum(trial.stage == STAGE for trial in now.begun) >= MOST:
            return None
        coefficients = self.known.get(best.architecture, PAPER)
        network = scaled(best.configuration, STEP, coefficients, largest=self.sizing.largest)
        configuration = network.of(best.configuration)
        if any(trial.configuration == configuration for trial in now.begun) or self.sizing.broken(configuration) is not None:
            return None
        grown = self.sizing.cost(configuration).mult_adds / (best.mult_adds or self.sizing.cost(best.configuration).mult_adds)
        seconds = (best.fidelity.seconds or now.share) * max(1.0, grown)
        if now.left < self.sizing.wanted(configuration, now.done, seconds) or not self.sizing.allowed(configuration):
            return None
        reason = f"trial {best.number}, the best so far, scaled to {grown:.1f} times its mult-adds (phi {STEP:g}: {coefficients})"
        return Job(configuration, Fidelity(now.max_epochs, seconds, best.fidelity.rung, best.fidelity.share), reason, STAGE)


def short_of_capacity(trial: Trial) -> bool:
    """Whether more capacity may help it, as far as its curves tell."""
    findings = diagnose(trial)
    return bool(findings) and findings[0].kind in SHORT
