"""A readout fitted on growing parts of the images it learns from: how far more images help it, for the price of a few regressions.

Its features are in the cache. The images to learn from are dealt into eight parts, alike in what they show, versions of one photo together. A part of an
eighth, a fourth or a half is one, two or four of these: several draws of each size, apart from each other and nested in the larger ones.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import keras
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it, without types

from automl_cnn.config import Metric
from automl_cnn.data import Dataset
from automl_cnn.growth import Size, Sizes
from automl_cnn.processes import cores
from automl_cnn.registry import Registry
from automl_cnn.tasks import Task
from automl_cnn.tasks.draws import photo_draws
from automl_cnn.tasks.stratify import dealt
from automl_cnn.tasks.task import Pairs
from automl_cnn.train import probe
from automl_cnn.train.clean import clean
from automl_cnn.train.crossed import SEED
from automl_cnn.train.reading import read_out
from automl_cnn.train.regression import ENOUGH, FOLDS, LEAST, prepare, regress
from automl_cnn.train.spec import Emit, TrialSpec
from automl_cnn.train.trial import FEW, ORDER, Training

PARTS = 8
SIZES = (8, 4, 2, 1)  # parts that a draw has, in the order in which they are measured: without time, the smallest are left out
MOST_DRAWS = 3  # of one size
LEAST_EACH = 2  # images for each output, on average, that a part needs
NEAR = (0.1, 1.0, 10.0)  # times the strength of the whole, that are tried for a part: fewer images may want another penalty
MARGIN = 1.5  # times as long as the size before takes, at most
BOOTSTRAP = 400


@dataclass(frozen=True)
class Material:
    """Features of all images, what is true of them, the group of each (or None), and how they are judged: pairs of rows to learn from and rows held out."""

    task: Task
    metric: Metric
    features: np.ndarray
    truth: np.ndarray
    groups: np.ndarray | None
    pairs: Sequence[tuple[np.ndarray, np.ndarray]]
    balanced: bool
    strength: float
    prepared: bool = False  # whether the features are as `automl_cnn.train.regression.prepare` makes them


def grown(spec: TrialSpec, dataset: Dataset, strength: float, registry: Registry, emit: Emit, *, now: Callable[[], float] = time.monotonic) -> Sizes | None:
    """Measure the readout of `spec`, whose penalty was of `strength`, within the seconds of its fidelity; None where there are too few images or seconds.

    It is judged as the search judges it: by cross-validation over training and validation images where these are few, else by the validation images.

    Raises:
        TrialError: it was stopped, or the features cannot be read.
    """
    began = now()
    with clean():
        keras.utils.set_random_seed(spec.seed)
        training = Training(spec, dataset, registry, emit, began=time.monotonic())
        training.load_pretrained()
        held, learned = dataset.rows("val"), np.random.default_rng(ORDER).permutation(training.rows)[:ENOUGH]
        rows = np.concatenate([held, np.sort(learned)])
        features = read_out(training, rows, len(rows), probe.Stopwatch()).features
    truth, groups = dataset.truth(rows), dataset.photos(rows)
    pairs = [(np.arange(len(held), len(rows)), np.arange(len(held)))]
    if len(held) < FEW:
        pairs = _folds(dataset.task, rows, truth, groups) or pairs
    limit = spec.fidelity.seconds
    material = Material(dataset.task, spec.metric, prepare(features), truth, groups, pairs, training.balanced, strength, prepared=True)
    return measured(material, left=lambda: float("inf") if limit is None else limit - (now() - began), now=now)


def _folds(task: Task, rows: np.ndarray, truth: np.ndarray, groups: np.ndarray | None) -> Pairs:
    """Places in `rows` to learn from and held out, in the folds by which a search judges a readout."""
    order = np.argsort(rows)[np.random.default_rng(SEED).permutation(len(rows))[:ENOUGH]]
    dealt_out = task.folds(truth[order], FOLDS, groups=None if groups is None else groups[order], least=LEAST, seed=SEED)
    return [(order[learn], order[held]) for learn, held in dealt_out]


def measured(material: Material, *, left: Callable[[], float], now: Callable[[], float] = time.monotonic) -> Sizes | None:
    """The scores for each size, the whole first, while `left` gives more seconds than the next size takes; None of fewer than two sizes."""
    known: dict[int, list[np.ndarray]] = {}  # by parts, the answers (images, outputs) of each draw
    judged = np.concatenate([held for _, held in material.pairs])
    parts = [_dealt(material, learn) for learn, _ in material.pairs]
    slowest = 0.0
    if not all(map(np.any, parts)):
        return None
    for size in SIZES:
        began = now()
        if not all(_suffices(material, learn[part < size]) for (learn, _), part in zip(material.pairs, parts, strict=True)) or left() < MARGIN * slowest:
            break
        strength = material.strength if size == PARTS else _strength(material, parts, size)
        draws: list[np.ndarray] = []
        while len(draws) < min(PARTS // size, MOST_DRAWS) and left() > 0:
            draws.append(_answers(material, parts, size, len(draws), strength)[judged])
        if not draws:
            break
        known[size] = draws
        slowest = max(slowest, now() - began)
    if len(known) < 2:
        return None
    return _summed_up(material, known, judged)


def _dealt(material: Material, learn: np.ndarray) -> np.ndarray:
    """The part, 0 to 7, of each image to learn from: strata alike, versions of one photo together. All are 0 where there are too few images."""
    groups = None if material.groups is None else material.groups[learn]
    strata, part = material.task.strata(material.truth[learn]), np.zeros(len(learn), int)
    own = np.arange(len(learn)) if groups is None else groups
    if max((len(np.unique(own[strata == stratum])) for stratum in np.unique(strata)), default=0) < PARTS:
        return part
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer images than parts is in some of them
        for number, (_, mine) in enumerate(dealt(strata, PARTS, groups=groups, seed=SEED)):
            part[mine] = number
    return part


def _suffices(material: Material, rows: np.ndarray) -> bool:
    return len(rows) >= max(LEAST, LEAST_EACH * material.task.outputs) and material.task.enough(material.truth[rows])


def _strength(material: Material, parts: Sequence[np.ndarray], size: int) -> float:
    """The strength with the smallest loss, of the first draw on the first of the pairs."""
    losses = {}
    for strength in (material.strength * factor for factor in NEAR):
        first = dataclasses.replace(material, pairs=material.pairs[:1])
        held = first.pairs[0][1]
        losses[strength] = material.task.loss_of(material.truth[held], _answers(first, parts, size, 0, strength)[held])
    return min(losses, key=losses.__getitem__)


def _answers(material: Material, parts: Sequence[np.ndarray], size: int, draw: int, strength: float) -> np.ndarray:
    """The answers (images, outputs) for all images that are held out, by readouts that learned from the parts of one draw."""
    answers = np.zeros((len(material.truth), material.task.outputs))

    def fit(pair: tuple[tuple[np.ndarray, np.ndarray], np.ndarray]) -> None:
        (learn, held), part = pair
        some, features = learn[part // size == draw], material.features
        balanced, prepared = material.balanced, material.prepared
        fitted = regress(material.task, features[some], material.truth[some], balanced=balanced, seed=SEED, strength=strength, prepared=prepared)
        answers[held] = fitted.answers(features[held])

    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        list(pool.map(fit, zip(material.pairs, parts, strict=False)))
    return answers


def _summed_up(material: Material, known: dict[int, list[np.ndarray]], judged: np.ndarray) -> Sizes:
    truth, task = material.truth[judged], material.task
    groups = np.arange(len(judged)) if material.groups is None else material.groups[judged]
    blocks = list(photo_draws(groups, BOOTSTRAP))
    sizes, drawn = [], []
    for size in sorted(known):
        scores = tuple(task.score(material.metric, truth, answers) for answers in known[size])
        of_draws = [np.concatenate([draw(block) for block in blocks]) for draw in (task.draws(material.metric, truth, answers) for answers in known[size])]
        drawn.append(of_draws[0])
        images = float(np.mean([len(learn) for learn, _ in material.pairs])) * size / PARTS
        sizes.append(Size(round(images), scores, float(np.mean([values.std() for values in of_draws]))))
    varied = [values for values in drawn if values.std() > 0]
    same = np.corrcoef(varied) if len(varied) > 1 else np.eye(2)
    return Sizes(tuple(sizes), float(np.mean(same[np.triu_indices(len(same), 1)])))
