"""Rules for regularizers: each hook returns what it is asked for, at every edge of the space."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Epoch, Regularizer, keras
from automl_cnn.testing.architectures import only_known_classes, saved_difference
from automl_cnn.testing.networks import CLASSES, Marker, compiled, numbers, onehot, photos
from automl_cnn.testing.rules import Point, Rule, Subject, broken, rule

HOOKS = ("penalty", "block", "branch", "dense", "built", "optimizer", "callbacks", "stop", "augment", "targets")
LAYERS = (("block", (4, 4, 8)), ("branch", (4, 4, 8)), ("dense", (6,)))
KERNELS = ((3, 3, 2, 4), (3, 3, 4, 1), (6, 3))
ROUNDING = 1e-3
TASKS = ("multiclass", "multilabel", "regression")
VALUE = 7.5  # of every image, in a regression
DECLARE = 'Let the result depend on `task` (in `targets`), or say what the plugin is for: tasks = ("multiclass", "multilabel").'


class Sample(Architecture):
    """A network with everything that regularizers act on. Choose it in checks."""

    name = "conformance_sample"
    min_size = 8

    def features(self, x: Any, net: Any) -> Any:
        x = blocks.conv(x, 8, 3, net=net, stride=2)
        x = net.after_block(x)
        return blocks.residual(x, blocks.conv(x, 8, 3, net=net, activation=None), net=net, activation="relu")

    def head(self, x: Any, net: Any) -> Any:
        return blocks.dense(net.before_dense(blocks.global_average_pool(x)), 6, net=net)


@rule()
def overrides_a_hook(subject: Subject) -> None:
    """It does something: at least one hook is its own."""
    if not _hooks(subject):
        broken("no hook of its own", f"one of {', '.join(HOOKS)}", "Write the method that does the work; mind its spelling.")


@rule()
def its_penalty_is_a_number(subject: Subject) -> None:
    """`penalty` returns None, or a Keras regularizer that gives a finite number for any kernel."""
    for point in _points(subject, "penalty"):
        penalty = subject.plugin(**point).penalty()
        if penalty is None:
            continue
        if not isinstance(penalty, keras.regularizers.Regularizer):
            broken(f"{type(penalty).__name__} from {subject.at(point)}.penalty()", "None or a keras.regularizers.Regularizer", "Return the regularizer.")
        for shape in KERNELS:
            number = np.asarray(keras.ops.convert_to_numpy(penalty(keras.ops.convert_to_tensor(np.full(shape, 0.5, np.float32)))))
            if number.size != 1 or not np.isfinite(number).all():
                broken(f"a penalty of {number} for a kernel of shape {shape} in {subject.at(point)}", "one finite number", "Sum over all axes.")


@rule()
def its_layers_act_in_training_only(subject: Subject) -> None:
    """The layers that `block`, `branch` and `dense` add keep the shape, and change nothing at prediction."""
    for hook, shape in LAYERS:
        for point in _points(subject, hook):
            given = keras.Input(shape)
            made = getattr(subject.plugin(**point), hook)(given)
            where = f"{subject.at(point)}.{hook}"
            if not isinstance(made, keras.KerasTensor) or tuple(made.shape) != (None, *shape):
                result = getattr(made, "shape", type(made).__name__)
                broken(f"{result} from {where} of (None, {', '.join(map(str, shape))})", "a tensor of the same shape", "Return the layer's output.")
            if made is given:
                continue
            values = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
            model = keras.Model(given, made)
            for setting, passed in (("training=False", model(values, training=False)), ("no training=", model(values))):
                if not np.allclose(keras.ops.convert_to_numpy(passed), values, atol=1e-6):
                    broken(f"that {where} changes values with {setting}", "nothing to change when predicting", "Do nothing unless `training` is true.")
            if not np.isfinite(keras.ops.convert_to_numpy(model(values, training=True))).all():
                broken(f"infinite values from {where} in training", "finite ones", "Mind a rate of 1.")


@rule()
def its_augmentation_keeps_the_form(subject: Subject) -> None:
    """`augment` returns the same number of images within 0..255 and of labels, does not modify its arguments, and draws only from its generator."""
    for point in _points(subject, "augment"):
        for dtype, count, channels in ((np.uint8, 6, 3), (np.float32, 6, 3), (np.uint8, 1, 3), (np.uint8, 6, 1)):
            _augmented(subject, point, dtype, count, channels)


@rule()
def it_names_tasks_that_there_are(subject: Subject) -> None:
    """`tasks` is None, which means all tasks, or a tuple of names of tasks."""
    tasks = subject.plugin.tasks
    if tasks is not None and (not isinstance(tasks, tuple) or not tasks or set(tasks) - set(TASKS)):
        broken(f"tasks = {tasks!r}", f"None or a tuple of some of {', '.join(TASKS)}", 'Write it as in tasks = ("multiclass", "multilabel").')


@rule(after=("its_augmentation_keeps_the_form", "it_names_tasks_that_there_are"))
def its_labels_fit_every_task_it_is_for(subject: Subject) -> None:
    """`augment` and `targets` give distributions for "multiclass", numbers within 0..1 for "multilabel"; equal values stay for "regression"."""
    for task in (task for task in TASKS if subject.plugin.suits(task)):
        for point in _points(subject, "augment") or _points(subject, "targets"):
            plugin, images, labels = subject.plugin(**point), photos(6, 12), _labels_for(task, 6)
            given = labels.copy()
            labels.setflags(write=False)
            _, mixed = plugin.augment(images, labels, np.random.default_rng(7))
            for hook, made in (("augment", mixed), ("targets", plugin.targets(mixed, task))):
                where = f"{subject.at(point)}.{hook} for the task {task}"
                if np.shape(made) != given.shape:
                    broken(f"labels of shape {np.shape(made)} from {where}", f"{given.shape}", "Keep the form.")
                if task == "regression" and not np.allclose(made, VALUE, rtol=ROUNDING):
                    broken(f"{np.ravel(made)[0]:g} from {where}, of images that all have {VALUE:g}", f"{VALUE:g}", DECLARE)
                if task != "regression" and not (np.min(made) >= -ROUNDING and np.max(made) <= 1 + ROUNDING):
                    broken(f"labels from {np.min(made):g} to {np.max(made):g} from {where}", "numbers within 0..1", "Mix labels as you mix images.")
                if task == "multiclass" and not np.allclose(np.sum(made, axis=1), 1, atol=ROUNDING):
                    sums = np.round(np.sum(made, axis=1), 3).tolist()
                    broken(f"labels whose rows sum to {sums} from {where}", "distributions: rows that sum to 1", "Mix labels as you mix images.")


@rule()
def it_returns_optimizers_callbacks_and_a_verdict(subject: Subject) -> None:
    """`optimizer` returns a Keras optimizer, `callbacks` Keras callbacks, and `stop` a bool after any number of epochs."""
    for point in subject.edges:
        plugin = subject.plugin(**point)
        optimizer = plugin.optimizer(keras.optimizers.Adam(1e-3))
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            broken(f"{type(optimizer).__name__} from {subject.at(point)}.optimizer", "a keras.optimizers.Optimizer", "Return the one you were given.")
        callbacks = plugin.callbacks()
        if not isinstance(callbacks, Sequence) or any(not isinstance(one, keras.callbacks.Callback) for one in callbacks):
            broken(f"{callbacks!r} from {subject.at(point)}.callbacks", "a sequence of keras.callbacks.Callback", "Return a list.")
        for history, epochs in _histories():
            verdict = plugin.stop(epochs)
            if not isinstance(verdict, (bool, np.bool_)):
                broken(f"{verdict!r} from {subject.at(point)}.stop after {history}", "True or False", "Return a comparison; mind an empty list.")


@rule(after=("its_penalty_is_a_number", "its_layers_act_in_training_only", "it_returns_optimizers_callbacks_and_a_verdict"))
def works_in_a_network_that_can_be_saved(subject: Subject) -> None:
    """A small network with all its hooks and another penalty trains with a finite loss, and predicts the same after saving and loading in safe mode."""
    from automl_cnn.models.build import network

    images, labels = photos(6, 8), onehot(6)
    for point in subject.far if set(_hooks(subject)) - {"augment", "targets", "stop"} else [{}]:
        plugin = subject.plugin(**point)
        net = network(Sample(), classes=CLASSES, channels=3, size=8, regularizers=(plugin, Marker()))
        training = compiled(net, plugin.optimizer(keras.optimizers.SGD(1e-3)))
        batch, targets = plugin.augment(images, labels, np.random.default_rng(0))
        training.fit(np.asarray(batch), np.asarray(targets), batch_size=6, epochs=1, shuffle=False, callbacks=list(plugin.callbacks()), verbose=0)
        if any(not np.isfinite(weights).all() for weights in numbers(training.variables)):
            broken(f"weights that are not finite after one step with {subject.at(point)}", "finite ones", "Narrow the space's ranges.")
        only_known_classes(net.model)
        difference = saved_difference(net.model, images)
        if not difference <= 1e-5:
            broken(f"predictions that differ by {difference:.2g} after saving and loading with {subject.at(point)}", "at most 1e-5", "Check get_config.")


RULES: tuple[Rule, ...] = (
    overrides_a_hook,
    its_penalty_is_a_number,
    its_layers_act_in_training_only,
    its_augmentation_keeps_the_form,
    it_names_tasks_that_there_are,
    its_labels_fit_every_task_it_is_for,
    it_returns_optimizers_callbacks_and_a_verdict,
    works_in_a_network_that_can_be_saved,
)


def _hooks(subject: Subject) -> list[str]:
    return [hook for hook in HOOKS if getattr(subject.plugin, hook) is not getattr(Regularizer, hook)]


def _points(subject: Subject, hook: str) -> list[Point]:
    """The points at which to check a hook; none if the plugin does not override it."""
    return [*subject.edges, *subject.mixed] if hook in _hooks(subject) else []


def _augmented(subject: Subject, point: Point, dtype: Any, count: int, channels: int) -> None:
    plugin = subject.plugin(**point)
    where = f"{subject.at(point)}.augment of {count} {np.dtype(dtype).name} images with {channels} channels"
    images = np.random.default_rng(1).integers(0, 256, (count, 12, 12, channels)).astype(dtype)
    labels = onehot(count)
    kept = images.copy(), labels.copy()
    for array in (images, labels):
        array.setflags(write=False)
    try:
        made, targets = plugin.augment(images, labels, np.random.default_rng(7))
        again, same = plugin.augment(images, labels, np.random.default_rng(7))
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        broken(f"that {where} writes into the arrays it was given", "new arrays", "Copy first.")
    if not (np.array_equal(images, kept[0]) and np.array_equal(labels, kept[1])):
        broken(f"that {where} writes into the arrays it was given", "new arrays", "Copy first.")
    if made.shape != images.shape or made.dtype not in (np.uint8, np.float32):
        broken(f"{made.dtype} images of shape {made.shape} from {where}", f"uint8 or float32 of shape {images.shape}", "Keep the form.")
    if not np.isfinite(made).all() or made.min() < -ROUNDING or made.max() > 255 + ROUNDING:
        broken(f"pixels from {made.min()} to {made.max()} from {where}", "0..255", "Clip, with numpy.clip.")
    if targets.shape != labels.shape:
        broken(f"labels of shape {targets.shape} from {where}", f"{labels.shape}", "Keep the form.")
    if not (np.array_equal(made, again) and np.array_equal(targets, same)):
        broken(f"other images from {where} with a generator of the same seed", "the same", "Draw from `rng` alone.")


def _labels_for(task: str, count: int) -> np.ndarray:
    """Labels in the form of a task. For several labels, some images have none and some have all."""
    if task == "regression":
        return np.full((count, 1), VALUE, np.float32)
    if task == "multilabel":
        return np.array([[number > 0 and label % number == 0 for label in range(CLASSES)] for number in range(count)], np.float32)
    return onehot(count)


def _histories() -> Iterator[tuple[str, tuple[Epoch, ...]]]:
    yield "no epoch", ()
    yield "one epoch", _epochs([1.0])
    yield "sixty epochs, ever better", _epochs([1 / (1 + number) for number in range(60)])
    yield "sixty epochs, ever worse", _epochs([1.0 + number for number in range(60)])
    yield "an epoch whose loss is not a number", _epochs([1.0, math.nan])


def _epochs(losses: Sequence[float]) -> tuple[Epoch, ...]:
    return tuple(
        Epoch(
            number=number,
            epochs=len(losses),
            seconds=float(number),
            loss=loss,
            accuracy=0.5,
            val_loss=loss,
            val_accuracy=0.5,
            score=0.0 if math.isnan(loss) else 1 / (1 + loss),
            learning_rate=1e-3,
        )
        for number, loss in enumerate(losses, 1)
    )
