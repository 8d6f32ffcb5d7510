"""Optuna as an engine: TPE proposals and median pruning over the declared space.

The engine keeps what it was told, and builds an in-memory Optuna study of it for every proposal;
the record on disk stays the only truth. The sampler is seeded from the study's seed and the
number of trials told, so that a search that was killed and begun again proposes what it would have.
"""

from __future__ import annotations

import warnings
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from automl_cnn.records import State, Trial
from automl_cnn.space import Choice, Configuration, Domain, Float, Int, Scalar, Space
from automl_cnn.study.engines.protocol import Proposal

STARTUP = 8  # trials after which the model, not chance, proposes
WARMUP_EPOCHS = 3
KEPT_SHARE = 40.0  # percent of the rivals that a trial must not fall behind
LEAST_RIVALS = 3  # how many others a trial must be compared with before it may be called hopeless

optuna.logging.set_verbosity(optuna.logging.ERROR)


class OptunaEngine:
    """TPE over a conditional space, with the median rule against hopeless trials."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed
        self._told = 0
        self._known: list[FrozenTrial] = []
        self._open: dict[int, optuna.Trial] = {}

    def ask(self) -> Proposal:
        """A configuration; the first few at random, then by TPE. Asking twice without a telling gives the same one."""
        seed = (self.seed * 1_000_003 + self._told * 7919) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, group=True, n_startup_trials=STARTUP)
        pruner = optuna.pruners.PercentilePruner(KEPT_SHARE, n_startup_trials=LEAST_RIVALS, n_warmup_steps=WARMUP_EPOCHS, n_min_trials=LEAST_RIVALS)
        study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        study.add_trials(self._known)
        trial = study.ask()
        configuration: dict[str, Scalar] = {}
        for parameter in self.space:
            if parameter.active(configuration):
                configuration[parameter.name] = _suggest(trial, parameter.name, parameter.domain)
        self._open = {self._told: trial}
        return Proposal(self._told, configuration, "proposed by Optuna's TPE" if self._told >= STARTUP else "at random, to learn the space")

    def report(self, id: int, step: int, value: float) -> bool:
        trial = self._open.get(id)
        if trial is None:
            return True
        trial.report(value, step)
        return not trial.should_prune()

    def tell(self, trial: Trial) -> None:
        self._told += 1
        if trial.score is None or trial.state in (State.RUNNING, State.FAILED):
            return
        pruned = trial.state is State.PRUNED
        self._known.append(
            create_trial(
                state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
                value=None if pruned else trial.score,
                params=dict(trial.configuration),
                distributions=distributions(self.space, trial.configuration),
                intermediate_values={epoch.number: epoch.score for epoch in trial.epochs},
            )
        )


def distributions(space: Space, configuration: Configuration) -> dict[str, BaseDistribution]:
    """Optuna's distribution of every parameter of `configuration`."""
    return {name: distribution(space[name].domain) for name in configuration}


def distribution(domain: Domain) -> BaseDistribution:
    """Optuna's word for a domain."""
    if isinstance(domain, Int):
        return IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
    if isinstance(domain, Float):
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.options)
    raise TypeError(f"no Optuna distribution for {domain!r}")


def _suggest(trial: optuna.Trial, name: str, domain: Domain) -> Any:
    if isinstance(domain, Int):
        return trial.suggest_int(name, domain.low, domain.high, log=domain.log, step=domain.step)
    if isinstance(domain, Float):
        return trial.suggest_float(name, domain.low, domain.high, log=domain.log)
    if isinstance(domain, Choice):
        return trial.suggest_categorical(name, domain.options)
    raise TypeError(f"no Optuna suggestion for {domain!r}")
