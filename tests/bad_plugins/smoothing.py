"""Breaks one rule: it smooths labels of every task as though they were classes, the values of a regression too."""

from automl_cnn.plugin import Regularizer

BROKEN = "its_labels_fit_every_task_it_is_for"


class Smoothing(Regularizer):
    """A tenth of each label goes to all classes. Choose it where some labels are wrong."""

    name = "smoothing"

    def augment(self, images, labels, rng):
        return images, labels * 0.9 + 0.1 / labels.shape[1]
