"""Before the final training of a network that overfits: a part of the final time with one stronger regularization, from where the network stands.

The longer a training, the more it overfits, so that settings that were best for short trials are too weak for the long one. The branch goes on from the
checkpoint of the best trial with one change. Where its score is higher, it is the best trial from then on, and the final training goes on from it; otherwise
the final training starts from the old checkpoint, with the time that is left. A branch costs at most `SHARE` of the final training.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from automl_cnn.diagnosis import Context, diagnose, undecided
from automl_cnn.diagnosis.actions import SWITCH, Change, changes
from automl_cnn.diagnosis.experience import Experience
from automl_cnn.records import Fidelity, Job, Trial
from automl_cnn.space import Configuration
from automl_cnn.study.plan.stages.final import STAGE as FINAL
from automl_cnn.study.plan.stages.final import WORTH
from automl_cnn.study.plan.stages.proposals import benched, plugins_of
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import Sizing
from automl_cnn.transfer import is_probe

STAGE = "branch"
SHARE = 0.3  # of the time for the final training


@dataclass(frozen=True)
class Branch:
    """Trains the best network on with one stronger regularization, once, where its diagnosis is overfitting."""

    sizing: Sizing
    context: Context = field(default_factory=Context)
    experience: Experience = field(default_factory=Experience)

    def next(self, now: Situation) -> Job | None:
        best = now.best
        if best is None or now.share is None or is_probe(best.configuration) or any(trial.stage in (STAGE, FINAL) for trial in now.begun):
            return None
        seconds = SHARE * (now.budget.left - (best.setup or 0.0))
        if seconds < max(now.share, self.sizing.epochs(best.configuration, now.done, WORTH, best.fidelity.share)):  # a shorter one says little
            return None
        main = next(iter(diagnose(best, self.context.among(now.done))), None)
        if main is None or main.kind != "overfitting" or main.severity == "low" or undecided(main):
            return None
        beliefs = self.experience.beliefs(now.done)
        for change in changes(main, best.configuration, self.sizing.space):
            if beliefs(change.action).hope > 0 and self._possible(change, best, now):
                reason = f"trial {best.number}, the best so far, trained on with {change.action}, since it shows overfitting"
                return Job(change.configuration, Fidelity(2 * now.max_epochs, seconds, best.fidelity.rung + 1), reason, STAGE, continue_from=best.number)
        return None

    def _possible(self, change: Change, best: Trial, now: Situation) -> bool:
        """Whether the network stays the same, so that it can go on from its checkpoint, and fits the limits."""
        regularizers = tuple(f"{name.removeprefix(SWITCH)}." for name in (parameter.name for parameter in self.sizing.space) if name.startswith(SWITCH))
        same = all(name.startswith((SWITCH, *regularizers)) for name in differing(change.configuration, best.configuration))
        return same and not plugins_of(change.configuration) & benched(now.done) and self.sizing.allowed(change.configuration)


def differing(one: Configuration, other: Configuration) -> set[str]:
    """The parameters that differ, or that only one of the two has."""
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}
