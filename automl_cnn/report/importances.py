"""How much of the scores' differences each parameter accounts for, by Optuna, over any engine's trials.

Functional ANOVA restricted to the better trials (PED-ANOVA, Watanabe et al. 2023, https://arxiv.org/abs/2304.10255), which also
weighs parameters that only some configurations have.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from automl_cnn.records import State, Trial
from automl_cnn.space import Scalar

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LEAST = 16  # trials; a quarter of fewer than these is not enough to tell what the better ones have in common
BETTER = 0.25
SHOWN = 12


def importances(trials: Sequence[Trial]) -> tuple[tuple[tuple[str, float], ...], str]:
    """(parameter, share of one) each, the most important first, and a sentence about them; no shares where there are too few trials.

    Promoted trials are left out: they had more time, whatever their parameters.
    """
    fair = [trial for trial in trials if trial.score is not None and trial.state is not State.FAILED and trial.continue_from is None]
    if len(fair) < LEAST:
        return (), f"Too few trials of comparable length to rank the parameters: {len(fair)}, at least {LEAST} are needed."
    if len({trial.score for trial in fair}) < 2:
        return (), "All trials scored the same, so no parameter mattered."
    shares = _shares(fair)
    ranking = sorted(((name, share) for name, share in shares.items() if share > 0.005), key=lambda item: -item[1])[:SHOWN]
    return tuple(ranking), f"By PED-ANOVA over {len(fair)} trials, without promoted ones: what sets the best quarter apart. With this few, it is only a hint."


def _shares(trials: Sequence[Trial]) -> dict[str, float]:
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    spaces = _spaces([trial.configuration for trial in trials])
    study = optuna.create_study(direction="maximize")
    for trial in trials:
        known = {name: given for name, given in trial.configuration.items() if name in spaces}
        study.add_trial(create_trial(params=known, distributions={name: spaces[name] for name in known}, value=trial.score))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the evaluator is marked experimental
        try:
            return dict(get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=BETTER)))
        except ValueError:  # no parameter varies
            return {}


def _spaces(configurations: Sequence[Mapping[str, Scalar]]) -> dict[str, BaseDistribution]:
    """For every parameter that varies, the range it was seen in."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    names = dict.fromkeys(name for configuration in configurations for name in configuration)
    spaces: dict[str, BaseDistribution] = {}
    for name in names:
        seen = [configuration[name] for configuration in configurations if name in configuration]
        if len(set(map(str, seen))) < 2:
            continue
        if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in seen):
            low, high = min(map(float, seen)), max(map(float, seen))
            spaces[name] = FloatDistribution(low, high, log=low > 0 and math.log10(high / low) >= 1)
        else:
            spaces[name] = CategoricalDistribution(tuple(dict.fromkeys(seen)))
    return spaces
