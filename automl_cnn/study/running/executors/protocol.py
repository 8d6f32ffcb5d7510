"""What an executor is: it trains the jobs it receives, somewhere else, and reports what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from automl_cnn.config import Metric
from automl_cnn.data.dataset import SplitName
from automl_cnn.evidence import Evidence, Matrix
from automl_cnn.growth import Sizes
from automl_cnn.interventions import Interventions
from automl_cnn.records import Calibration, Event, Fidelity, Job, NetCost
from automl_cnn.space import Configuration
from automl_cnn.squares import Candidates, Comparison
from automl_cnn.tasks.task import Judged

FOLD = ".fold-"  # how the names of models of folds begin, which last no longer than the fold


@dataclass(frozen=True)
class Setting:
    """What every trial of a study shares; a worker is given it once."""

    dataset: str  # the file written by Dataset.save
    metric: Metric
    class_weights: str
    seed: int
    plugins_dir: str | None
    checkpoints: str  # folder
    weights: str | None = None  # a file of the user's with pretrained weights
    loss: Literal["squared", "huber"] = "squared"  # of networks that answer numbers
    broken: Mapping[str, str] = field(default_factory=dict)  # plugins that need not be tried again, with their reasons


@dataclass(frozen=True)
class TestScore:
    """The one scoring of the test split."""

    __test__ = False  # no test class, whatever pytest thinks

    score: float
    interval: tuple[float, float]
    confusion: Matrix = ()
    truth: np.ndarray | None = None  # of numbers, (images, outputs)
    answers: np.ndarray | None = None

    @property
    def judged(self) -> Judged:
        """What the model did with the images."""
        return Judged(self.confusion, self.truth, self.answers)


@dataclass(frozen=True)
class Recipe:
    """An ensemble to be made: the members' model files and shares by trial, and the file to write."""

    files: Mapping[int, str]
    shares: Mapping[int, float]
    out: str


@dataclass(frozen=True)
class Joint:
    """An ensemble that was made: the square, in px, that it takes images at, what it costs, and what it says of the validation images."""

    size: int
    cost: NetCost
    probabilities: np.ndarray


@dataclass(frozen=True)
class RefitJob:
    """A scored model's recipe to be trained on more images.

    `model` is the scored model's file, `checkpoint` that of its trial, before calibration, and `out` the file to write. `seconds` limits the training of
    a network, whose rate begins at the share `restart` of the first one's; None: `epochs` epochs. A readout takes what a regression takes, with the penalty
    of `strength`.
    """

    model: str
    checkpoint: str
    out: str
    number: int
    configuration: Configuration
    splits: tuple[SplitName, ...]
    seconds: float | None = None
    epochs: int = 1
    restart: float = 0.5
    strength: float | None = None


@dataclass(frozen=True)
class Refitted:
    """A refit that was made, against the scored model on the `compared` images that only the refit has learned from: correct answers and mean loss in nats."""

    compared: int
    correct: float
    correct_before: float
    loss: float
    loss_before: float


@dataclass(frozen=True)
class FoldJob:
    """The recipe of trial `number`, to be trained without each of `some` of `folds`.

    `seconds` limits a network's training; of a readout, all that is done: folds that would take longer are left out. `strength` is a readout's penalty.
    """

    number: int
    configuration: Configuration
    some: tuple[int, ...]
    folds: int
    epochs: int = 1
    seconds: float | None = None
    strength: float | None = None


@dataclass(frozen=True)
class InterventionJob:
    """Trial `number`, whose training is to be changed for a few steps from its checkpoint."""

    number: int
    configuration: Configuration
    fidelity: Fidelity


@dataclass(frozen=True)
class GrowthJob:
    """The readout of trial `number`, whose penalty was of `strength`, to be fitted on growing parts of its images, in at most `seconds`."""

    number: int
    configuration: Configuration
    strength: float
    seconds: float | None = None
    epochs: int = 1


class Trainer(Protocol):
    """Runs one job at a time in a process that may die without harm: what a slot needs."""

    def configure(self, setting: Setting) -> None:
        """Say what every trial shares."""

    def wait(self, seconds: float) -> bool:
        """Wait until it can be asked for something, at most so long; whether it can."""

    def run(self, job: Job, number: int, patience: Callable[[], float] | None = None) -> Iterator[Event]:
        """Train; yields events, `Finished` last, whatever happens.

        `patience` tells, at any time, the seconds of silence after which the trial is given up.
        """

    def stop(self) -> None:
        """Ask the running trial to end at its next step and to keep its best epoch."""

    def close(self) -> None:
        """End the process."""


class Executor(Trainer, Protocol):
    """A trainer on this machine, which can be asked for other things between two trials and after the last one."""

    def cost(self, configuration: Configuration) -> NetCost:
        """What a configuration's network costs, untrained.

        Raises:
            TrialError: it cannot be built.
        """

    def latency(self, configuration: Configuration) -> float:
        """Milliseconds that its network takes for one image on this machine.

        Raises:
            TrialError: it cannot be built.
        """

    def calibrate(self, model: str) -> Calibration:
        """Set a saved model's temperature by the validation images; the labels it gives stay the same."""

    def fetch(self, architecture: str, weights: str) -> None:
        """Download pretrained weights.

        Raises:
            TrialError: they cannot be had.
        """

    def squares(self, candidates: Candidates, patience: Callable[[], float] | None = None) -> Comparison:
        """How well a frozen network reads images that were made square in each way.

        Raises:
            TrialError: it cannot be built, or the images cannot be read.
        """

    def test(self, model: str) -> TestScore:
        """Score a saved model on the test split."""

    def examine(self, model: str, patience: Callable[[], float] | None = None) -> Evidence:
        """What a saved model does with the validation images: confusion, reliability, its worst mistakes and where it looked."""

    def ensemble(self, recipe: Recipe) -> Joint:
        """Make one model of several.

        Raises:
            TrialError: one of them cannot be read, or they do not fit together.
        """

    def refit(self, job: RefitJob, patience: Callable[[], float] | None = None) -> Refitted:
        """Train a scored model's recipe on more images.

        Raises:
            TrialError: it was stopped, diverged, or a file cannot be read.
        """

    def intervene(self, job: InterventionJob, patience: Callable[[], float] | None = None) -> Interventions:
        """What a trial's network does when its training is changed for a few steps.

        Raises:
            TrialError: its checkpoint is not on this machine, it was stopped, or its network cannot be built.
        """

    def fold(self, job: FoldJob, patience: Callable[[], float] | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each fold, the rows of its images, and the probabilities (images, classes) that a network which has not seen them gives.

        Raises:
            TrialError: it was stopped, or diverged.
        """

    def growth(self, job: GrowthJob, patience: Callable[[], float] | None = None) -> Sizes | None:
        """The scores of a readout on growing parts of its images; None where there are too few images, or seconds.

        Raises:
            TrialError: it was stopped, or the features cannot be read.
        """
