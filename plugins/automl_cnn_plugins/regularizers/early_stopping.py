"""Early stopping: no more epochs than help."""

import math

from automl_cnn.plugin import Float, Regularizer

FEWEST = 8  # epochs of patience: fewer would be chance


class EarlyStopping(Regularizer):
    """Ends a training after a while without a better epoch; the best one's weights are kept in any case.

    Choose it nearly always: the time goes into other trainings. The while is `patience` times the
    epochs planned, at least 8 of them; the better of two epochs has the higher score, of equal scores the
    lower validation loss. With a falling learning rate the best epochs come last, so that much patience is
    wise; lower it where trainings are many and the rate is constant.

    Prechelt 1998, https://doi.org/10.1007/3-540-49430-8_3
    """

    name = "early_stopping"
    default_on = True
    patience = Float(0.1, 1.0, default=0.6)

    def stop(self, epochs):
        if not epochs:
            return False
        best = max(epochs, key=lambda epoch: (epoch.score, -epoch.val_loss))  # of equals, the first
        patience = max(FEWEST, math.floor(self.patience * epochs[-1].epochs + 1e-9))
        return epochs[-1].number - best.number >= patience
