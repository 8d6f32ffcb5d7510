"""Rules for architectures. Most are checked on shapes only; four need the weights of a small network."""

from __future__ import annotations

import json
import math
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.errors import PluginError, SpaceError
from automl_cnn.plugin import keras
from automl_cnn.testing.networks import CLASSES, Built, compiled, numbers, onehot, photos, predicted, shapeless, shapes, small
from automl_cnn.testing.rules import Point, Rule, Subject, broken, rule

DEFAULT = "builds_its_default"
MULTIPLIERS = (0.25, 1.4)  # of width and depth at once, at each edge of the space
LARGE = 256  # px: borders and the left-out strides of small images no longer matter
WIDTH_POWER = (1.5, 2.4)
SIZE_POWER = (1.6, 2.6)
STEADY = (0.5, 1.5)  # the third repeat's cost over the second's


@rule()
def builds_its_default(subject: Subject) -> None:
    """The default builds at `min_size` and at 64 px, for color and for gray images, and gives a map that is not empty."""
    smallest = subject.plugin.min_size
    with shapeless():
        for size, channels in dict.fromkeys(((smallest, 3), (smallest, 1), (max(smallest, 64), 3))):
            shapes(subject.plugin(), size=size, channels=channels)


@rule(after=(DEFAULT,))
def builds_at_every_edge_of_its_space(subject: Subject) -> None:
    """Every edge of its space builds at `min_size`, narrow and shallow as well as wide and deep."""
    failures = [(where, result) for where, result in _edges(subject) if not isinstance(result, Built)]
    if failures:
        where, why = failures[0]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        broken(f"that {where} does not build{more}: {why}", "every point of the space to build at min_size", "Narrow the space, or raise min_size.")


@rule(after=(DEFAULT,))
def every_kernel_is_penalized(subject: Subject) -> None:
    """Every kernel asks for `net.penalty()`."""
    for where, result in _edges(subject):
        if not isinstance(result, Built):
            continue
        bare = [kernel for kernel in result.kernels if not kernel.penalized]
        if bare:
            listed = ", ".join(f"{kernel.path} {kernel.shape}" for kernel in bare[:3])
            broken(
                f"{len(bare)} of {len(result.kernels)} kernels without the penalty in {where}: {listed}",
                "net.penalty() on every kernel, else L1 and L2 cannot act on it",
                "Build with automl_cnn.blocks, or pass kernel_regularizer=net.penalty() (depthwise_regularizer, pointwise_regularizer).",
            )


@rule(after=(DEFAULT,))
def the_width_multiplier_widens(subject: Subject) -> None:
    """The mult-adds grow about as the square of the width multiplier."""
    costs = _costs(subject)
    for low, high in ((0.5, 1.0), (1.0, 2.0)):
        power = _power(costs[high, 1.0, 1], costs[low, 1.0, 1])
        if not WIDTH_POWER[0] <= power <= WIDTH_POWER[1]:
            broken(
                f"that width {low:g} -> {high:g} brings mult-adds from {costs[low, 1.0, 1]:,} to {costs[high, 1.0, 1]:,}, a power of {power:.2f}",
                f"a power of {WIDTH_POWER[0]} to {WIDTH_POWER[1]}",
                "Spell every number of channels net.width(n), once; net.stem does so itself.",
            )


@rule(after=(DEFAULT,))
def the_depth_multiplier_deepens(subject: Subject) -> None:
    """The mult-adds grow with the depth multiplier, by about the same amount each time."""
    costs = _costs(subject)
    one, two, three = (costs[1.0, depth, 1] for depth in (1.0, 2.0, 3.0))
    observation = f"that depth 1, 2, 3 cost {one:,}, {two:,}, {three:,} mult-adds"
    if not one < two < three:
        broken(observation, "more with each", "Repeat what is repeated net.depth(n) times: for _ in range(net.depth(1)).")
    if not STEADY[0] <= (three - two) / (two - one) <= STEADY[1]:
        broken(observation, "about the same increase each time", "Let net.depth(n) count repeats of blocks of equal cost, and apply it once.")


@rule(after=(DEFAULT,))
def the_resolution_counts(subject: Subject) -> None:
    """The mult-adds grow about as the square of the input's size."""
    costs = _costs(subject)
    power = _power(costs[1.0, 1.0, 2], costs[1.0, 1.0, 1])
    if not SIZE_POWER[0] <= power <= SIZE_POWER[1]:
        size = _large(subject)
        broken(
            f"that {size} px -> {2 * size} px brings mult-adds from {costs[1.0, 1.0, 1]:,} to {costs[1.0, 1.0, 2]:,}, a power of {power:.2f}",
            f"a power of {SIZE_POWER[0]} to {SIZE_POWER[1]}",
            "Let the map grow with the input: no resizing, no strides that depend on the size beyond net.early_stride.",
        )


@rule(after=(DEFAULT,))
def the_kept_model_has_one_output(subject: Subject) -> None:
    """The saved model has one output of probabilities; auxiliary classifiers are for training only."""
    for where, result in _edges(subject):
        if isinstance(result, Built) and result.outputs != ((None, CLASSES),):
            broken(f"outputs of shapes {result.outputs} in {where}", f"one of shape (None, {CLASSES})", "Put further classifiers on with net.auxiliary.")


@rule(after=(DEFAULT,))
def predictions_do_not_depend_on_the_batch(subject: Subject) -> None:
    """Called without `training=`, the model predicts the same for an image alone and in a batch, repeatedly, and does not change."""
    model = _small(subject).model
    logits = keras.Model(model.inputs, model.get_layer("classifier").output)
    before = numbers(model.non_trainable_variables)
    images = photos(3, subject.plugin.min_size)
    alone, among = predicted(logits, images[:1]), predicted(logits, images)
    again = predicted(logits, images)
    after = numbers(model.non_trainable_variables)
    do = "Let layers follow the `training` they are given; keep keras.layers.Resizing and Random* layers, which call with training=True, out of the network."
    if any(not np.array_equal(old, new) for old, new in zip(before, after, strict=True)):
        broken("that a prediction changed the norms' statistics", "a model that stays as it is", do)
    if not _close(among, again):
        broken(f"{among[0]} and then {again[0]} for the same images", "the same twice", do)
    if not _close(alone[0], among[0]):
        broken(f"{alone[0]} for an image alone, {among[0]} among others", "the same", do)


@rule(after=(DEFAULT,))
def holds_only_layers_that_can_be_loaded(subject: Subject) -> None:
    """Every layer is Keras's own, or registered under a package; none holds code."""
    only_known_classes(_small(subject).model)


@rule(after=(DEFAULT, "holds_only_layers_that_can_be_loaded", "predictions_do_not_depend_on_the_batch"))
def survives_saving(subject: Subject) -> None:
    """Saved and loaded in safe mode, the model predicts the same to 1e-5."""
    model = _small(subject).model
    images = photos(3, subject.plugin.min_size)
    difference = saved_difference(model, images)
    if not difference <= 1e-5:
        broken(f"predictions that differ by {difference:.2g} after saving and loading", "at most 1e-5", "Let get_config name every argument of __init__.")


@rule(after=(DEFAULT,))
def the_seed_decides_the_weights(subject: Subject) -> None:
    """Built with one seed, all weights are equal; with another, the kernels differ."""
    models = (_small(subject).model, *(small(subject.plugin(), seed=seed).model for seed in (0, 1)))
    first, again, other = (numbers(model.trainable_variables) for model in models)
    do = "Give initializers no seed, draw nothing yourself."
    if [weights.shape for weights in first] != [weights.shape for weights in again] or any(map(_unlike, first, again)):
        broken("two networks of one seed with different weights", "the same", do)
    drawn = [(one, two) for one, two in zip(first, other, strict=True) if one.size > 1 and np.ptp(one) > 0]
    same = [one.shape for one, two in drawn if not _unlike(one, two)]
    if 2 * len(same) > len(drawn) - 1:  # except for the classifier, which is not the plugin's
        broken(f"{len(same)} of {len(drawn)} kernels that another seed leaves as they were", "other weights", do)


@rule(after=(DEFAULT,))
def one_step_of_training_reaches_every_weight(subject: Subject) -> None:
    """One step of training gives a finite loss, finite weights and a gradient for every trainable weight."""
    training = compiled(small(subject.plugin()), keras.optimizers.SGD(1e-3))
    images, labels = photos(4, subject.plugin.min_size), onehot(4)
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        loss = training.train_on_batch(images, [labels] * len(training.outputs) if len(training.outputs) > 1 else labels)
    worst = float(np.max(np.asarray(loss)))
    if not math.isfinite(worst) or any(not np.isfinite(weights).all() for weights in numbers(training.variables)):
        broken(f"a loss of {worst} and weights that are not all finite", "finite numbers", "Normalize, or initialize with he_normal.")
    missing = [str(one.message) for one in records if "Gradients do not exist" in str(one.message)]
    if missing:
        broken(missing[0].partition(" when ")[0], "a gradient for every trainable weight", "Remove stop_gradient, or make the weight not trainable.")


@rule()
def its_pretrained_weights_are_points_of_its_space(subject: Subject) -> None:
    """Each of `pretrained` has a name of its own, a source, a point of the space and a size that builds."""
    entries = tuple(subject.plugin.pretrained)
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        broken(f"the names {names}", "one name each", "Rename.")
    for entry in entries:
        if not entry.source.startswith(("package:", "keras:")):
            broken(f"source = {entry.source!r} of '{entry.name}'", "package:NAME/FILE or keras:FUNCTION", "Say where the weights are found.")
        if entry.size < subject.plugin.min_size or entry.width <= 0 or entry.depth <= 0:
            broken(f"size {entry.size}, width {entry.width}, depth {entry.depth} of '{entry.name}'", "at least min_size, and above zero", "Correct it.")
        try:
            subject.plugin(**entry.point)
        except SpaceError as error:
            broken(f"a point of '{entry.name}' outside the space: {error}", "a point of the space", "Correct the point, or widen the space.")


RULES: tuple[Rule, ...] = (
    its_pretrained_weights_are_points_of_its_space,
    builds_its_default,
    builds_at_every_edge_of_its_space,
    every_kernel_is_penalized,
    the_kept_model_has_one_output,
    the_width_multiplier_widens,
    the_depth_multiplier_deepens,
    the_resolution_counts,
    predictions_do_not_depend_on_the_batch,
    holds_only_layers_that_can_be_loaded,
    survives_saving,
    the_seed_decides_the_weights,
    one_step_of_training_reaches_every_weight,
)


def only_known_classes(model: Any) -> None:
    """Nothing in the model is refused by safe loading.

    Raises:
        Broken: something is.
    """
    strangers = sorted(set(_strangers(json.loads(model.to_json()))))
    if strangers:
        broken(
            f"{', '.join(strangers)} in the network",
            "classes of Keras's, or registered ones; no Lambda",
            'Decorate a class of your own with @keras.saving.register_keras_serializable(package="...") and give it get_config.',
        )


def saved_difference(model: Any, images: np.ndarray) -> float:
    """The largest difference of a prediction after saving and loading in safe mode; infinite where one is not a number."""
    import automl_cnn.layers  # noqa: F401  # registers our own layers

    with tempfile.TemporaryDirectory(prefix="automl-cnn-check-") as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
    difference = float(np.max(np.abs(predicted(model, images) - predicted(loaded, images))))
    return difference if math.isfinite(difference) else math.inf


def _edges(subject: Subject) -> list[tuple[str, Built | str]]:
    """Every edge, and some points at random, each with the network that was built, or the reason why it was not."""

    def make() -> list[tuple[str, Built | str]]:
        size = subject.plugin.min_size
        jobs: list[tuple[Point, float]] = [(point, multiplier) for point in subject.edges for multiplier in MULTIPLIERS]
        jobs += [(point, MULTIPLIERS[0]) for point in subject.mixed]
        made: list[tuple[str, Built | str]] = []
        with shapeless():
            for point, multiplier in jobs:
                where = f"{subject.at(point)} at {size} px, width and depth {multiplier:g}"
                try:
                    made.append((where, shapes(subject.plugin(**point), size=size, width=multiplier, depth=multiplier)))
                except PluginError as error:
                    made.append((where, str(error)))
        return made

    edges: list[tuple[str, Built | str]] = subject.once("edges", make)
    return edges


def _costs(subject: Subject) -> dict[tuple[float, float, int], int]:
    """Mult-adds of the default by width, depth and times the large size."""

    def make() -> dict[tuple[float, float, int], int]:
        wanted = ((1.0, 1.0, 1), (0.5, 1.0, 1), (2.0, 1.0, 1), (1.0, 2.0, 1), (1.0, 3.0, 1), (1.0, 1.0, 2))
        with shapeless():
            return {(w, d, r): shapes(subject.plugin(), size=r * _large(subject), width=w, depth=d).mult_adds for w, d, r in wanted}

    costs: dict[tuple[float, float, int], int] = subject.once("costs", make)
    return costs


def _large(subject: Subject) -> int:
    return max(LARGE, int(subject.plugin.min_size))


def _small(subject: Subject) -> Any:
    return subject.once("small", lambda: small(subject.plugin()))


def _power(more: int, less: int) -> float:
    """The exponent p in more / less = 2 ** p."""
    return math.log2(more / less) if more > 0 and less > 0 else 0.0


def _close(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(np.allclose(one, two, rtol=1e-3, atol=1e-4 * float(np.max(np.abs(one), initial=1e-3))))


def _unlike(one: np.ndarray, two: np.ndarray) -> bool:
    return not np.array_equal(one, two)


def _strangers(config: Any) -> Iterator[str]:
    """The classes and functions that a model's description names and that safe loading would refuse."""
    if isinstance(config, list):
        for item in config:
            yield from _strangers(item)
    elif isinstance(config, dict):
        name, module, registered = config.get("class_name"), config.get("module"), config.get("registered_name")
        if name in ("Lambda", "__lambda__"):
            yield str(name)
        elif "module" in config and isinstance(name, str) and ">" not in str(registered):
            if name == "function":
                yield f"the function {config.get('config')!r}"
            elif module is None or not str(module).startswith("keras"):
                yield f"{name} (unregistered)"
        for item in config.values():
            yield from _strangers(item)
