"""The first trials: what is known already, then each architecture's default."""

from __future__ import annotations

from dataclasses import dataclass

from automl_cnn.records import Job, State, Trial
from automl_cnn.space import Configuration, Scalar
from automl_cnn.study.stages.situation import Situation
from automl_cnn.study.stages.sizing import TUNING_EPOCHS, Sizing
from automl_cnn.transfer import FINETUNE, NONE, PRETRAINED, PROBE, TRAIN_ON, mode_of, weights_of

STAGE = "defaults"
ENOUGH = 2  # networks from scratch, all of them out of reach of a pretrained one, after which no other is tried in a hurry
STRETCH = 1.5  # how much longer than its share a pretrained network may take for its epochs and still be tried


@dataclass(frozen=True)
class Start:
    """A default: what it is given, and why."""

    given: dict[str, Scalar]
    reason: str


@dataclass(frozen=True)
class Defaults:
    """Probes, pretrained networks trained on, networks from scratch, those soonest compiled first; as many as there is time for."""

    sizing: Sizing

    def next(self, now: Situation) -> Job | None:
        mine = [trial for trial in now.done if trial.stage == STAGE]
        tried = {_identity(trial.configuration) for trial in mine}
        if sum(trial.state is not State.FAILED for trial in mine) >= now.defaults:
            return None
        for start in self.starts():
            if _identity(start.given) in tried or self._hopeless(start, now):
                continue
            configuration = self.sizing.default(start.given, now.done, now.share)
            if not self.sizing.allowed(configuration):
                continue
            if not now.done or now.left >= self.sizing.wanted(configuration, now.done, now.share):
                return Job(configuration, now.fidelity, start.reason, STAGE)
        return None

    def starts(self) -> list[Start]:
        """All there are, in order."""
        probes: list[Start] = []
        tuned: list[Start] = []
        scratch: list[Start] = []
        for name in map(str, self.sizing.options("architecture")):
            known = self.sizing.options(f"{PRETRAINED}{name}") if f"{PRETRAINED}{name}" in self.sizing.space else (NONE,)
            given: dict[str, Scalar] = {"architecture": name}
            if known[0] != NONE:
                given[f"{PRETRAINED}{name}"] = known[0]
                probes.append(Start({**given, f"{FINETUNE}{name}": PROBE}, f"what {known[0]} knows of ImageNet, read by a logistic regression"))
                tuned.append(Start({**given, f"{FINETUNE}{name}": TRAIN_ON}, f"{known[0]}, trained on from what it knows of ImageNet"))
                given = {**given, f"{PRETRAINED}{name}": NONE}
            if NONE in known:
                scratch.append(Start(given, f"default of {name}"))
        return [*probes, *tuned, *sorted(scratch, key=lambda start: self.sizing.cost(self.sizing.small(start.given)).kernels)]

    def _hopeless(self, start: Start, now: Situation) -> bool:
        """Whether, with the clock running, there are better uses of the time."""
        if now.share is None:
            return False
        if weights_of(start.given) is None:
            rivals = [trial for trial in now.done if trial.stage == STAGE and weights_of(trial.configuration) is None and trial.scored]
            return len(rivals) >= ENOUGH and all(_out_of_reach(trial, now.best) for trial in rivals)
        if mode_of(start.given) == PROBE:
            return False
        smallest = self.sizing.small(start.given)
        return self.sizing.epochs(smallest, now.done, TUNING_EPOCHS) > STRETCH * now.share + self.sizing.setup(smallest, now.done)


def _out_of_reach(trial: Trial, best: Trial | None) -> bool:
    """Whether the best is a pretrained network's, and so far ahead that it is not chance."""
    if best is None or weights_of(best.configuration) is None or trial.interval is None or best.interval is None:
        return False
    return trial.interval[1] < best.interval[0]


def _identity(configuration: Configuration) -> tuple[str, str | None, str | None]:
    """What makes a default that default."""
    return str(configuration["architecture"]), weights_of(configuration), mode_of(configuration)
