"""The texts for people that differ between tasks: one table, by the name of the task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """What the network distinguishes (`one`, `many`), how many of them an image has (`each`), and the wording of findings and scores."""

    one: str
    many: str
    each: str
    images_of: str  # images with a number of these, as in "{images} of {count} classes"
    same: str  # the baseline: the answer that needs no image
    blind: str  # the same of a network that is no better
    usual: str  # what that answer is
    right: str  # of a network that answers an image correctly
    rightly: str  # the same without a verb
    share_right: str  # the share of such images, on the axis of a chart
    cost_title: str  # of the charts of score against cost
    decisions: str  # what has a confidence
    confident: str  # what a confidence is, where that has to be said
    kept: str  # what calibration leaves as it is
    imbalance: str
    small: str  # advice for those with few images
    images_in: str
    same_kind: str  # of two images
    conflict: tuple[str, str]  # of one photo, and of several, whose files do not agree
    conflict_title: str  # headings of problems, where those of `automl_cnn.problems` do not fit
    twice: str  # how the same bytes appear where they do not agree
    elsewhere: str  # why such a file was left out
    small_title: str
    unequal: str
    unequal_search: str
    unequal_title: str
    scarce: str
    shortcut: str  # what can be guessed from the files
    shortcut_title: str
    by_network: str  # what only a network can check
    full_check: str  # what `automl-cnn check` adds to the check of a search
    also_checked: str
    does: str  # of a model card: what the network does, with {number} and {names}
    answers: str
    dealt: str
    knows: str
    heading: str  # of the table with a row for each
    head: tuple[str, ...]
    labels: str  # what images are given by people
    mislabeled: str  # what may be wrong with some of them
    noise: str  # this as a heading
    loss: str  # on the axis of a chart
    spoke: str  # what a heat map shows
    worst: str  # the answers that are looked at
    predicts: str  # what `automl-cnn predict` does
    calibrating: str  # the step after the search, on the validation images
    uncalibrated: str  # that this failed
    readout: str  # what reads the features of a frozen network
    doubted: str  # what no check covers for such images, and why
    unsuited: tuple[str, ...] = ()  # actions that help with no finding, as `automl_cnn.diagnosis.actions` calls it

    def count(self, number: int) -> str:
        """`1 label`, `10 labels`."""
        return f"{number:,} {self.one if number == 1 else self.many}"

    def of(self, images: str, number: int) -> str:
        """Images, and how many classes or labels they have among them."""
        return self.images_of.format(images=images, count=self.count(number))

    def among(self, images: str, number: int) -> str:
        """The same, of a folder that was checked."""
        return self.images_in.format(images=images, count=self.count(number))


MULTICLASS = Words(
    one="class",
    many="classes",
    each="one class each",
    images_of="{images} of {count}",
    same="always predicting the most frequent class",
    blind="always predicting the most frequent class",
    usual="the most frequent class",
    right="is right",
    rightly="right",
    share_right="accuracy",
    cost_title="Accuracy and cost",
    decisions="images",
    confident="",
    kept="no predicted label changes",
    imbalance="the largest class has {times} times the training images of the smallest",
    small="Add images. A hundred per class is a good start for photos.",
    images_in="{images} in {count}",
    same_kind="of the same class",
    conflict=("lies in several classes", "lie in several classes"),
    conflict_title="",
    twice="under several classes",
    elsewhere="the same bytes are in another class",
    small_title="",
    unequal="The classes are imbalanced: {most:,} images of '{frequent}', {least:,} of '{rare}'.",
    unequal_search="It weights the classes in training, and chooses models by {metric}; --metric changes that.",
    unequal_title="",
    scarce="small classes",
    shortcut="The class can be guessed",
    shortcut_title="",
    by_network="labels, outliers and altered copies across classes",
    full_check="checks everything",
    also_checked="checks the labels too",
    does="distinguishes {number} classes: {names}.",
    answers="a probability for each class, summing to one",
    dealt="split by class",
    knows="It knows only these classes and assigns one of them to any image. Set a confidence threshold below which a person decides.",
    heading="Class by class",
    head=("class", "images", "recall", "95 % interval", "precision"),
    labels="labels",
    mislabeled="some of these may be mislabeled",
    noise="label noise",
    loss="loss",
    spoke="the evidence for the prediction",
    worst="worst mistakes",
    predicts="label images",
    calibrating="calibrating the probabilities on the validation images",
    uncalibrated="The probabilities could not be calibrated",
    readout="a logistic regression",
    doubted="",
)
MULTILABEL = Words(
    one="label",
    many="labels",
    each="several labels each",
    images_of="{images}, several of {count} each",
    same="the same prediction for every image",
    blind="the same prediction for every image",
    usual="how frequent each label is",
    right="has all labels right",
    rightly="all labels right",
    share_right="share with all labels right",
    cost_title="Score and cost",
    decisions="decisions",
    confident="Of each image, every label is a decision, and its confidence is that the label applies, or that it does not.",
    kept="the ranking of images by each label does not change",
    imbalance="the most frequent label is on {times} times as many training images as the rarest",
    small="Add images that have these labels. A hundred per label is a good start for photos.",
    images_in="{images}, several of {count} each",
    same_kind="with the same labels",
    conflict=("has different labels in different files", "have different labels in different files"),
    conflict_title="One photo with different labels",
    twice="with different labels",
    elsewhere="the same bytes have other labels in another file",
    small_title="Rare labels",
    unequal="The labels are imbalanced: '{frequent}' is on {most:,} images, '{rare}' on {least:,}.",
    unequal_search="It gives images with rare labels more weight in training, and chooses models by {metric}; --metric changes that.",
    unequal_title="Imbalanced labels",
    scarce="rare labels",
    shortcut="The labels can be guessed",
    shortcut_title="The labels show in the files",
    by_network="labels, and altered copies with different labels",
    full_check="checks the labels and looks for these copies",
    also_checked="checks the labels too",
    does="finds which of {number} labels apply to an image, none to all of them: {names}.",
    answers="a probability for each label; every label that reaches its threshold is predicted",
    dealt="split so that every split has its share of each label",
    knows="It knows only these labels and ignores everything else in an image. Review images of low confidence, which is that of the least certain label.",
    heading="Label by label",
    head=("label", "images with it", "recall", "95 % interval", "precision", "F1", "threshold"),
    labels="labels",
    mislabeled="some of these may be mislabeled",
    noise="label noise",
    loss="loss",
    spoke="the evidence for the label in question",
    worst="worst mistakes",
    predicts="label images",
    calibrating="calibrating the probabilities on the validation images",
    uncalibrated="The probabilities could not be calibrated",
    readout="a logistic regression",
    doubted="images unlike the others: an image may have several labels",
)
REGRESSION = Words(
    one="number",
    many="numbers",
    each="numbers",
    images_of="{images}, {count} each",
    same="always predicting the mean of the training images",
    blind="always predicting the mean",
    usual="the mean of the training images",
    right="is within half a standard deviation",
    rightly="within half a standard deviation",
    share_right="share within half a standard deviation",
    cost_title="Score and cost",
    decisions="images",
    confident="",
    kept="no prediction changes",
    imbalance="",
    small="Add images. A few hundred whose numbers cover the whole range are a good start.",
    images_in="{images}, {count} each",
    same_kind="with the same numbers",
    conflict=("has different numbers in different files", "have different numbers in different files"),
    conflict_title="One photo with different numbers",
    twice="with different numbers",
    elsewhere="the same bytes have another number in another file",
    small_title="Few images",
    unequal="",
    unequal_search="",
    unequal_title="",
    scarce="few images",
    shortcut="The numbers can be guessed",
    shortcut_title="The numbers show in the files",
    by_network="altered copies with different numbers",
    full_check="checks for these copies; the numbers themselves are not checked",
    also_checked="looks for altered copies with different numbers too",
    does="estimates from an image: {names}.",
    answers="one number for each name, in its unit",
    dealt="split so that every split has its share of low and high numbers",
    knows="It knows only the range of numbers that it was trained on. An image unlike its training images gets a number too, and nothing in it shows "
    "that it is wrong.",
    heading="Number by number",
    head=("number", "RMSE", "MAE", "R²", "Spearman", "90 % interval", "coverage"),
    labels="numbers",
    mislabeled="the numbers of some may be wrong",
    noise="noisy numbers",
    loss="mean squared error in standard deviations",
    spoke="what raised the number in question",
    worst="largest errors",
    predicts="read numbers from images",
    calibrating="measuring prediction errors on the validation images",
    uncalibrated="The prediction errors could not be measured",
    readout="a ridge regression",
    doubted="wrong numbers within the range of the others, and images unlike the others: nothing looks for them",
    unsuited=("label smoothing",),
)
WORDS: Mapping[str, Words] = {"multiclass": MULTICLASS, "multilabel": MULTILABEL, "regression": REGRESSION}


def words_for(task: object) -> Words:
    """The words of a task by its name; those of classes if the task is unknown."""
    return WORDS.get(str(task), MULTICLASS)
