"""Averaged weights: the mean of the last steps instead of the last one."""

from automl_cnn.plugin import Choice, Regularizer, keras


class EMA(Regularizer):
    """The network that is scored and kept has the moving average of the weights (Polyak averaging); training goes on with the weights themselves.

    Choose it where scores jump from epoch to epoch: small batches, high or constant rates. It
    averages over about 1 / (1 - `momentum`) steps, but never over more than about the last tenth
    of the training so far, so that a short training is not scored by its beginnings.

    Polyak and Juditsky 1992, https://doi.org/10.1137/0330046
    """

    name = "ema"
    momentum = Choice(0.98, 0.9, 0.995)

    def optimizer(self, optimizer):
        optimizer.use_ema = True
        optimizer.ema_momentum = keras.Variable(0.0, trainable=False, name="ema_momentum")  # a number would be fixed for the whole training
        return optimizer

    def callbacks(self):
        rising = keras.callbacks.LambdaCallback()

        def rise(batch, logs=None):
            steps = int(rising.model.optimizer.iterations)
            rising.model.optimizer.ema_momentum.assign(min(self.momentum, (1 + steps) / (10 + steps)))

        rising.on_train_batch_begin = rise
        return [rising, keras.callbacks.SwapEMAWeights(swap_on_epoch=True)]
