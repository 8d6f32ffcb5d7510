"""Rules for optimizers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from automl_cnn.plugin import keras
from automl_cnn.testing.rules import Point, Rule, Subject, broken, rule

STEPS = (1, 10, 1000)
LOOKED_AT = 12  # places of a schedule
BUILDS = "builds_a_keras_optimizer"


@rule()
def builds_a_keras_optimizer(subject: Subject) -> None:
    """`build` returns a Keras optimizer at every edge of its space, for 1, 10 and 1000 steps."""
    for point, steps in _edges(subject):
        made = subject.plugin(**point).build(steps)
        if not isinstance(made, keras.optimizers.Optimizer):
            broken(f"{type(made).__name__} from {subject.at(point)}.build({steps})", "a keras.optimizers.Optimizer", "Return the optimizer itself.")


@rule(after=(BUILDS,))
def builds_a_fresh_one_each_time(subject: Subject) -> None:
    """Two calls of `build` return two optimizers, which share no schedule or state."""
    plugin = subject.plugin()
    first, second = plugin.build(10), plugin.build(10)
    if first is second:
        broken("the same optimizer from two calls of build", "a fresh one each time", "Make the optimizer inside of build.")
    variable = keras.Variable(np.ones(2, np.float32))
    first.apply([keras.ops.convert_to_tensor(np.ones(2, np.float32))], [variable])
    if int(keras.ops.convert_to_numpy(second.iterations)) != 0:
        broken("that a step of one counts for the other", "optimizers that share nothing", "Make the optimizer inside of build.")


@rule(after=(BUILDS,))
def the_learning_rate_is_a_rate(subject: Subject) -> None:
    """The learning rate is finite and never negative over all steps, and positive at some step."""
    for point, steps in _edges(subject):
        rates = _rates(subject.plugin(**point).build(steps), steps)
        if not np.isfinite(rates).all() or rates.min() < 0 or rates.max() <= 0:
            broken(
                f"learning rates from {rates.min():.3g} to {rates.max():.3g} in {subject.at(point)}.build({steps})",
                "finite rates, none negative and not all zero",
                "Use automl_cnn.blocks.learning_rate, and mind trainings of one step.",
            )


@rule(after=(BUILDS,))
def its_steps_move_the_weights(subject: Subject) -> None:
    """Ten steps down a small bowl move the weights, and leave them finite."""
    start = np.array([3.0, -2.0], np.float32)
    for point in subject.edges:
        optimizer = subject.plugin(**point).build(10)
        weights = keras.Variable(start)
        for _ in range(10):
            optimizer.apply([keras.ops.convert_to_tensor(weights.value)], [weights])
        reached = np.asarray(keras.ops.convert_to_numpy(weights))
        if not np.isfinite(reached).all() or np.array_equal(reached, start):
            broken(f"the weights {start} at {reached} after ten steps of {subject.at(point)}", "finite weights that moved", "Narrow the space's ranges.")


@rule(after=(BUILDS,))
def survives_its_own_description(subject: Subject) -> None:
    """`from_config(get_config())` gives the same optimizer: the trainer rebuilds it with another learning rate."""
    for point in subject.edges:
        made = subject.plugin(**point).build(10)
        again = type(made).from_config(made.get_config())
        if again.get_config() != made.get_config():
            changed = sorted(key for key, value in made.get_config().items() if again.get_config().get(key) != value)
            broken(f"that {', '.join(changed) or 'something'} of {subject.at(point)} changes", "the same configuration", "Let get_config name every argument.")
        plain = type(made).from_config({**made.get_config(), "learning_rate": 0.25})
        if not np.isclose(float(keras.ops.convert_to_numpy(plain.learning_rate)), 0.25):
            broken("that a rate given as learning_rate is not taken", "an optimizer whose rate can be set", "Build on a stock Keras optimizer.")


RULES: tuple[Rule, ...] = (
    builds_a_keras_optimizer,
    builds_a_fresh_one_each_time,
    the_learning_rate_is_a_rate,
    its_steps_move_the_weights,
    survives_its_own_description,
)


def _edges(subject: Subject) -> Iterator[tuple[Point, int]]:
    for point in (*subject.edges, *subject.mixed):
        for steps in STEPS:
            yield point, steps


def _rates(optimizer: Any, steps: int) -> np.ndarray:
    rates = []
    for step in np.unique(np.linspace(0, steps - 1, LOOKED_AT).round().astype(int)):
        optimizer.iterations.assign(int(step))
        rates.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
    return np.array(rates)
