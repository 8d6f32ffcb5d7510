"""Engines propose configurations: Optuna's samplers, or KerasTuner's oracles. None is imported before it is chosen."""

from __future__ import annotations

import importlib.util

from automl_cnn.config import StudyConfig
from automl_cnn.errors import ConfigError
from automl_cnn.space import Space
from automl_cnn.study.plan.engines.protocol import Engine, Proposal

__all__ = ["Engine", "Proposal", "engine_for", "require"]

NEEDS = {("optuna", "gp"): "torch", ("optuna", "cmaes"): "cmaes", ("keras-tuner", "bayesian"): "sklearn"}  # import names


def require(config: StudyConfig) -> None:
    """See that the chosen sampler can be used.

    Raises:
        ConfigError: it needs a package that is not installed.
    """
    package = NEEDS.get((config.engine, config.sampler))
    if package is not None and importlib.util.find_spec(package) is None:
        install = {"sklearn": "scikit-learn"}.get(package, package)
        raise ConfigError(
            f"The sampler '{config.sampler}' of {config.engine} needs the package {install}, which is not installed. "
            f"Install it with: pip install {install}, or choose another --sampler."
        )


def engine_for(config: StudyConfig, space: Space) -> Engine:
    """The engine that the settings name, without any trials yet.

    Raises:
        ConfigError: as `require`.
    """
    require(config)
    if config.engine == "keras-tuner":
        from automl_cnn.study.plan.engines.keras_tuner import KerasTunerEngine

        return KerasTunerEngine(space, config.seed, config.sampler)
    from automl_cnn.study.plan.engines.optuna import OptunaEngine

    return OptunaEngine(space, config.seed, config.sampler, config.pruner, config.objectives or ())
