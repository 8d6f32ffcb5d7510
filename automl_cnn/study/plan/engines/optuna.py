"""Optuna as an engine: its samplers and pruners over the declared space, TPE and a percentile rule by default.

The engine keeps the trials in memory and builds an Optuna study of them for every proposal; the record on disk stays the only truth.
The sampler is seeded from the study's seed, the number of trials and the number of proposals refused since, so that
a search that was killed and begun again proposes what it would have.
"""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Sequence
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from automl_cnn.config import PRUNERS, SAMPLERS, SINGLE
from automl_cnn.errors import ConfigError
from automl_cnn.pareto import front, point
from automl_cnn.records import State, Trial
from automl_cnn.space import Choice, Configuration, Domain, Float, Int, Scalar, Space
from automl_cnn.study.plan.engines.protocol import Proposal, seed_of

STARTUP = 8  # trials after which the model, not chance, proposes
WARMUP = 3  # tenths of a training within which nothing is called hopeless
MOST_WORDS = 3  # changes named one by one
CHANGED = 0.25  # the share of the best configuration's parameters that a variation draws again
KEPT_SHARE = 40.0  # percent of the rivals that a trial must not fall behind
LEAST_RIVALS = 3  # how many others a trial must be compared with before it may be called hopeless
POPULATION = 10  # of the genetic samplers; Optuna's own default of 50 is more than most studies try
WHOLE = 10  # tenths, the steps that pruners count in
HALVING = 2  # of the trials that reach a rung (2, 4, 8 tenths) one in HALVING goes on
THIRDS = 3  # the same for Hyperband's brackets, whose first rungs are at 1, 3 and 9 tenths

NAME = "automl-cnn"  # of the studies in memory; Hyperband draws a trial's bracket from it and the trial's number
BY_MODEL = {"tpe": "TPE", "gp": "a Gaussian process", "cmaes": "CMA-ES"}
GENETIC = {"nsga2": "NSGA-II", "nsga3": "NSGA-III"}
MARKS = {"nsga2", "nsga3", "cmaes", "hyperband", "successive_halving"}  # samplers and pruners that note on a trial what they need of it later

optuna.logging.set_verbosity(optuna.logging.ERROR)


class _Settled(FrozenTrial):
    """A trial of which nothing changes any more. Each proposal has a study of its own with a copy of every trial: these copies share what is in them."""

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        made = FrozenTrial.__new__(FrozenTrial)
        made.__dict__.update(self.__dict__)
        return made


def _settled(trial: FrozenTrial) -> FrozenTrial:
    trial.__class__ = _Settled
    return trial


class OptunaEngine:
    """One of Optuna's samplers over a conditional space, with one of its pruners against hopeless trials.

    Samplers. tpe: tree-structured Parzen estimators, at home in conditional spaces (Bergstra et al. 2011,
    https://papers.nips.cc/paper/4443); the default, and tpe and gp alone begin with variations of the best trial so far.
    gp: a Gaussian process, for few and mostly numeric parameters (needs torch). cmaes: for numeric parameters only
    (needs cmaes; Hansen 2016, https://arxiv.org/abs/1604.00772). nsga2, nsga3: a genetic algorithm, for hundreds of
    trials (Deb et al. 2002, https://doi.org/10.1109/4235.996017). random: the baseline to beat. gp, cmaes and the
    genetic ones model or cross the parameters that all trials have, and draw the conditional ones by chance.

    Several objectives. tpe splits the trials by non-dominated sorting (Ozaki et al. 2022, https://doi.org/10.1613/jair.1.13188), gp
    looks for hypervolume, nsga2 and nsga3 are made for them, random does not mind; cmaes knows one objective only. Variations
    are then of a trial on the Pareto front, and no trial is stopped half-way: Optuna defines that for one objective only.

    Pruners. percentile: stops what is not among the best 40 % that came so far; median: among the better half.
    successive_halving: at 2, 4 and 8 tenths the better half goes on (Li et al. 2020, https://arxiv.org/abs/1810.05934).
    hyperband: a third at 1, 3, 9 tenths, for a part of the trials only from the second or third of these on
    (Li et al. 2018, https://arxiv.org/abs/1603.06560). none: every trial is trained to its end.

    A failed trial is reported as the worst there is, so that the sampler avoids what it tried, unless it was
    interrupted through no fault of its own.

    Several trials at a time. To tpe and gp, a running trial is a bad one until it has ended (a constant liar: Ginsbourger et al. 2010,
    https://doi.org/10.1007/978-3-642-10701-6_6), so that the next proposal is elsewhere; the others propose by chance what is not running.
    """

    name = "optuna"
    note: str | None = None

    def __init__(self, space: Space, seed: int, sampler: str = "tpe", pruner: str = "percentile", objectives: Sequence[str] = ()) -> None:
        if objectives and sampler in SINGLE:
            raise ConfigError(f"The sampler '{sampler}' of optuna knows one objective only; received {', '.join(objectives)}. Choose another --sampler.")
        self.objectives = tuple(objectives)
        self.space = space
        self.seed = seed
        self.sampler = sampler
        self.pruner = pruner
        self._shadow = self._study(sampler if sampler in MARKS else "random", 0) if {sampler, pruner} & MARKS else None
        self._told = 0
        self._refused = 0  # proposals since the last trial that were not trained
        self._known: list[FrozenTrial] = []
        self._scored: list[Trial] = []
        self._running: dict[int, tuple[FrozenTrial, int | None]] = {}  # by number, trials under way, and which proposals they are
        self._open: dict[int, optuna.Trial] = {}  # the last proposal and those under way, by their numbers
        self._heard: dict[int, int] = {}  # the last step that was reported of each

    def ask(self) -> Proposal:
        """A configuration: by TPE, variations of the best at first. It stays the same until `begin`, `tell` or `refuse`."""
        begun = self._told + len(self._running)
        seed = seed_of(self.seed, begun, self._refused) % 2**32
        varied = self._best(seed) if self.sampler in ("tpe", "gp") and self._told < STARTUP else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the sampler's remarks on parameters that only some trials have
            study = self._study(self.sampler, seed)
            study.add_trials([*self._known, *(entry for entry, _ in self._running.values())])
            if varied is not None:
                study.enqueue_trial(variation(self.space, varied, random.Random(seed)))
            trial = study.ask()
            configuration = self._suggested(trial)
        under_way = {number for _, number in self._running.values() if number is not None}
        self._open = {number: opened for number, opened in self._open.items() if number in under_way}
        number = next(number for number in itertools.count(begun) if number not in under_way)
        self._open[number], self._heard[number] = trial, 0
        whose = "one of the Pareto front" if self.objectives else "the best so far"
        return Proposal(number, configuration, self._reason() if varied is None else f"{whose} with {changes(varied, configuration)}")

    def begin(self, trial: Trial, proposal: int | None) -> None:
        entry = create_trial(state=TrialState.RUNNING, params=dict(trial.configuration), distributions=distributions(self.space, trial.configuration))
        self._running[trial.number], self._refused = (_settled(entry), proposal), 0

    def refuse(self, proposal: Proposal) -> None:
        self._refused += 1

    def report(self, id: int, step: int, value: float) -> bool:
        trial = self._open.get(id)
        if trial is None or step <= self._heard[id] or self.objectives:
            return True
        self._heard[id] = step
        trial.report(value, step)
        return not trial.should_prune() or sum(bool(known.intermediate_values) for known in self._known) < LEAST_RIVALS

    def tell(self, trial: Trial) -> None:
        self._running.pop(trial.number, None)
        values = point(trial, self.objectives)
        failed = trial.state is State.FAILED or values is None
        if trial.lost or trial.state is State.RUNNING:
            return  # it is proposed again
        self._told, self._refused = self._told + 1, 0
        goes_on = trial.continue_from is not None  # trained before: its first epochs do not compete with a fresh trial's
        pruned = failed or trial.state is State.PRUNED  # a pruned trial without a single value is the worst there is
        entry = create_trial(
            state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
            values=None if pruned else values,
            params=dict(trial.configuration),
            distributions=distributions(self.space, trial.configuration),
            intermediate_values={} if failed or self.objectives or goes_on else {epoch.tenth: epoch.score for epoch in trial.epochs},
        )
        if self._shadow is not None:
            entry.system_attrs = self._marked(self._shadow, entry)
        self._known.append(_settled(entry))
        if not pruned:
            self._scored.append(trial)

    def _best(self, seed: int) -> Configuration | None:
        """The configuration to vary: the best; of several objectives, one of the Pareto front by chance."""
        if self.objectives:
            best = [trial for trial in front(self._scored, self.objectives) if trial.scored]
            return random.Random(seed).choice(best).configuration if best else None
        known = max(self._scored, key=lambda trial: trial.score or 0.0, default=None)
        return None if known is None else known.configuration

    def _study(self, sampler: str, seed: int) -> optuna.Study:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            directions = [StudyDirection.MAXIMIZE] * max(1, len(self.objectives))  # costs are reported with a minus sign
            return optuna.create_study(study_name=NAME, directions=directions, sampler=_sampler(sampler, seed), pruner=_pruner(self.pruner))

    def _suggested(self, trial: optuna.Trial) -> dict[str, Scalar]:
        configuration: dict[str, Scalar] = {}
        for parameter in self.space:
            if parameter.active(configuration):
                configuration[parameter.name] = _suggest(trial, parameter.name, parameter.domain)
        return configuration

    def _marked(self, shadow: optuna.Study, entry: FrozenTrial) -> dict[str, Any]:
        """What sampler and pruner note on a trial as it passes them (its generation, its rungs), had from living it again."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shadow.enqueue_trial(entry.params)
            again = shadow.ask()
            _ = again.relative_params  # the sampler is at work only when it is asked for values, which this trial has
            self._suggested(again)
            for step, value in sorted(entry.intermediate_values.items()):
                again.report(value, step)
                again.should_prune()
            shadow.tell(again, entry.values, state=entry.state)
        return {key: value for key, value in shadow.get_trials(deepcopy=False)[-1].system_attrs.items() if key != "fixed_params"}

    def _reason(self) -> str:
        if self.sampler in GENETIC:
            born = sum(known.state is TrialState.COMPLETE for known in self._known) >= POPULATION
            return f"proposed by {GENETIC[self.sampler]}" if born else "at random"
        model = self.sampler in BY_MODEL and self._told >= (1 if self.sampler == "cmaes" else STARTUP)
        return f"proposed by {BY_MODEL[self.sampler]}" if model else "at random"


def _sampler(name: str, seed: int) -> BaseSampler:
    samplers = optuna.samplers
    if name == "gp":
        return samplers.GPSampler(seed=seed, n_startup_trials=STARTUP)
    if name == "cmaes":
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    if name == "nsga2":
        return samplers.NSGAIISampler(seed=seed, population_size=POPULATION)
    if name == "nsga3":
        return samplers.NSGAIIISampler(seed=seed, population_size=POPULATION)
    if name == "random":
        return samplers.RandomSampler(seed=seed)
    if name == "tpe":
        return samplers.TPESampler(seed=seed, group=True, n_startup_trials=STARTUP)
    raise ConfigError(f"Optuna has no sampler '{name}'. Expected one of: {', '.join(SAMPLERS['optuna'])}.")


def _pruner(name: str) -> BasePruner:
    pruners = optuna.pruners
    if name == "median":
        return pruners.MedianPruner(n_startup_trials=LEAST_RIVALS, n_warmup_steps=WARMUP, n_min_trials=LEAST_RIVALS)
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=1, max_resource=WHOLE, reduction_factor=THIRDS)
    if name == "successive_halving":
        return pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=HALVING)
    if name == "none":
        return pruners.NopPruner()
    if name == "percentile":
        return pruners.PercentilePruner(KEPT_SHARE, n_startup_trials=LEAST_RIVALS, n_warmup_steps=WARMUP, n_min_trials=LEAST_RIVALS)
    raise ConfigError(f"Optuna has no pruner '{name}'. Expected one of: {', '.join(PRUNERS['optuna'])}.")


def variation(space: Space, configuration: Configuration, rng: random.Random) -> dict[str, Scalar]:
    """The configuration with about a quarter of its parameters drawn again, at least one; the architecture stays.

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
