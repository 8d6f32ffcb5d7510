"""What the engine proposes, made to fit."""

from __future__ import annotations

from dataclasses import dataclass

from automl_cnn.records import Fidelity, Job, State, Trial
from automl_cnn.space import Configuration
from automl_cnn.study.engines.protocol import Engine
from automl_cnn.study.stages.situation import Situation
from automl_cnn.study.stages.sizing import Sizing

ASKS = 20  # proposals that may be refused before the stage gives up
BENCH_AFTER = 2  # failures of an architecture, an optimizer or a regularizer that never worked, after which it sits out


@dataclass(frozen=True)
class Proposals:
    """Asks the engine; what is too dear, breaks a limit or uses a plugin that only ever failed is refused before training."""

    sizing: Sizing
    engine: Engine

    def next(self, now: Situation) -> Job | None:
        if now.share is not None and now.left < now.share:
            return None
        out = benched(now.done)
        for _ in range(ASKS):
            proposal = self.engine.ask()
            configuration = self.sizing.shrunk(dict(proposal.configuration), now.done, now.share)
            whole = now.fidelity
            seconds = None if whole.seconds is None else whole.seconds * proposal.share
            if (
                self.sizing.allowed(configuration)
                and not (plugins_of(configuration) & out)
                and self.sizing.broken(configuration) is None
                and now.left >= self.sizing.wanted(configuration, now.done, seconds)
            ):
                return Job(configuration, Fidelity(max(1, round(whole.epochs * proposal.share)), seconds), proposal.reason, "search", proposal.id)
            self.engine.tell(Trial(-1, proposal.configuration, now.fidelity, proposal.reason, "search", State.FAILED, failure="refused before training"))
        return None


def benched(done: tuple[Trial, ...]) -> set[str]:
    """The plugins in every trial of which something failed, twice or more; `architecture vgg`, `regularizer mixup`."""
    failed: dict[str, int] = {}
    worked: set[str] = set()
    for trial in done:
        if trial.state is State.FAILED:
            for plugin in plugins_of(trial.configuration):
                failed[plugin] = failed.get(plugin, 0) + 1
        else:
            worked |= plugins_of(trial.configuration)
    return {plugin for plugin, times in failed.items() if times >= BENCH_AFTER and plugin not in worked}


def plugins_of(configuration: Configuration) -> set[str]:
    """The plugins that a configuration names, with their kinds."""
    named = {f"{kind} {configuration[kind]}" for kind in ("architecture", "optimizer") if kind in configuration}
    return named | {f"regularizer {key.removeprefix('regularizer.')}" for key, value in configuration.items() if key.startswith("regularizer.") and value}
