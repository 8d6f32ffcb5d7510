"""A declared space as KerasTuner's oracles take it. Importing this imports Keras and its backend: 8 to 12 s.

Every choice crosses as the number of its option: KerasTuner's own choices must be of one type and
turn booleans into integers. Tested with KerasTuner 1.4.8, which the project pins; what is reached into
below its public face is `Condition`, from which `Unless` derives, and how an oracle saves and seeds itself.
"""

from __future__ import annotations

from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine import hyperparameters as hp
from keras_tuner.src.engine import conditions

from automl_cnn.errors import ConfigError
from automl_cnn.space import Choice, Configuration, Domain, Float, Int, Scalar, Space

SCORE = "score"
STARTUP = 8  # trials after which the Gaussian process, not chance, proposes; KerasTuner's own default is three for every parameter: hundreds
LONGEST = 4  # Hyperband's longest training, in its shortest: a half and a quarter of a training are its other rungs
FACTOR = 2


class Unless(conditions.Condition):
    """The opposite of KerasTuner's only condition: active while the parameter has another value, or does not exist."""

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value

    def is_active(self, values: dict[str, Any]) -> bool:
        return self.name not in values or values[self.name] != self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unless) and (other.name, other.value) == (self.name, self.value)

    def __hash__(self) -> int:
        return hash((self.name, self.value))

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "value": self.value}


conditions.ALL_CLASSES["Unless"] = Unless  # an oracle copies its space by way of serialization


class _Informed:
    """What is common to our oracles: they keep nothing on disk, are reseeded for every proposal, and take trials of others."""

    given: dict[str, Any] | None = None  # the values of somebody else's trial

    def populate_space(self, trial_id: str) -> Any:
        if self.given is not None:
            return {"status": "RUNNING", "values": dict(self.given)}
        return super().populate_space(trial_id)  # type: ignore[misc]  # the oracle's, which comes next

    def save(self) -> None: ...

    def _save_trial(self, trial: Any) -> None: ...

    def reseed(self, seed: int) -> None:
        self.seed = self._seed_state = seed
        self._random_state = np.random.RandomState(seed)  # the Bayesian oracle's second source of chance


def oracle(space: Space, sampler: str) -> Any:
    """An oracle of KerasTuner over `space`, which maximizes `score` and lives in memory."""
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "random": (keras_tuner.oracles.RandomSearchOracle, {"max_trials": None}),
        "bayesian": (keras_tuner.oracles.BayesianOptimizationOracle, {"max_trials": None, "num_initial_points": STARTUP}),
        "hyperband": (keras_tuner.oracles.HyperbandOracle, {"max_epochs": LONGEST, "factor": FACTOR, "hyperband_iterations": 10**6}),
        "grid": (keras_tuner.oracles.GridSearchOracle, {}),
    }
    if sampler not in kinds:
        raise ConfigError(f"KerasTuner has no sampler '{sampler}'. Expected one of: {', '.join(kinds)}.")
    base, own = kinds[sampler]
    made = type(f"Informed{base.__name__}", (_Informed, base), {})(
        objective=keras_tuner.Objective(SCORE, direction="max"),
        hyperparameters=hyperparameters(space),
        allow_new_entries=False,
        tune_new_entries=False,
        seed=1,  # reseed() says which; 0 would stand for none
        max_consecutive_failed_trials=None,  # the loop decides when to give up
        **own,
    )
    made.verbose = 0
    return made


def hyperparameters(space: Space) -> Any:
    """The space in KerasTuner's words, conditions included."""
    made = keras_tuner.HyperParameters()
    for parameter in space:
        met = [conditions.Parent(name, [_in(space[name].domain, value)]) for name, value in parameter.when]
        unmet = [Unless(name, _in(space[name].domain, value)) for name, value in parameter.unless]
        made.merge([_hyperparameter(parameter.name, parameter.domain, [*met, *unmet])])
    return made


def _hyperparameter(name: str, domain: Domain, needed: list[Any]) -> Any:
    if isinstance(domain, Choice):
        return hp.Choice(name, list(range(len(domain.options))), default=_in(domain, domain.default), conditions=needed)
    if isinstance(domain, Int):
        spread = {"sampling": "log"} if domain.log else {"step": domain.step}
        return hp.Int(name, domain.low, domain.high, default=domain.default, conditions=needed, **spread)
    if isinstance(domain, Float):
        return hp.Float(name, domain.low, domain.high, sampling="log" if domain.log else "linear", default=domain.default, conditions=needed)
    raise TypeError(f"no KerasTuner hyperparameter for {domain!r}")


def encode(space: Space, configuration: Configuration) -> dict[str, Any]:
    """A configuration as an oracle's values."""
    return {name: _in(space[name].domain, value) for name, value in configuration.items()}


def decode(space: Space, values: dict[str, Any]) -> dict[str, Scalar]:
    """An oracle's values as a configuration; what KerasTuner says about the trial itself is left out."""
    return {parameter.name: _out(parameter.domain, values[parameter.name]) for parameter in space if parameter.name in values}


def _in(domain: Domain, value: Any) -> Any:
    if isinstance(domain, Choice):
        return next(index for index, option in enumerate(domain.options) if option == value and isinstance(option, bool) == isinstance(value, bool))
    return domain.normal(value)


def _out(domain: Domain, value: Any) -> Scalar:
    if isinstance(domain, Choice):
        option: Scalar = domain.options[value]
        return option
    if isinstance(domain, (Int, Float)):
        inside: Scalar = domain.normal(min(max(value, domain.low), domain.high))  # at its very end a logarithmic range overshoots
        return inside
    raise TypeError(f"no KerasTuner value for {domain!r}")
