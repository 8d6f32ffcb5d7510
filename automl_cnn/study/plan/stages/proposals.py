"""What the engine proposes, made to fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from automl_cnn.records import Fidelity, Job, State, Trial
from automl_cnn.space import Configuration
from automl_cnn.study.plan.budget import evenly
from automl_cnn.study.plan.engines.protocol import Proposal
from automl_cnn.study.plan.stages.defaults import scratch_is_hopeless
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import Sizing
from automl_cnn.transfer import is_probe, weights_of

STAGE = "search"
ASKS = 20  # proposals that may be refused before the stage gives up
BENCH_AFTER = 2  # failures of an architecture, an optimizer or a regularizer that never worked, after which it sits out


@dataclass(frozen=True)
class Proposals:
    """The engine's first proposal that is not refused: too dear, hopeless, a probe read before, running, over a limit, or of a plugin that only ever failed.

    `proposed` gives the proposals by their numbers.
    """

    sizing: Sizing
    proposed: Callable[[int], Proposal | None]
    asks: int = ASKS

    def next(self, now: Situation) -> Job | None:
        if now.share is not None and now.left < now.share:
            return None
        out, hurried = benched(now.done), now.share is not None and scratch_is_hopeless(now)
        read = [trial.configuration for trial in now.begun if is_probe(trial.configuration)]  # made to fit, several proposals are one
        read += [trial.configuration for trial in now.running]
        for refused in range(self.asks):
            proposal = self.proposed(refused)
            if proposal is None:  # until a running trial has ended
                return None
            if hurried and weights_of(proposal.configuration) is None:
                continue
            configuration = self.sizing.shrunk(dict(proposal.configuration), now.done, now.share)
            whole = now.fidelity.seconds
            if whole is not None and now.over:
                whole = evenly(now.left, whole, self.sizing.setup(configuration, now.done))
            seconds = None if whole is None else whole * proposal.share
            if (
                configuration not in read
                and self.sizing.allowed(configuration)
                and not (plugins_of(configuration) & out)
                and self.sizing.broken(configuration) is None
                and now.left >= self.sizing.wanted(configuration, now.done, seconds)
            ):
                share = self.sizing.share(configuration, now.done, seconds)
                fidelity = Fidelity(max(1, round(now.fidelity.epochs * proposal.share)), seconds, share=share)
                return Job(configuration, fidelity, proposal.reason, STAGE, proposal.id, refused=refused)
        return None


def benched(done: tuple[Trial, ...]) -> set[str]:
    """The plugins to blame for two failed trials or more, `architecture vgg`, `regularizer mixup`: alone in them, they never worked."""
    worked: set[str] = set()
    for trial in done:
        if trial.state is not State.FAILED:
            worked |= plugins_of(trial.configuration)
    blamed: dict[str, int] = {}
    for trial in done:
        strangers = plugins_of(trial.configuration) - worked
        if trial.state is State.FAILED and len(strangers) == 1:
            blamed[min(strangers)] = blamed.get(min(strangers), 0) + 1
    return {plugin for plugin, times in blamed.items() if times >= BENCH_AFTER}


def plugins_of(configuration: Configuration) -> set[str]:
    """The plugins that a configuration names, with their kinds."""
    named = {f"{kind} {configuration[kind]}" for kind in ("architecture", "optimizer") if kind in configuration}
    return named | {f"regularizer {key.removeprefix('regularizer.')}" for key, value in configuration.items() if key.startswith("regularizer.") and value}
