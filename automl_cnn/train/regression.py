"""A linear classifier on features, its strength chosen by cross-validation. Pure: numbers in, numbers out."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from automl_cnn.data.passes import Report
from automl_cnn.errors import TrialError
from automl_cnn.processes import cores
from automl_cnn.tasks import Task
from automl_cnn.tasks.task import Pairs

STRENGTHS = (0.003, 0.03, 0.3, 3.0)  # inverse of the penalty: the smaller, the more the regression is held back
FOLDS = 5
MOST_VALUES = 250_000_000  # features times images: 1 GB, and about twice as much while they are fitted
ENOUGH = 4000  # images that suffice to choose the strength
LEAST = 20  # images without which nothing is held out


@dataclass(frozen=True)
class Regression:
    """Logits are `features @ kernel + bias`: kernel float32 (features, outputs), bias float32 (outputs,).

    `strength` is the chosen one; `held_out` are the answers (images, outputs) for the images that it was chosen on, each given by one of `folds`
    regressions that were fitted on other images, and `held_rows` which of the images these are. Without folds they are all alike.
    """

    task: Task
    kernel: np.ndarray
    bias: np.ndarray
    strength: float
    held_out: np.ndarray
    held_rows: np.ndarray
    folds: int = 0

    def answers(self, features: np.ndarray) -> np.ndarray:
        """(images, features) -> (images, outputs)."""
        return self.task.activate(features.astype(np.float32) @ self.kernel + self.bias)


def regress(
    task: Task,
    features: np.ndarray,
    truth: np.ndarray,
    *,
    balanced: bool,
    seed: int,
    groups: np.ndarray | None = None,
    strength: float | None = None,
    report: Report | None = None,
    prepared: bool = False,
) -> Regression:
    """The regression of `truth` on `features` (images, features), by the task's own linear classifier; `balanced` gives each output the same weight.

    The strength is the one with the smallest loss on held-out folds, of all images or of `ENOUGH` drawn at random. `groups` holds a number for each
    image, the same for versions of one photo: they stay in one fold. Where a `strength` is given, it is taken as it is and nothing is held out.
    Features that are `prepared` already are taken as they are. `report` is given how many of the fits are done, of how many at most.

    So that memory is bounded, no more than `MOST_VALUES` features are learned from: of more images, as many at random as that allows.

    Raises:
        TrialError: a feature is not finite, or there is nothing to distinguish.
    """
    if not np.isfinite(features).all():
        raise TrialError("the pretrained features are not finite: the weights may be damaged")
    if not task.enough(truth):
        raise TrialError(f"the images seen in time are all {task.words.same_kind}: raise --budget")
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it, without types

    most = max(ENOUGH, MOST_VALUES // features.shape[1])
    if len(truth) > most:
        some = np.sort(np.random.default_rng(seed).permutation(len(truth))[:most])
        features, truth, groups = features[some], truth[some], None if groups is None else groups[some]
    features = features.astype(np.float32)
    mean, deviation = features.mean(axis=0), np.ones(features.shape[1], np.float32) if prepared else features.std(axis=0) + 1e-3
    reduced, back = _reduced((features - mean) / deviation)
    rows = np.zeros(0, int) if strength is not None else np.random.default_rng(seed).permutation(len(truth))[:ENOUGH]
    with threadpool_limits(1), warnings.catch_warnings():  # of matrices this small, several cores on one are four times slower than one
        warnings.simplefilter("ignore")  # not converged to the last digit is good enough
        held_out, folds = np.zeros((0, task.outputs)), 0
        if strength is None:
            some_groups = None if groups is None else groups[rows]
            strength, held_out, folds = _chosen(task, reduced[rows], truth[rows], balanced=balanced, seed=seed, groups=some_groups, report=report)
        fitted = task.linear(reduced, truth, strength, balanced=balanced, seed=seed)
    kernel = (back @ fitted.kernel) / deviation[:, None]
    return Regression(task, kernel.astype(np.float32), (fitted.bias - mean @ kernel).astype(np.float32), strength, held_out, rows, folds)


def prepare(features: np.ndarray) -> np.ndarray:
    """Features (images, features) of deviation 1, in as many dimensions as the images span: for many regressions on parts of the same images."""
    features = features.astype(np.float32)
    return _reduced((features - features.mean(axis=0)) / (features.std(axis=0) + 1e-3))[0]


def _reduced(plain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The images in as many dimensions as they span, and the way back: with an L2 penalty, a regression there is the same one."""
    if plain.shape[0] >= plain.shape[1]:
        return plain, np.eye(plain.shape[1], dtype=np.float32)
    values, vectors = np.linalg.eigh((plain @ plain.T).astype(np.float64))  # of the images' products: fewer than the features'
    kept = values > values.max(initial=0.0) * 1e-9
    lengths = np.sqrt(values[kept])
    back = plain.T @ (vectors[:, kept] / lengths)
    return np.asarray(vectors[:, kept] * lengths, np.float32), np.asarray(back, np.float32)


def _chosen(
    task: Task, features: np.ndarray, truth: np.ndarray, *, balanced: bool, seed: int, groups: np.ndarray | None, report: Report | None
) -> tuple[float, np.ndarray, int]:
    """The strength with the smallest loss on held-out folds, the answers (images, outputs) that it gives there, and the number of folds.

    Without folds it is a middling one.
    """
    folds: Pairs = task.folds(truth, FOLDS, groups=groups, least=LEAST, seed=seed)
    losses: dict[float, float] = {}
    guesses: dict[float, np.ndarray] = {}
    options = task.strengths or STRENGTHS
    for strength in options if folds else options[1:2]:
        guess = np.full((len(truth), task.outputs), 1.0 / task.outputs)

        def answer(fold: tuple[np.ndarray, np.ndarray], strength: float = strength, guess: np.ndarray = guess) -> None:
            learn, held = fold
            guess[held] = task.activate(task.linear(features[learn], truth[learn], strength, balanced=balanced, seed=seed).logits(features[held]))

        with ThreadPoolExecutor(cores()) as pool:
            for number, _ in enumerate(pool.map(answer, folds), 1):
                if report is not None:
                    report(len(guesses) * len(folds) + number, len(options) * len(folds) + 1)
        guesses[strength], losses[strength] = guess, task.loss_of(truth, guess)
        if losses[strength] > 1.05 * min(losses.values()):
            break  # it only gets worse from here on
    chosen = min(losses, key=losses.__getitem__)
    return chosen, guesses[chosen], len(folds)
