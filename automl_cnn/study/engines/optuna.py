"""Optuna as an engine: TPE proposals and median pruning over the declared space.

The engine keeps what it was told, and builds an in-memory Optuna study of it for every proposal;
the record on disk stays the only truth. The sampler is seeded from the study's seed and the
number of trials told, so that a search that was killed and begun again proposes what it would have.
"""

from __future__ import annotations

import random
import warnings
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from automl_cnn.records import State, Trial
from automl_cnn.space import Choice, Configuration, Domain, Float, Int, Scalar, Space
from automl_cnn.study.engines.protocol import Proposal

STARTUP = 8  # trials after which the model, not chance, proposes
WARMUP = 3  # tenths of a training within which nothing is called hopeless
MOST_WORDS = 3  # changes told by name
CHANGED = 0.25  # the share of the best configuration's parameters that a variation draws anew
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
        self._open: dict[int, optuna.Trial] = {}  # the last proposal, by its number
        self._heard = 0  # the last step that was reported of it

    def ask(self) -> Proposal:
        """A configuration: variations of the best at first, then by TPE. Asking twice without a telling gives the same one."""
        seed = (self.seed * 1_000_003 + self._told * 7919) % 2**32
        best = max((known for known in self._known if known.value is not None), key=lambda known: known.value or 0.0, default=None)
        early = self._told < STARTUP
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, group=True, n_startup_trials=STARTUP)
        pruner = optuna.pruners.PercentilePruner(KEPT_SHARE, n_startup_trials=LEAST_RIVALS, n_warmup_steps=WARMUP, n_min_trials=LEAST_RIVALS)
        study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        study.add_trials(self._known)
        if early and best is not None:
            study.enqueue_trial(variation(self.space, best.params, random.Random(seed)))
        trial = study.ask()
        configuration: dict[str, Scalar] = {}
        for parameter in self.space:
            if parameter.active(configuration):
                configuration[parameter.name] = _suggest(trial, parameter.name, parameter.domain)
        self._open, self._heard = {self._told: trial}, 0
        reason = "proposed by TPE" if not early else "at random" if best is None else f"the best so far with {changes(best.params, configuration)}"
        return Proposal(self._told, configuration, reason)

    def report(self, id: int, step: int, value: float) -> bool:
        trial = self._open.get(id)
        if trial is None or step <= self._heard:
            return True
        self._heard = step
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
                intermediate_values={epoch.tenth: epoch.score for epoch in trial.epochs},
            )
        )


def variation(space: Space, configuration: Configuration, rng: random.Random) -> dict[str, Scalar]:
    """The configuration with about a quarter of its parameters drawn anew, at least one; the architecture stays.

    With few trials to learn from, a step away from what works beats a leap into a large space.
    """
    free = [name for name in configuration if name != "architecture" and len(space[name].domain.edges()) > 1]
    drawn = {name for name in free if rng.random() < CHANGED} or set(rng.sample(free, min(1, len(free))))
    changed: dict[str, Scalar] = {}
    for parameter in space:
        if parameter.active(changed):
            keep = parameter.name in configuration and parameter.name not in drawn
            changed[parameter.name] = configuration[parameter.name] if keep else _another(parameter.domain, configuration.get(parameter.name), rng)
    return changed


def changes(old: Configuration, new: Configuration) -> str:
    """What differs, in words; a parameter that only exists because of another's change is left out."""
    changed = [name for name in new if name in old and new[name] != old[name]]
    words = [f"{name} {_word(new[name])}" for name in changed[:MOST_WORDS]]
    return ", ".join(words) + (f" and {len(changed) - MOST_WORDS} more" if len(changed) > MOST_WORDS else "") if words else "other values"


def _word(value: Scalar) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else f"{value:.3g}" if isinstance(value, float) else str(value)


def _another(domain: Domain, old: Scalar | None, rng: random.Random) -> Scalar:
    """A value at random, another than the old one where there is another; the default where there was none."""
    if old is None:
        return cast(Scalar, domain.default)
    for _ in range(10):
        value = domain.sample(rng)
        if value != old:
            return value
    return old


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
