"""Label smoothing: never quite sure."""

from automl_cnn.plugin import Float, Regularizer


class LabelSmoothing(Regularizer):
    """A share `epsilon` of each training label is spread evenly over all the classes.

    Choose it where some labels may be wrong, or the network is too sure of itself. The training
    loss cannot reach 0 any more, so it is no longer to be compared with the validation's.

    Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7
    """

    name = "label_smoothing"
    epsilon = Float(0.0, 0.3, default=0.1)

    def augment(self, images, labels, rng):
        return images, labels * (1 - self.epsilon) + self.epsilon / labels.shape[1]
