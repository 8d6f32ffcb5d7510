"""The end of a search: the best, trained on with all the time that is left.

A readout cannot be trained on. Where one is the best, the time goes to the trained network that may still overtake it, by what its error has done so far;
where none may, the readout's network is fine-tuned, if there is time for that.

Of several objectives it is the most accurate of the front: the model in the best one's place is then as good as a search for the
metric alone would leave it, and cheaper networks, which have enough sooner, were trained on by promotion.
"""

from __future__ import annotations

from dataclasses import dataclass

from automl_cnn.records import Fidelity, Job
from automl_cnn.study.plan.stages.outlook import hopeful
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import Sizing
from automl_cnn.transfer import FINETUNE, PRETRAINED, TRAIN_ON, is_probe

STAGE = "final"
WORTH = 3  # epochs, of what it was trained on so far, without which training on is in vain


@dataclass(frozen=True)
class Final:
    """Trains the incumbent on from where it stands; a probe becomes a fine-tuned network."""

    sizing: Sizing

    def next(self, now: Situation) -> Job | None:
        best = now.best
        if best is None or now.share is None:
            return None
        configuration, origin, how = best.configuration, best.number if not is_probe(best.configuration) else None, "trained longer"
        rival = hopeful(now) if is_probe(configuration) else None
        if rival is not None:
            configuration, origin, best, how = rival.configuration, rival.number, rival, "which may yet overtake the best readout, trained longer"
        elif is_probe(configuration):
            name = best.architecture
            given = {"architecture": name, f"{PRETRAINED}{name}": configuration[f"{PRETRAINED}{name}"], f"{FINETUNE}{name}": TRAIN_ON}
            spare = now.budget.left - self.sizing.setup(configuration, now.done)
            configuration, how = self.sizing.default(given, now.done, spare * self.sizing.least_share(given)), "trained on"
        if now.budget.left < self.sizing.epochs(configuration, now.done, WORTH, best.fidelity.share) or not self.sizing.allowed(configuration):
            return None
        if any(trial.stage == STAGE and trial.configuration == configuration for trial in now.begun):
            return None
        spare = now.budget.left - (best.setup or 0.0 if origin is not None else self.sizing.setup(configuration, now.done))
        if spare <= 0:  # building the network takes what is left
            return None
        fidelity = Fidelity(2 * now.max_epochs, spare, best.fidelity.rung + 1)
        which = "the best so far, " if rival is None else ""
        return Job(configuration, fidelity, f"trial {best.number}, {which}{how}", STAGE, continue_from=origin)
