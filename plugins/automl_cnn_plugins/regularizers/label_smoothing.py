"""Label smoothing: never quite sure."""

from automl_cnn.plugin import Float, Regularizer


class LabelSmoothing(Regularizer):
    """A share `epsilon` of each training label is spread evenly over all the classes.

    Choose it where some labels may be wrong, or the network is too sure of itself. The training
    loss cannot reach 0 any more, so it is no longer to be compared with the validation's.

    Where images have several labels, each label is a choice between yes and no: 1 becomes
    1 - epsilon / 2, and 0 becomes epsilon / 2, whatever the number of labels.

    Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7
    """

    name = "label_smoothing"
    tasks = ("multiclass", "multilabel")
    epsilon = Float(0.0, 0.3, default=0.1)

    def targets(self, labels, task):
        choices = 2 if task == "multilabel" else labels.shape[1]
        return labels * (1 - self.epsilon) + self.epsilon / choices
