"""What a network is asked: one class of several, every label that applies, or numbers.

All that differs between them is a method here: the output layer, the loss, the scores, the baseline, the folds, the regression of a readout, and how
confident an answer is. The rest of the project asks the task and never its name.

*Truth* is what is known of images: int (images,) for one class each, uint8 (images, labels) for several labels, float (images, numbers) for numbers. *Answers*
are what a network gives, float (images, outputs): a probability for each class or label, or the numbers themselves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from automl_cnn.config import Metric
from automl_cnn.errors import DataError
from automl_cnn.records import Calibration
from automl_cnn.tasks.fidelity import PROBABILITIES, SOUND, Fidelity
from automl_cnn.tasks.suspects import Suspect
from automl_cnn.tasks.words import Words, words_for

TaskName = Literal["multiclass", "multilabel", "regression"]
Scores = Callable[[np.ndarray], np.ndarray]  # weights (draws, images) -> scores (draws,)
Matrix = tuple[tuple[int, ...], ...]
Pairs = list[tuple[np.ndarray, np.ndarray]]  # rows to learn from, and rows that are held out
Field = Literal["text", "texts", "number", "numbers by name"]  # what a column of answers holds
JOINED = "|"  # between the labels of an image, in a cell


@dataclass(frozen=True)
class Units:
    """The last layer of a network that answers numbers: what comes before it has a mean of 0 and a standard deviation of 1, and is made
    `value * scale + offset`, each with a number for each output, in the user's units."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]


Activation = Literal["softmax", "sigmoid"] | Units


@dataclass(frozen=True)
class Linear:
    """A linear model: logits are `features @ kernel + bias`, kernel float32 (features, outputs), bias float32 (outputs,)."""

    kernel: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(images, features) -> (images, outputs)."""
        return np.asarray(features @ self.kernel + self.bias)


@dataclass(frozen=True)
class Miss:
    """One image answered wrongly: its `row`, the output that its `confidence` is about, and the `chance` that the network gave the truth.

    `truths` and `answers` are the outputs that are true and that are answered; of one class each, there is one of either.
    """

    row: int
    output: int
    truths: tuple[int, ...]
    answers: tuple[int, ...]
    confidence: float
    chance: float
    wanted: tuple[float, ...] = ()  # of numbers, the true ones
    given: tuple[float, ...] = ()  # and the answered ones


@dataclass(frozen=True)
class Tally:
    """How one output was answered: the `images` that have it, the images that were `answered` so, and those of these that are `right`."""

    images: int
    answered: int
    right: int

    @property
    def recall(self) -> float | None:
        """The share of the images that have it that were answered so; None where no image has it."""
        return self.right / self.images if self.images else None

    @property
    def precision(self) -> float | None:
        """The share of the images answered so that have it; None where none was."""
        return self.right / self.answered if self.answered else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of the two; None where no image has it and none was answered so."""
        return 2 * self.right / (self.images + self.answered) if self.images + self.answered else None

    def as_dict(self) -> dict[str, float | None]:
        """JSON-ready."""
        return {"images": self.images, "answered": self.answered, "right": self.right, "recall": self.recall, "precision": self.precision, "f1": self.f1}


@dataclass(frozen=True)
class Judged:
    """What a model did with a split of images: the counts of its answers, or, of numbers, truth and answers (images, outputs)."""

    confusion: Matrix = ()
    truth: np.ndarray | None = None
    answers: np.ndarray | None = None


@dataclass(frozen=True)
class Task(ABC):
    """A task of `outputs` classes or labels. Frozen and without state, so that it goes anywhere."""

    outputs: int

    name: ClassVar[TaskName]
    loss: ClassVar[str]  # as Keras calls it, or as `automl_cnn.train.losses` does
    exclusive: ClassVar[bool]  # whether an image has exactly one of the outputs
    probable: ClassVar[bool] = True  # whether answers are probabilities
    least: ClassVar[int]  # outputs
    share: ClassVar[Metric]  # the metric that is the share of images answered correctly; of numbers, which are never quite right, the error
    column: ClassVar[str]  # what a table calls the answer to an image
    doubts_labels: ClassVar[bool] = False  # whether answers can show that single labels may be wrong: whether `suspects` says anything
    returned: ClassVar[str] = "probabilities"  # what exported files call their output
    fidelity: ClassVar[Fidelity] = PROBABILITIES  # how closely exported files have to answer as the original
    strengths: ClassVar[tuple[float, ...]] = ()  # of a readout's regression, the most held back first, where the usual ones do not suit

    @classmethod
    def of(cls, names: Sequence[str], stated: Mapping[str, Any]) -> Task:
        """The task with outputs of these `names`, from what `stated` gave."""
        return cls(len(names))

    @property
    @abstractmethod
    def activation(self) -> Activation:
        """What the network's last layer does."""

    # ---- scores

    @property
    @abstractmethod
    def metrics(self) -> tuple[Metric, ...]:
        """What a winner can be chosen by."""

    @abstractmethod
    def score(self, metric: Metric, truth: np.ndarray, answers: np.ndarray) -> float:
        """The metric; higher is better, none above 1."""

    @abstractmethod
    def interval(
        self, metric: Metric, truth: np.ndarray, answers: np.ndarray, *, groups: Sequence[int] | np.ndarray = (), seed: int = 0
    ) -> tuple[float, float]:
        """The 95 % interval of `score`. `groups` holds a number for each image, the same for versions of one photo: each photo counts once."""

    @abstractmethod
    def draws(self, metric: Metric, truth: np.ndarray, answers: np.ndarray) -> Scores:
        """The scores of many bootstrap draws at once; a draw says how often each image was drawn."""

    @abstractmethod
    def suited(self, counts: Sequence[int] | np.ndarray) -> Metric:
        """The metric to choose by, from the number of training images of each output."""

    @abstractmethod
    def loss_of(self, truth: np.ndarray, answers: np.ndarray) -> float:
        """The mean loss of an image in nats."""

    @property
    def words(self) -> Words:
        """How people read of it."""
        return words_for(self.name)

    @property
    @abstractmethod
    def untrained_loss(self) -> float:
        """The loss of a network before it is trained."""

    @abstractmethod
    def blind_loss(self, shares: Sequence[float]) -> float:
        """The loss of a network that sees nothing: what a training has to get below. `shares` are those of the training images with each output."""

    @abstractmethod
    def right(self, truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Which images are answered correctly, bool (images,); of several labels, all of them."""

    def share_right(self, truth: np.ndarray, answers: np.ndarray) -> float:
        """The share of images that are answered correctly."""
        return float(np.mean(self.right(truth, answers)))

    def extent(self, truth: np.ndarray) -> list[dict[str, Any]]:
        """Of numbers, where those of these images lie, JSON-ready, an entry for each output; nothing of classes and labels, which are counted."""
        return []

    def summed_up(self, images: str, names: Sequence[str], truth: np.ndarray) -> str:
        """In a line: the images, and what is known of each of them."""
        return self.words.of(images, len(names))

    # ---- training

    def counted(self, truth: np.ndarray) -> np.ndarray:
        """How many of the images have each output, int64 (outputs,)."""
        return np.asarray(self.targets(truth).sum(axis=0), np.int64)

    @abstractmethod
    def strata(self, truth: np.ndarray) -> np.ndarray:
        """What any part of the images should have its share of, int (images,)."""

    @abstractmethod
    def targets(self, truth: np.ndarray) -> np.ndarray:
        """What the loss compares answers with, float32 (images, outputs)."""

    @abstractmethod
    def weights(self, truth: np.ndarray) -> np.ndarray:
        """The weight of each output, float32 (outputs,), with which rare ones count as much as frequent ones."""

    @abstractmethod
    def image_weights(self, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The weight of each image in a batch, float32 (images,), from its `targets` (images, outputs) and the outputs' `weights`."""

    @abstractmethod
    def enough(self, truth: np.ndarray) -> bool:
        """Whether these images suffice for training: there is something to distinguish."""

    def narrowed(self, truth: np.ndarray) -> tuple[Task, np.ndarray]:
        """The task, and the truth, without what no image has; of several labels, nothing changes."""
        return self, truth

    # ---- readouts: a linear classifier on features

    @abstractmethod
    def linear(self, features: np.ndarray, truth: np.ndarray, strength: float, *, balanced: bool, seed: int) -> Linear:
        """Fit it. `strength` is the inverse of the L2 penalty; `balanced` gives every output the same weight."""

    @abstractmethod
    def folds(self, truth: np.ndarray, folds: int, *, groups: np.ndarray | None, least: int, seed: int) -> Pairs:
        """Rows in at most `folds` parts, outputs alike, versions of one photo (`groups`) together; none where there are fewer images than `least`."""

    @abstractmethod
    def activate(self, logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """Logits (images, outputs), divided by the temperature, as answers."""

    @abstractmethod
    def logits(self, answers: np.ndarray) -> np.ndarray:
        """Answers as logits, but for a number that `activate` does not see."""

    # ---- confidence

    @abstractmethod
    def softened(self, truth: np.ndarray) -> np.ndarray:
        """Targets with the doubt of one more image (Platt 1999), so that images without an error do not ask for infinite confidence."""

    @abstractmethod
    def cross_entropy(self, targets: np.ndarray, answers: np.ndarray) -> float:
        """The mean loss against `targets` (images, outputs) that need not be 0 and 1."""

    @abstractmethod
    def confidence(self, truth: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of a confidence and whether it was justified, (pairs,) each: of one class, its probability; of several labels, that of each decision."""

    def brier(self, truth: np.ndarray, answers: np.ndarray) -> float:
        """The Brier score: mean squared distance of an image's answers from the truth, 0 is best (Brier 1950)."""
        return float(np.mean(np.sum((answers - self.targets(truth)) ** 2, axis=1)))

    @abstractmethod
    def confusion(self, truth: np.ndarray, answers: np.ndarray) -> Matrix:
        """Counts. Of classes: a row for each true class, a column for each answer. Of labels: a row for each, with the images that have it and are answered
        so, that do not have it and are answered so, that have it and are not, and the others."""

    @abstractmethod
    def tallies(self, confusion: Matrix) -> list[Tally]:
        """The counts of a confusion matrix for each output."""

    def deciding(self, card: Mapping[str, Any]) -> Task:
        """The task with the decisions in a model's card: the threshold of each label, or the widths of intervals."""
        return self

    def decisions(self, calibration: Calibration) -> dict[str, Any]:
        """The card's entries for them, JSON-ready."""
        return {}

    def of_each(self, names: Sequence[str], judged: Judged) -> dict[str, dict[str, float | None]]:
        """How well each output is answered, by name, where there is more to say than a confusion matrix does."""
        return {}

    def lines(self, names: Sequence[str], judged: Judged) -> list[str]:
        """The same for people, a line for each output; none where a score says it all."""
        return []

    def decided(self, calibration: Calibration, truth: np.ndarray, answers: np.ndarray, groups: Sequence[int] | np.ndarray = ()) -> Calibration:
        """What is known of the confidence, with thresholds chosen on calibrated `answers` where answers need some."""
        return calibration

    @abstractmethod
    def mistakes(self, truth: np.ndarray, answers: np.ndarray) -> list[Miss]:
        """The images with wrong predictions, the most confident mistake first."""

    def suspects(self, truth: np.ndarray, answers: np.ndarray) -> list[Suspect]:
        """The labels that may be wrong, the most suspect first, by the `answers` of a model that did not learn from these images."""
        return []

    # ---- answers in words

    @abstractmethod
    def named(self, answers: np.ndarray, names: Sequence[str]) -> Any:
        """What each image is answered: the name of its class, or a list of the names of its labels. Numbers are float64 (images,), or (images, numbers)."""

    def span(self, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The lower and the upper ends of the prediction intervals, in the shape of `named`.

        Raises:
            DataError: the answers are not numbers, or their intervals are not known.
        """
        raise DataError(f"The model predicts {self.words.many}, which have probabilities but no intervals. Call predict_proba.")

    @property
    def no_probabilities(self) -> str:
        """Why predictions have no probabilities, and the alternative; empty where they have some."""
        return ""

    def heads(self, names: Sequence[str]) -> list[str]:
        """The column heads of predictions in a CSV file."""
        return [self.column, "confidence", *names]

    def cells(self, answers: np.ndarray, names: Sequence[str]) -> list[list[str]]:
        """A row of cells for each image, under these heads."""
        joined = (answer if isinstance(answer, str) else JOINED.join(answer) for answer in self.named(answers, names))
        return [[answer, f"{sure:.4f}", *(f"{share:.4f}" for share in row)] for answer, sure, row in zip(joined, self.sureness(answers), answers, strict=True)]

    def fields(self, names: Sequence[str]) -> dict[str, Field]:
        """The columns of a data frame of predictions, and the content of each."""
        return {self.column: "text" if self.exclusive else "texts", "confidence": "number", "probabilities": "numbers by name"}

    def frame(self, answers: np.ndarray, names: Sequence[str]) -> dict[str, list[Any]]:
        """The answers under these heads."""
        shares = [dict(zip(names, map(float, row), strict=True)) for row in answers]
        return dict(zip(self.fields(names), (self.named(answers, names), self.sureness(answers).tolist(), shares), strict=True))

    def columns_of_truth(self) -> list[str]:
        """The columns in which a table has what is asked, where their names are known."""
        return []

    @abstractmethod
    def truth_of(self, labels: Sequence[str], names: Sequence[str]) -> np.ndarray | None:
        """What is known of one image, (1,) or (1, labels), from the name of its class or those of its labels; None where one is not among `names`."""

    @abstractmethod
    def sureness(self, answers: np.ndarray) -> np.ndarray:
        """The confidence in each image's prediction, (images,); with several labels, that of the least certain decision."""

    @abstractmethod
    def agreement(self, answers: np.ndarray, others: np.ndarray, within: float = 0.0) -> float:
        """The share of answers that are the same in both, 1 only if all are; a label whose probability is `within` this of its threshold is as in `others`."""

    def distance(self, answers: np.ndarray, others: np.ndarray) -> float:
        """The largest difference between two networks' answers to the same images: of probabilities, or of numbers in standard deviations."""
        return float(np.abs(np.asarray(answers, np.float64) - others).max())

    def sound(self, answers: np.ndarray) -> bool:
        """Whether these can be answers. The largest of probabilities that are not finite would mean nothing."""
        return bool(np.isfinite(answers).all() and answers.min() >= -SOUND and answers.max() <= 1 + SOUND)

    def stated(self) -> dict[str, Any]:
        """The card's entries for the task, JSON-ready. Empty where each image has one class: cards of earlier versions have none either."""
        return {}

    def output(self) -> dict[str, Any]:
        """The description of the output in model.json, where it is more than a probability for each class."""
        return {}

    # ---- without a network

    @abstractmethod
    def constant(self, learned: np.ndarray) -> np.ndarray:
        """The answer that needs no image, (outputs,): how frequent each output is in the truth of the training images."""

    @abstractmethod
    def baseline(self, metric: Metric, learned: np.ndarray, truth: np.ndarray) -> float:
        """The score of the same answer to every image, chosen by the truth of the training images."""

    @abstractmethod
    def favorite(self, learned: np.ndarray, names: Sequence[str]) -> str:
        """That answer in words, as in "it answers …"."""

    def silent(self, confusion: Matrix) -> list[tuple[int, int]]:
        """The outputs that images have but that are never predicted, each with the number of these images."""
        return [(number, tally.images) for number, tally in enumerate(self.tallies(confusion)) if tally.images and not tally.answered]
